"""The demo: replays the days, shows what was decided and trained, asks for one prediction, writes the report."""

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evertrain.adapters.stage import Stage
from evertrain.demo.canary import CanaryStory, let_a_spoilt_model_in
from evertrain.demo.flights import load_flights, reported_at
from evertrain.demo.replay import Replay
from evertrain.demo.report import ModelStory, describe_gain, render
from evertrain.demo.story import tell_story, to_json_rows
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.terminal import show
from evertrain.terminal.console import console as terminal
from evertrain.terminal.retraining_progress import Step
from evertrain.terminal.versions_table import show_versions

FIRST_DAY = date(2013, 1, 1)
CUT_OFF_AFTER = 100
"""After so many days an upload breaks off half-way: the demo shows what the loop does with it."""

_COLOURS = {
    "batch checked": "dim",
    "drift found": "magenta",
    "retrain": "bold green",
    "hold": "yellow",
    "escalate": "bold red",
    "quarantined": "bold red",
    "promoted": "bold green",
    "rejected": "red",
    "rolled back": "red",
    "failed": "red",
}


def run_demo(stage: Stage, project: Project, *, days: int, report: Path, as_json: bool) -> None:
    """Raises EvertrainError. What was landed stays landed, and a repeat goes on from there."""
    console = Console(stderr=True, highlight=False) if as_json else terminal
    began = monotonic()
    # The classifier first: it has windows that compete.
    models = sorted(project.models_using("flights"), key=lambda spec: -len(spec.training.windows))
    flights = load_flights()
    replayed = [FIRST_DAY + timedelta(days=offset) for offset in range(days)]
    console.print(
        f"Replaying {days} days of flights from {replayed[0]} on: a batch a day, labels three days later.\n"
    )
    Replay(
        stage=stage,
        flights=flights,
        models=models,
        on_step=lambda step: _print_step(console, step),
        cut_off=frozenset(replayed[CUT_OFF_AFTER : CUT_OFF_AFTER + 1]),
    ).run(replayed)
    stories = [tell_story(stage, flights, spec, replayed, now=reported_at(replayed[-1])) for spec in models]
    facts = _facts(stories, replayed, seconds=monotonic() - began)
    report.parent.mkdir(parents=True, exist_ok=True)
    quarantines = stage.batches.quarantines(limit=100)
    report.write_text(
        render(stories, quarantines, title="Evertrain on the flights of 2013", facts=facts), encoding="utf-8"
    )
    rows = to_json_rows(flights.table[flights.table["day"] == replayed[-1]], models[0])
    canary = let_a_spoilt_model_in(stage, models[0], rows)
    answer, curl = _predict_once(stage, models[0], rows[0])
    if as_json:
        found = {"facts": facts, "prediction": answer, "curl": curl, "report": str(report)}
        print(json.dumps(found | {"canary": canary and asdict(canary)}, indent=2))
        return
    _print_end(console, stories, canary, answer=answer, curl=curl, report=report)


def _print_step(console: Console, step: Step) -> None:
    colour = _COLOURS.get(step.name, "default")
    line = f"{step.day}  {step.model:<9} [{colour}]{step.name:<18}[/] {escape(step.text)}"
    console.print(line, soft_wrap=True)


def _facts(stories: Sequence[ModelStory], days: Sequence[date], *, seconds: float) -> dict[str, str]:
    drifted = sum(verdict.status is DriftStatus.DRIFTED for story in stories for verdict in story.verdicts)
    checked = sum(len(story.verdicts) for story in stories)
    return {
        "replayed": f"{days[0]} to {days[-1]}, {len(days)} daily batches",
        "checks": f"{checked:,}, of which {drifted:,} found drift",
        "versions": ", ".join(f"{story.spec.name}: {len(story.versions)}" for story in stories),
        "took": f"{seconds:.0f} s",
    }


def _predict_once(stage: Stage, spec: ModelSpec, row: dict[str, object]) -> tuple[dict[str, object], str]:
    return stage.api.predict(spec.name, row), curl_line(stage.url_for_shells, spec.name, row)


def curl_line(url: str, model: str, row: dict[str, object]) -> str:
    """A shell command that asks for the same prediction, signed with the caller's credentials."""
    sign = [
        "--aws-sigv4",
        f"aws:amz:{os.environ.get('AWS_REGION', 'us-east-1')}:execute-api",
        "--user",
        "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY",
    ]
    words = ["curl", "-s", *sign, "-d", json.dumps(row), f"{url}/models/{model}/predict"]
    # Credentials stay variables, for the shell to expand.
    return " ".join(f'"{word}"' if word.startswith("$") else shlex.quote(word) for word in words)


def _print_end(
    console: Console,
    stories: Sequence[ModelStory],
    canary: CanaryStory | None,
    *,
    answer: dict[str, object],
    curl: str,
    report: Path,
) -> None:
    table = Table(title="\nWhat the loop did", title_justify="left", title_style="bold", header_style="dim")
    for column in (
        "model",
        "batches",
        "drifted",
        "retrain / hold / escalate",
        "versions",
        "champion",
        "window",
        "score",
    ):
        table.add_column(column)
    for story in stories:
        table.add_row(*_summary_row(story))
    console.print(table)
    for story in stories:
        console.print(f"\n[bold]{story.spec.name}[/]: {story.spec.title}")
        console.print(describe_gain(story))
        show.decisions([entry for entry in story.decisions if entry.decision.action.value != "hold"])
        show_versions(story.versions)
    if canary is not None:
        _print_canary(console, canary)
    console.print(f"\n[bold]A prediction[/] over HTTP: {json.dumps(answer)}", soft_wrap=True)
    credentials = "source .localcloud/environment && " if os.environ.get("AWS_ENDPOINT_URL") else ""
    console.print(f"Repeat it:  {credentials}{curl}", soft_wrap=True, markup=False)
    console.print(f"\nThe report with its plots:  [bold]{report}[/]", soft_wrap=True)
    console.print("The embedded cloud stays up; `make down` stops it, `evertrain status` looks at it.")


def _print_canary(console: Console, canary: CanaryStory) -> None:
    said = (
        "\n[bold]A model that went wrong[/] was let in to a quarter of the callers: it answered "
        f"{canary.answered} of {canary.requests} requests and was taken back after {canary.seconds:.0f} s; "
        "the champion answers alone again."
    )
    console.print(said, soft_wrap=True)
    console.print(f"Why: {escape(canary.unwell)}", soft_wrap=True)


def _summary_row(story: ModelStory) -> list[str]:
    drifted = [verdict for verdict in story.verdicts if verdict.status is DriftStatus.DRIFTED]
    features = {name for verdict in drifted for name in verdict.drifted_features}
    actions = [entry.decision.action.value for entry in story.decisions]
    champion = story.champions[-1] if story.champions else None
    version = next((v for v in story.versions if champion and v.version == champion.version), None)
    return [
        story.spec.name,
        f"{len(story.verdicts)}",
        f"{len(drifted)} in {len(features)} features",
        f"{actions.count('retrain')} / {actions.count('hold')} / {actions.count('escalate')}",
        f"{len(story.versions)}",
        champion.version if champion else "none",
        str(version.candidate) if version else "",
        f"{version.gate_score.metric} {version.gate_score.value:.4f}" if version else "",
    ]

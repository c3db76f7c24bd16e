"""`evertrain backfill`: lands one's own history, and ends with a champion."""

import json
import shlex
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.backfill.batches import PastBatch, past_batches
from evertrain.backfill.run import RETRAINING_SECONDS, Backfill
from evertrain.cli.models import find_model
from evertrain.cli.options import (
    Dates,
    Decimal,
    Encoding,
    Rows,
    Separator,
    Thousands,
    duration_option,
    file_format_option,
    progress_bars,
)
from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.landing.batches import Quarantine
from evertrain.domain.training.outcomes import Outcome
from evertrain.replay.raw_rows import read_raw_rows
from evertrain.terminal.console import console
from evertrain.terminal.retraining_progress import RetrainingProgress, Step


def backfill(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a folder below models/")],
    rows: Rows,
    labels: Annotated[str | None, typer.Option(help="Its labels, if they are in files of their own.")] = None,
    batch: Annotated[
        str | None, typer.Option(help="How long a batch is, such as 1d; by default as the group declares.")
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
    dates: Dates = None,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option(help="The folder with models/ and features/.")] = Path(),
) -> None:
    """Land your history batch by batch, with labels at their time; nothing is decided until all of it is there. Then
    train a first champion, if there is none."""
    loaded = load_project(project)
    spec, deployed = find_model(loaded, model), Stage.find(stage)
    declared = file_format_option(
        separator=separator, decimal=decimal, thousands=thousands, encoding=encoding, dates=dates
    ).or_else(spec.group.format)
    batches = past_batches(
        spec,
        read_raw_rows(rows, infer_kinds=False, file_format=declared),
        None if labels is None else read_raw_rows(labels, infer_kinds=False, file_format=declared),
        batch=duration_option("--batch", batch) if batch else None,
        now=deployed.now(),
    )
    set_aside: list[tuple[PastBatch, Quarantine]] = []
    with progress_bars() as progress:
        bar = progress.add_task("landing", total=len(batches))

        def on_batch(each: PastBatch, quarantine: Quarantine | None) -> None:
            if quarantine is not None:
                set_aside.append((each, quarantine))
            progress.advance(bar)

        run = Backfill(stage=deployed, models=loaded.models_using(spec.group.name), on_batch=on_batch)
        run.land(batches)
    _tell_landed(batches, set_aside)
    end = run.first_champion(spec, follow=lambda decision: _follow(deployed, decision))
    _tell_end(end, deployed, model=model)


def _follow(stage: Stage, decision: RecordedDecision) -> Outcome:
    progress = RetrainingProgress(stage=stage, on_step=_print_step, day=date.today())  # noqa: DTZ011  # not shown
    return progress.follow(decision, seconds=RETRAINING_SECONDS)


def _print_step(step: Step) -> None:
    console.print(f"{step.name:<18} {escape(step.text)}", soft_wrap=True)


def _tell_landed(batches: list[PastBatch], set_aside: list[tuple[PastBatch, Quarantine]]) -> None:
    counts: dict[str, list[int]] = {}
    for each in batches:
        counts.setdefault(str(each.feed), []).append(each.rows)
    for feed, rows in counts.items():
        count, have = ("1 batch", "has") if len(rows) == 1 else (f"{len(rows):,} batches", "have")
        console.print(f"{feed}: {count} with {sum(rows):,} rows {have} landed")
    for each, quarantine in set_aside[:5]:
        fault = quarantine.faults[0].message
        console.print(f"[yellow]set aside[/] {each.feed}/{each.name}: {escape(fault)}", soft_wrap=True)
    if len(set_aside) > 5:
        console.print(f"… and {len(set_aside) - 5} more; `evertrain quarantine` lists them")


def _tell_end(end: Outcome | RecordedDecision | None, stage: Stage, *, model: str) -> None:
    if end is None:
        console.print(f"{model} has its champion already; from here on the policy decides")
        return
    if isinstance(end, Outcome) and end.name is EventName.MODEL_PROMOTED:
        console.print(f"[bold green]{model} has its first champion, {end.version}[/]: {escape(end.sentence)}")
        row = json.dumps(stage.example_row(model, end.version))
        console.print("\nIt answers:\n")
        console.print(f"  evertrain predict {model} --json {shlex.quote(row)}", soft_wrap=True, markup=False)
        console.print(f"  evertrain report {model} --out report.html")
        return
    sentence = end.sentence if isinstance(end, Outcome) else end.decision.sentence
    console.print(f"[bold red]{model} has no champion yet[/]: {escape(sentence)}", soft_wrap=True)
    raise typer.Exit(1)

"""Versions of a model for people."""

from collections.abc import Sequence
from datetime import datetime

from rich.markup import escape

from evertrain.domain.deciding.decisions import ROLLS_OUT, RecordedDecision
from evertrain.domain.release.differences import Difference
from evertrain.domain.release.registry import Champion, ModelVersion
from evertrain.terminal.console import console
from evertrain.terminal.show import coloured, new_table
from evertrain.use_cases.release.take_back import TakenBack


def show_versions(found: Sequence[ModelVersion]) -> None:
    metric = found[0].gate_score.metric.value if found else "score"
    # Most projects have none.
    tags = ["tags"] if any(version.tags for version in found) else []
    table = new_table("Versions", "version", "status", "window", "rows", f"{metric} on the gate slice", "gate", *tags)
    for version in found:
        score = version.gate_score
        table.add_row(
            version.version,
            coloured(version.status),
            str(version.candidate),
            f"{version.rows:,}",
            escape(f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"),
            escape(version.gate.sentence),
            *([escape(_format_tags(version))] if tags else []),
        )
    console.print(table if found else "No version has been registered yet.")


def show_tags(version: ModelVersion) -> None:
    console.print(f"[bold]{version.version}[/] of {version.model}: {escape(_format_tags(version)) or 'no tags'}")


def _format_tags(version: ModelVersion) -> str:
    return ", ".join(f"{key}={value}" for key, value in version.tags.items())


def show_answered(model: str, moment: datetime, champion: Champion | None) -> None:
    if champion is None:
        console.print(f"Nobody answered for {model} at {moment:%Y-%m-%d %H:%M}: its first champion came later.")
        return
    console.print(
        f"[bold]{champion.version}[/] answered for {model} at {moment:%Y-%m-%d %H:%M}; "
        f"it was champion since {champion.since:%Y-%m-%d %H:%M}."
    )
    if champion.because:
        console.print(f"A person had let it answer again: {escape(champion.because)}")


def show_differences(first: str, second: str, found: Sequence[Difference]) -> None:
    table = new_table("Differences", "what", first, second)
    for each in found:
        table.add_row(escape(each.what), escape(each.first or "–"), escape(each.second or "–"))
    console.print(table if found else f"{first} and {second} are the same.")


def show_taken_back(model: str, taken_back: TakenBack) -> None:
    champion = taken_back.champion
    if taken_back.instead_of is None:
        console.print(
            f"{champion.version} answers for {model}: it is champion since {champion.since:%Y-%m-%d %H:%M}."
        )
        return
    console.print(
        f"[bold]{champion.version}[/] answers for {model} again. {taken_back.instead_of} is rolled back; "
        f"`evertrain diff {model} {taken_back.instead_of}` tells them apart."
    )


def show_rollout(asked: RecordedDecision) -> None:
    model = asked.model
    console.print(
        f"{asked.decision.evidence[ROLLS_OUT]} begins to answer for {model}. `evertrain status` shows at which step "
        f"it is, `evertrain explain {model} {asked.decision_id}` how it ended; `evertrain rollback {model}` ends it."
    )

"""What `evertrain init` found, and what to do next."""

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from evertrain.domain.errors import list_names
from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.model import ModelSpec
from evertrain.scaffold.proposal import Proposal
from evertrain.terminal.console import console


def _classes(spec: ModelSpec) -> str:
    if not spec.is_multiclass:
        return ""
    return f" as one of {len(spec.label.classes)} classes ({escape(list_names(spec.label.classes))})"


def show_proposal(proposal: Proposal, written: Sequence[Path], *, project: Path, deploys: str) -> None:
    """`deploys`: the command that brings up a loop on this machine."""
    history = proposal.history
    spec, faulty = history.spec, [step for step in history.steps if step.faults]
    first, last = history.steps[0].start, history.steps[-1].now
    console.print(
        f"[bold]{spec.name}[/]: {spec.task.value} of [bold]{escape(spec.label.name)}[/] from "
        f"{len(spec.feature_names)} features{_classes(spec)}, judged by {spec.metric.value}; a label is known "
        f"{format_duration(spec.label.latency)} after its row.",
        soft_wrap=True,
    )
    console.print(
        f"{history.table.num_rows:,} rows from {first:%Y-%m-%d} to {last:%Y-%m-%d}, about "
        f"{proposal.rows_per_batch:,} every {format_duration(history.batch)}; a row is named by "
        f"{escape(spec.group.entity_key)}, its time is {escape(spec.group.event_time)}.",
        soft_wrap=True,
    )
    if spec.is_multiclass and all(each.isdigit() for each in spec.label.classes):
        console.print(
            f"[dim]If {escape(spec.label.name)} is an amount and no class: regression as task, mean_absolute_error "
            "as metric and no classes in model.toml, and a regressor in estimator.py.[/]",
            soft_wrap=True,
        )
    for name, reason in proposal.left_out.items():
        console.print(f"[dim]left out: {escape(name)}: {escape(reason)}[/]", soft_wrap=True)
    if faulty:
        fault = faulty[0].faults[0].message
        console.print(
            f"[yellow]{len(faulty)} of {len(history.steps)} batches would be set aside[/], the first of them because "
            f"{escape(fault)}",
            soft_wrap=True,
        )
    console.print()
    for path in written:
        console.print(f"written: {project / path}", soft_wrap=True)
    where = "" if project == Path() else f" --project {project}"
    console.print("\nNext, would retraining have helped? And is the folder right, once you have changed it?\n")
    for command in (
        f"evertrain backtest {spec.name} --rows {proposal.rows}{where} --html answer.html",
        f"evertrain check{where}",
    ):
        console.print(f"  {command}", soft_wrap=True)
    console.print("\nThen a loop on this machine, with it:\n")
    console.print(f"  {deploys}", soft_wrap=True)

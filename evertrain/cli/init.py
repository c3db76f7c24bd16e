"""`evertrain init`: a feature group and a model's folder from one's own rows."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from evertrain.adapters.project.files import load_project
from evertrain.cli.options import (
    Dates,
    Decimal,
    Encoding,
    InvalidOption,
    Rows,
    Separator,
    Thousands,
    duration_option,
    file_format_option,
)
from evertrain.domain.errors import list_names
from evertrain.replay.raw_rows import read_raw_rows
from evertrain.scaffold.files import project_files, write_files
from evertrain.scaffold.proposal import propose
from evertrain.terminal.init_summary import show_proposal
from evertrain.toolchain.workspace import Workspace

USUAL_LATENCY = "7d"


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the model and of its feature group, such as loans")],
    rows: Rows,
    label: Annotated[str | None, typer.Option(help="The column that is to be predicted.")] = None,
    positive: Annotated[
        str | None, typer.Option(help="Of a label of text: the class whose probability is predicted, such as yes.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The column that names a row, by itself or with its time.")] = None,
    event_time: Annotated[str | None, typer.Option(help="The column that says when a row happened.")] = None,
    latency: Annotated[str | None, typer.Option(help="How long after its row a label is known, such as 7d.")] = None,
    batch: Annotated[
        str | None,
        typer.Option(help="How often rows come, such as 1d; by default a day, or more of few rows."),
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
    dates: Dates = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what is suggested, and ask nothing.")] = False,
    project: Annotated[Path, typer.Option(help="The folder that gets models/ and features/.")] = Path(),
) -> None:
    """Make a model's folder from your own rows: kinds, missing values, rhythm and windows are read from them."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        raise InvalidOption(f"{name}: a name has lower-case letters, digits and _, at most 31, a letter first")

    def ask(option: str, what: str, candidates: Sequence[str], suggestion: str | None) -> str:
        if yes and suggestion is not None:
            return suggestion
        if not is_a_terminal():
            allowed = f": {list_names(candidates)}" if candidates else ""
            suggested = f"; --yes takes {suggestion}" if suggestion else ""
            raise InvalidOption(f"{option} is missing, {what}{allowed}{suggested}")
        allowed = f" ({list_names(candidates)})" if candidates else ""
        chosen = typer.prompt(f"{what[0].upper()}{what[1:]}{allowed}", default=suggestion, err=True)
        if candidates and chosen not in candidates:
            raise InvalidOption(f"{option} {chosen}: there is {list_names(candidates)}")
        return str(chosen)

    declared = file_format_option(
        separator=separator, decimal=decimal, thousands=thousands, encoding=encoding, dates=dates
    )
    raw = read_raw_rows(rows, infer_kinds=True, file_format=declared)
    length = latency or ask("--latency", "how long after its row a label is known", (), USUAL_LATENCY)
    proposal = propose(
        raw,
        rows,
        name=name,
        columns={"--label": label, "--key": key, "--event-time": event_time},
        positive=positive,
        latency=duration_option("--latency", length),
        batch=duration_option("--batch", batch) if batch else None,
        file_format=declared.or_else(raw.found),
        ask=ask,
    )
    written = project_files(proposal)
    write_files(project, written)
    load_project(project)
    workspace = Workspace.of(project)
    workspace.prepare()
    where = "" if project == Path() else f" --project {project}"
    deploys = "make local" if workspace.is_repository else f"evertrain local up{where}"
    show_proposal(proposal, list(written), project=project, deploys=deploys)


def is_a_terminal() -> bool:
    """Where somebody can answer."""
    return sys.stdin.isatty()

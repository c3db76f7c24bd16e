"""What several commands share: how an option's value is read, and how progress is shown."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import parse_duration
from evertrain.domain.project.file_format import FileFormat, file_format_fault
from evertrain.terminal.console import error_console

PASSES_OPTIONS = {command: {"ignore_unknown_options": True} for command in ("cdk", "deploy")}
"""Settings of the commands that hand what they do not know to the CDK's command line."""


class InvalidOption(EvertrainError):
    """An option's value is not one that can be used."""

    exit_status = 2


Separator = Annotated[
    str | None, typer.Option("--separator", help="Of CSV files: what stands between cells, if it is not found.")
]
Decimal = Annotated[
    str | None,
    typer.Option("--decimal", help="Of numbers in text: what begins a fraction, . or , if it is not certain."),
]
Thousands = Annotated[
    str | None, typer.Option("--thousands", help="Of numbers in text: what stands between thousands, or none.")
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Of text files, such as cp1252, if it is not certain.")
]
Dates = Annotated[
    str | None,
    typer.Option("--dates", help="Of dates in text: day_first, month_first, or a pattern such as %d.%m.%Y %H:%M."),
]
"""How text is written, the same in all commands that read files."""


Rows = Annotated[
    str,
    typer.Option(
        "--rows",
        help="Your history: Parquet, Arrow, CSV or JSON Lines; a file, a folder or a pattern, also s3://bucket/prefix.",
    ),
]


def file_format_option(**values: str | None) -> FileFormat:
    """By key of `FileFormat`, as it was named. Raises InvalidOption."""
    if values.get("separator") in ("tab", "\\t"):
        values["separator"] = "\t"
    for key, value in values.items():
        if value is not None and (fault := file_format_fault(key, value)):
            raise InvalidOption(f"--{key} {value}: {fault}")
    found = FileFormat(**values)
    if found.decimal is not None and found.decimal == found.thousands:
        raise InvalidOption(f"--thousands {found.thousands}: it begins the fraction already (--decimal)")
    return found


def duration_option(option: str, text: str) -> timedelta:
    """Raises InvalidOption."""
    try:
        return timedelta(0) if text in ("0", "0d") else parse_duration(text)
    except ValueError as error:
        raise InvalidOption(f"{option} {text}: {error}") from error


def progress_bars() -> Progress:
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=error_console, transient=True)

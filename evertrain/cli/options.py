"""What several commands share: how an option's value is read, and how progress is shown."""

from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import parse_duration
from evertrain.terminal.console import error_console

PASSES_OPTIONS = {command: {"ignore_unknown_options": True} for command in ("cdk", "deploy")}
"""Settings of the commands that hand what they do not know to the CDK's command line."""


class InvalidOption(EvertrainError):
    """An option's value is not one that can be used."""

    exit_status = 2


def duration_option(option: str, text: str) -> timedelta:
    """Raises InvalidOption."""
    try:
        return timedelta(0) if text in ("0", "0d") else parse_duration(text)
    except ValueError as error:
        raise InvalidOption(f"{option} {text}: {error}") from error


def progress_bars() -> Progress:
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=error_console, transient=True)

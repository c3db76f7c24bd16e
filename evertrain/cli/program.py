"""The program `evertrain`: an expected error is one sentence on stderr, and an exit status."""

import sys
from collections.abc import Callable
from importlib import import_module

import typer

from evertrain.domain.errors import EvertrainError


def run() -> None:
    try:
        _app(sys.argv[1:])()
    except EvertrainError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


_ALONE = {
    "backfill": "evertrain.cli.backfill:backfill",
    "backtest": "evertrain.cli.backtest:backtest",
    "drift": "evertrain.cli.drift:drift",
    "init": "evertrain.cli.init:init",
    "tune": "evertrain.cli.tune:tune_command",
}


def _app(arguments: list[str]) -> typer.Typer:
    """The command that is asked for, without what only others need: importing all of it takes seconds."""
    command = arguments[0] if len(arguments) > 1 else ""
    if command in _ALONE:
        module, _, name = _ALONE[command].partition(":")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.callback()(lambda: None)  # so that the command stays a word of the command line
        alone.command(command)(getattr(import_module(module), name))
        return alone
    from evertrain.cli.stage_commands import app  # noqa: PLC0415

    if arguments[:1] and arguments[0] in {each.name or _name(each.callback) for each in app.registered_commands}:
        return app
    from evertrain.cli.main import app as all_commands  # noqa: PLC0415

    return all_commands


def _name(command: Callable[..., object] | None) -> str:
    return getattr(command, "__name__", "")

"""The program `evertrain`: an expected error is one sentence on stderr, and an exit status."""

import sys
from collections.abc import Callable
from importlib import import_module

import typer

from evertrain.cli.extras import ExtraMissing, extra_with
from evertrain.cli.options import PASSES_OPTIONS
from evertrain.domain.errors import EvertrainError


def run() -> None:
    try:
        _app(sys.argv[1:])()
    except EvertrainError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    except ModuleNotFoundError as error:
        extra = extra_with(error.name or "")
        if extra is None:
            raise
        print(ExtraMissing.of(error.name or "", extra), file=sys.stderr)
        sys.exit(ExtraMissing.exit_status)


_ALONE = {
    "backfill": "evertrain.cli.backfill:backfill",
    "check": "evertrain.cli.check:check",
    "backtest": "evertrain.cli.backtest:backtest",
    "cdk": "evertrain.cli.deploy:cdk",
    "deploy": "evertrain.cli.deploy:deploy",
    "doctor": "evertrain.cli.doctor:doctor",
    "drift": "evertrain.cli.drift:drift",
    "init": "evertrain.cli.init:init",
    "local": "evertrain.cli.local:app",
    "tune": "evertrain.cli.tune:tune_command",
}


def _app(arguments: list[str]) -> typer.Typer:
    """The command that is asked for, without what only others need: importing all of it takes seconds."""
    command = next(iter(arguments), "")
    if command in _ALONE:
        module, _, name = _ALONE[command].partition(":")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.callback()(lambda: None)  # so that the command stays a word of the command line
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=command)
        else:
            alone.command(command, context_settings=PASSES_OPTIONS.get(command))(found)
        return alone
    from evertrain.cli.stage_commands import app  # noqa: PLC0415

    if command in {each.name or _name(each.callback) for each in app.registered_commands}:
        return app
    from evertrain.cli.main import app as all_commands  # noqa: PLC0415

    return all_commands


def _name(command: Callable[..., object] | None) -> str:
    return getattr(command, "__name__", "")

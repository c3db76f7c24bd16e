"""Commands that documents and messages name are there, with the options that they are named with."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference.commands import commands
from tests.unit.docs.test_paths import PAGES, ROOT

COMMANDS = commands()
GROUPS = {name.partition(" ")[0] for name in COMMANDS if " " in name}
SHELLS = ("sh", "bash", "console", "shell")


def named_in_page(text: str) -> Iterator[str]:
    """Each `evertrain …` of a page: in blocks for a shell, and in code within a sentence."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for language, block in blocks:
        if language in SHELLS:
            joined = block.replace("\\\n", " ")
            for line in joined.splitlines():
                yield from _in_line(line.partition(" #")[0])
    without_blocks = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from named_in_sentence(without_blocks)


def named_in_sentence(text: str) -> Iterator[str]:
    for code in re.findall(r"`((?:\.venv/bin/)?evertrain [^`]+)`", text):
        yield from _in_line(code)


def _in_line(line: str) -> Iterator[str]:
    for part in re.split(r"&&|\|\||;|(?<!\w)\|(?!\w)", line):
        words = part.strip().removeprefix("$ ")
        if re.match(r"(\.venv/bin/)?evertrain\s", words):
            yield words


def what_is_wrong(line: str) -> str:
    """Empty where it may be typed so; square brackets are around what may be left out."""
    _, *words = shlex.split(line.replace("[", " ").replace("]", " ").replace("\\|", "|"), comments=False)
    name, words = words[0], words[1:]
    if name in GROUPS and words:
        name, words = f"{name} {words[0]}", words[1:]
    if name in ("COMMAND", "…", *GROUPS) or name.startswith("-"):
        return ""
    if name not in COMMANDS:
        return f"there is no command {name}"
    known: dict[str, Any] = {option: each for each in COMMANDS[name].params for option in each.opts}
    rest, given = iter(words), 0
    for word in rest:
        option, has_value, _ = word.partition("=")
        if option == "--help":
            continue
        if option.startswith("--"):
            if option not in known:
                return f"{name} has no {option}"
            if not (known[option].is_flag or has_value) and next(rest, None) is None:
                return f"{name} {option} needs a value"
        elif word != "…":
            given += 1
    arguments = [each for each in COMMANDS[name].params if each.param_type_name == "argument"]
    if given > len(arguments) and all(each.nargs == 1 for each in arguments):
        return f"{name} takes {len(arguments)} arguments"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_commands_and_options_that_are_there(page: Path) -> None:
    wrong = {line: what_is_wrong(line) for line in named_in_page(page.read_text(encoding="utf-8"))}
    assert {line: reason for line, reason in wrong.items() if reason} == {}


def test_messages_name_commands_and_options_that_are_there() -> None:
    found = {}
    for path in [*ROOT.glob("evertrain/**/*.py"), *ROOT.glob("infra/*.py"), *ROOT.glob("lambdas/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for line in named_in_sentence(node.value):
                    found[line] = what_is_wrong(line)
    assert len(found) > 20
    assert {line: reason for line, reason in found.items() if reason} == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("evertrain drift a.csv b.csv --html page.html", ""),
        ("evertrain tune MODEL --rows FILE [--write]", ""),
        (".venv/bin/evertrain land loans a.csv b.csv c.csv --labels", ""),
        ("evertrain local up --port 4570", ""),
        ("evertrain local sideways", "there is no command local sideways"),
        ("evertrain forecast loans", "there is no command forecast"),
        ("evertrain drift a.csv b.csv --page page.html", "drift has no --page"),
        ("evertrain status loans trips", "status takes 1 arguments"),
        ("evertrain backtest --rows", "backtest --rows needs a value"),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, reason: str) -> None:
    assert what_is_wrong(line) == reason


def test_pages_are_read_as_they_are_written() -> None:
    shell = "```sh\nx=1; evertrain land \\\n  loans a.csv || true # twice\n```\n"
    page = f"Ask `evertrain status`:\n{shell}```python\nevertrain.drift()\n```\n"
    found = [" ".join(line.split()) for line in named_in_page(page)]
    assert found == ["evertrain land loans a.csv", "evertrain status"]

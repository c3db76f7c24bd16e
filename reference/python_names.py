"""The part of docs/python.md that lists names: signatures and docstrings, from the code."""

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from typing import Any

import evertrain
from evertrain.domain.project.duration import format_duration

BEGIN, END = "<!-- from here on made by `make reference` -->", "<!-- to here -->"


def with_python_names(page: str) -> str:
    """The page with its list of names as the code has them. Raises ValueError where it has no place for them."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"docs/python.md needs {BEGIN} and {END}")
    names = "\n\n".join(_names())
    return f"{before}{BEGIN}\n\n{names}\n\n{END}{after}"


def _names() -> Iterator[str]:
    for name in evertrain.__all__:
        found = getattr(evertrain, name)
        yield from _class(name, found) if inspect.isclass(found) else _function(name, found)


def _function(name: str, function: Any) -> Iterator[str]:
    yield f"### `{name}`"
    yield f"```python\n{_signature(name, function)}\n```"
    yield f"```text\n{inspect.getdoc(function)}\n```"


def _class(name: str, cls: type) -> Iterator[str]:
    yield f"### `{name}`"
    yield (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")
    rows = [f"| `{how}` | {means} |" for how, means in _members(cls)]
    if rows:
        yield "\n".join(["| | |", "|---|---|", *rows])


def _members(cls: type) -> Iterator[tuple[str, str]]:
    """What is public and told in a docstring."""
    fields = {each.name for each in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    for name, member in vars(cls).items():
        is_told = isinstance(member, property) or inspect.isroutine(getattr(cls, name, None))
        if name.startswith("_") or name in fields or not is_told:
            continue
        function = member.fget if isinstance(member, property) else getattr(cls, name)
        how = name if isinstance(member, property) else _on_one_line(_signature(name, function))
        means = " ".join((inspect.getdoc(function) or "").split())
        yield how.replace("|", "\\|"), means.replace("|", "\\|")


def _signature(name: str, function: Any) -> str:
    """Types as they are written, defaults as the values that they are."""
    definition: Any = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    given = definition.args
    written = [*given.args, *given.kwonlyargs, *filter(None, [given.vararg, given.kwarg])]
    types = {each.arg: f": {ast.unparse(each.annotation)}" if each.annotation else "" for each in written}
    parts: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {_value(parameter.default)}"
        parts.append(f"{stars}{parameter.name}{types[parameter.name]}{default}")
    answer = f" -> {ast.unparse(definition.returns).strip(chr(39))}" if definition.returns else ""
    short = f"{name}({', '.join(parts)}){answer}"
    return short if len(short) < 100 else "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){answer}"])


def _value(default: object) -> str:
    """
    >>> from datetime import timedelta
    >>> _value(timedelta(days=3)), _value("x")
    ("'3d'", "'x'")
    """
    if isinstance(default, timedelta):
        return repr(format_duration(default))
    return repr(default.value) if isinstance(default, Enum) else repr(default)


def _on_one_line(signature: str) -> str:
    return re.sub(r",\n\)", ")", re.sub(r"\(\n\s+", "(", signature)).replace("\n    ", " ")

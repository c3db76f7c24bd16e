"""Where in a TOML file a key stands. The standard library's reader does not tell."""

import re
from collections.abc import Iterator

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def line_of(text: str, key: str) -> int | None:
    """The line, from 1, of a key such as `label.latency` or `gate.slices.0.column`; of its table where the key is not
    there; None where neither is.

    >>> line_of('title = "x"\\n[label]\\nname = "late"\\n', "label.name"), line_of("[label]\\n", "label.latency")
    (3, 1)
    """
    wanted = key.split(".")
    depth, found = 0, None
    for line, path in _keys(text):
        if len(path) > depth and path == wanted[: len(path)]:
            depth, found = len(path), line
    return found


def _keys(text: str) -> Iterator[tuple[int, list[str]]]:
    table: list[str] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _parts(header[2])
            if header[1] == "[[":
                name = ".".join(table)
                table = [*table, str(counts.get(name, 0))]
                counts[name] = counts.get(name, 0) + 1
            yield number, table
        elif found := _KEY.match(line):
            yield number, [*table, *_parts(found[1])]


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]

"""How a text file separates its cells and writes its fractions: found where it is certain, else as usual."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from typing import BinaryIO

DELIMITERS = ",;\t|"
SAMPLE_BYTES, LINES = 1 << 16, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    delimiter: str = ","
    decimal_point: str = "."


def dialect_of(file: BinaryIO | BufferedIOBase) -> Dialect:
    """From the file's beginning, where it is left."""
    file.seek(0)
    sample = file.read(SAMPLE_BYTES).decode("utf-8", errors="replace")
    file.seek(0)
    return detect_dialect(sample)


def detect_dialect(sample: str) -> Dialect:
    """`sample`: the file's beginning; its last line may be cut.

    A delimiter is certain where every line has as many cells as the header, and more than one. A decimal comma, where
    cells are delimited by something else and some column has numbers with commas, and none with points.

    >>> detect_dialect("preis;ort\\n48,63;Bonn\\n6,56;Ulm\\n")
    Dialect(delimiter=';', decimal_point=',')
    >>> detect_dialect("a,b\\n1.5,2\\n")
    Dialect(delimiter=',', decimal_point='.')
    """
    lines = sample.splitlines()[:LINES]
    lines = lines[:-1] if len(lines) > 1 and not sample.endswith(("\n", "\r")) else lines
    delimiter = next((each for each in DELIMITERS if _separates(lines, each)), ",")
    if delimiter == ",":
        return Dialect()
    _, *rows = csv.reader(lines, delimiter=delimiter)
    columns = [[cell.strip() for cell in cells if cell.strip()] for cells in zip(*rows, strict=True)]
    has_commas, has_points = (any(_are_numbers(cells, point) for cells in columns) for point in ",.")
    return Dialect(delimiter=delimiter, decimal_point="," if has_commas and not has_points else ".")


def _are_numbers(cells: Sequence[str], point: str) -> bool:
    """All of them, and some with that decimal point."""
    number = re.compile(rf"[-+]?\d+({re.escape(point)}\d+)?")
    return all(map(number.fullmatch, cells)) and any(point in cell for cell in cells)


def _separates(lines: Sequence[str], delimiter: str) -> bool:
    widths = {len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells}
    return len(widths) == 1 and widths.pop() > 1

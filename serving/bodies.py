"""From a request's body to rows, as `validate_rows` takes them. What a row holds is judged there; here is refused
what has no rows in it. Rows of CSV and JSON Lines are counted as those of JSON are, from 0."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evertrain.domain.deployment.routes import MAX_BODY_BYTES
from evertrain.domain.errors import shorten
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.scoring import Feature
from serving.media_types import Form, MediaType
from serving.responses import Refusal

MISSING_CELLS = ("", "null", "NULL", "NaN")
"""As in files that land."""
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "1": True, "false": False, "False": False, "FALSE": False} | {
    "0": False
}
_OTHER = re.compile(r"[;\t|]")
"""Separators of CSV files that land; a body has commas."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """`are_many`: it was a list; a single row is one of one. `rows`: not judged yet."""

    rows: Any
    are_many: bool


def body_of(event: Mapping[str, Any]) -> bytes:
    """Raises Refusal."""
    raw = event.get("body") or ""
    try:
        body = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
    except ValueError as error:
        raise Refusal(400, f"the body cannot be decoded: {error}") from error
    if len(body) > MAX_BODY_BYTES:
        raise Refusal(
            413, f"the body has {len(body):,} bytes, {MAX_BODY_BYTES:,} are allowed; send fewer rows at once"
        )
    if not body:
        raise Refusal(400, 'the body is empty; send one row as an object of features, or {"rows": [...]}')
    return body


def read_rows(body: bytes, sent: MediaType, features: Sequence[Feature]) -> Asked:
    """Raises Refusal."""
    if sent.form is Form.JSON:
        document = _json(body, "the body is not JSON")
        # One row may be sent as it is, many as {"rows": [...]}.
        are_many = isinstance(document, dict) and set(document) == {"rows"}
        if not are_many and _has_rows(document, features):
            other = shorten(min(name for name in document if name != "rows"))
            raise Refusal(400, f"{other}: nothing may stand beside rows; put a feature into each row")
        return Asked(document["rows"] if are_many else [document], are_many)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    rows = _json_lines(text) if sent.form is Form.JSON_LINES else _csv_rows(text, sent, features)
    return Asked(list(rows), are_many=True)


def _has_rows(document: Any, features: Sequence[Feature]) -> bool:
    """Where no feature is called so."""
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        return False
    return all(feature.name != "rows" for feature in features)


def _json_lines(text: str) -> Iterator[Any]:
    lines = [line for line in text.split("\n") if line.strip()]
    for index, line in enumerate(lines):
        yield _json(line, f"row {index}: not JSON")


def _json(text: str | bytes, fault: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"{fault}: {error}") from error


def _csv_rows(text: str, sent: MediaType, features: Sequence[Feature]) -> Iterator[dict[str, Any]]:
    lines = _lines(text)
    kinds = {feature.name: feature.kind for feature in features}
    columns = next(lines, []) if sent.has_header else list(kinds)
    if len(set(columns)) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise Refusal(400, f"the header names {shorten(twice)!r} twice")
    if sent.has_header and len(columns) == 1 and columns[0] not in kinds and (other := _OTHER.search(columns[0])):
        name = "tabs" if other[0] == "\t" else f'"{other[0]}"'
        raise Refusal(400, f"the header looks separated by {name}; write a comma between cells")
    for index, cells in enumerate(lines):
        if len(cells) != len(columns):
            expected = "its header names" if sent.has_header else "the model has features"
            raise Refusal(400, f"row {index}: {len(cells)} values, and {expected} {len(columns)}")
        yield {name: _value(cell, kinds.get(name)) for name, cell in zip(columns, cells, strict=True)}


def _lines(text: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from (cells for cells in reader if cells)
    except csv.Error as error:
        raise Refusal(400, f"line {reader.line_num}: not CSV: {error}") from error


def _value(cell: str, kind: FeatureKind | None) -> object:
    """What a cell says; text where it says nothing of its kind, which is then refused as such."""
    if cell in MISSING_CELLS:
        return None
    if kind is FeatureKind.NUMERIC:
        return float(cell) if _NUMBER.fullmatch(cell.strip()) else cell
    if kind is FeatureKind.BOOLEAN:
        return _BOOLEANS.get(cell.strip(), cell)
    return cell

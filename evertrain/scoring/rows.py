"""Validates the rows of a prediction request: what does not fit the model's schema is named, nothing is guessed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeGuard

from evertrain.domain.errors import EvertrainError, list_names, shorten
from evertrain.domain.project.feature_group import FeatureKind

Row = Mapping[str, object]

_EXPECTED = {
    FeatureKind.NUMERIC: "a number",
    FeatureKind.CATEGORICAL: "text",
    FeatureKind.BOOLEAN: "true or false",
    FeatureKind.TIMESTAMP: "an ISO 8601 time",
}
_LEFT_OUT = object()
_NUMERIC = FeatureKind.NUMERIC


class InvalidRow(EvertrainError):
    """A row lacks a feature, has one too many, or one of a wrong type; the text names row and feature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature of an artifact. `nullable`: it may be null, which means missing. `example`: a valid value."""

    name: str
    kind: FeatureKind
    nullable: bool
    example: float | str | bool


def read_time(value: object, *, utc_offset: timedelta = timedelta()) -> datetime | None:
    """The time of ISO 8601 text, in UTC; without a zone, it is `utc_offset` ahead. None for anything else.

    >>> read_time("2013-04-01T02:00"), read_time("2013-04-01T02:00", utc_offset=timedelta(hours=2)).hour
    (datetime.datetime(2013, 4, 1, 2, 0, tzinfo=datetime.timezone.utc), 0)
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        return time and (time if time.tzinfo else time.replace(tzinfo=timezone(utc_offset))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def has_zone(time: str) -> bool:
    """Whether ISO 8601 text names its zone."""
    return datetime.fromisoformat(time).tzinfo is not None


def is_number(value: object) -> TypeGuard[float]:
    # Python's bool is an int, and its JSON reader takes NaN, Infinity and integers that no float holds.
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def validate_rows(rows: object, features: Sequence[Feature], *, asked_at: datetime | None = None) -> Sequence[Row]:
    """The rows as a model takes them: each must have these features, with values of their kinds, and no others. One
    that may be null may also be left out.

    `asked_at`: a time becomes its age in days at this moment. None: the rows hold ages already. Raises InvalidRow.
    """
    if not isinstance(rows, list):
        raise InvalidRow(f"rows: a list of objects, not {_describe(rows)}")
    if not rows:
        raise InvalidRow("rows: the list is empty; at least one row is needed")
    are_ages = asked_at is None
    valid = [
        _valid_row(row, features, times_are_ages=are_ages, where=f"row {index}: " if len(rows) > 1 else "")
        for index, row in enumerate(rows)
    ]
    if asked_at is None:
        return valid
    times = [feature.name for feature in features if feature.kind is FeatureKind.TIMESTAMP]
    return [row | {name: _age(row[name], asked_at) for name in times} for row in valid] if times else valid


def _age(value: object, asked_at: datetime) -> float | None:
    time = read_time(value)
    return None if time is None else (asked_at - time) / timedelta(days=1)


def _valid_row(row: object, features: Sequence[Feature], *, times_are_ages: bool, where: str) -> dict[str, object]:
    if not isinstance(row, dict):
        raise InvalidRow(f"{where}an object of features, not {_describe(row)}")
    left_out: dict[str, object] = {}
    for feature in features:
        value = row.get(feature.name, _LEFT_OUT)
        if type(value) is float and feature.kind is _NUMERIC and math.isfinite(value):
            continue  # As most are; each request waits for this.
        if value is _LEFT_OUT:
            if not feature.nullable:
                expected = _EXPECTED[feature.kind]
                raise InvalidRow(f"{where}{feature.name}: missing; it must be {expected}")
            left_out[feature.name] = None
        elif not _is_valid(value, feature, times_are_ages=times_are_ages):
            expected = _EXPECTED[feature.kind] + (" or null" if feature.nullable else "")
            raise InvalidRow(f"{where}{feature.name}: must be {expected}, not {_describe(value)}")
    if len(row) + len(left_out) > len(features):
        names = {feature.name for feature in features}
        unknown = next(name for name in row if name not in names)
        raise InvalidRow(f"{where}{shorten(unknown)}: this model has no such feature; it has {list_names(names)}")
    return left_out | row if left_out else row


def _is_valid(value: object, feature: Feature, *, times_are_ages: bool) -> bool:
    if value is None:
        return feature.nullable
    if feature.kind is FeatureKind.CATEGORICAL:
        return isinstance(value, str)
    if feature.kind is FeatureKind.BOOLEAN:
        return isinstance(value, bool)
    if feature.kind is FeatureKind.TIMESTAMP and not times_are_ages:
        return read_time(value) is not None
    return is_number(value)


def _describe(value: object) -> str:
    """What kind of value it is; not the value, which is the caller's business and not a log's."""
    kinds = {type(None): "null", bool: "true or false", dict: "an object", list: "a list", str: "text"}
    if is_number(value):
        return "a number"
    is_huge = isinstance(value, int) and not isinstance(value, bool)
    return "a number that no float can hold" if is_huge else kinds.get(type(value), "NaN or Infinity")

"""What a column without a declaration holds, so that two files agree on it; and its values as that kind.

A file's own types are a guess: of a CSV file they follow from its cells, and another file may have other cells. So
the reference's kind counts, and where the two differ it is asked whether both can be read as the same.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.tables.columns import is_text
from evertrain.tables.written_values import as_levels

IDENTIFIER_SHARE, MIN_IDENTIFIERS = 0.5, 20
"""Text with more different values than this share of the rows, and more than so many, names rows, not levels."""

TIME = pa.timestamp("us", tz="UTC")


class NotOfKind(ValueError):
    """The values cannot be read as the kind."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """`values`: the column's first rows. `is_written`: it stands in the file as text, so that its type is a guess."""

    kind: FeatureKind
    values: Any
    is_written: bool

    @property
    def is_whole(self) -> bool:
        return bool(pa.types.is_integer(self.values.type)) or _are_whole(self.values)


def kind_of_type(stored: pa.DataType) -> FeatureKind | None:
    """None for what cannot be compared, such as a list."""
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if pa.types.is_boolean(stored):
        return FeatureKind.BOOLEAN
    if is_text(stored):
        return FeatureKind.CATEGORICAL
    if pa.types.is_integer(stored) or pa.types.is_floating(stored) or pa.types.is_decimal(stored):
        return FeatureKind.NUMERIC
    if pa.types.is_timestamp(stored) or pa.types.is_date(stored):
        return FeatureKind.TIMESTAMP
    return None


def agreed_kind(reference: Guess, other: Guess | None) -> FeatureKind:
    """As which both can be read; the reference's own where there is no such kind."""
    if other is None or other.kind is reference.kind:
        both_are_times = _looks_like_time(reference) and (other is None or _looks_like_time(other))
        return FeatureKind.TIMESTAMP if both_are_times else reference.kind
    kinds = {reference.kind, other.kind}
    if kinds == {FeatureKind.BOOLEAN, FeatureKind.NUMERIC}:
        numbers = reference if reference.kind is FeatureKind.NUMERIC else other
        return FeatureKind.BOOLEAN if _are_flags(numbers.values) else reference.kind
    if kinds == {FeatureKind.TIMESTAMP, FeatureKind.CATEGORICAL}:
        text = reference if reference.kind is FeatureKind.CATEGORICAL else other
        return FeatureKind.TIMESTAMP if _looks_like_time(text) else reference.kind
    are_numbers = reference.kind is FeatureKind.NUMERIC and other.kind is FeatureKind.CATEGORICAL
    are_codes = are_numbers and reference.is_written and reference.is_whole
    return FeatureKind.CATEGORICAL if are_codes else reference.kind


def look_like_identifiers(different: int, filled: int) -> bool:
    """So many different texts in so many rows that have one."""
    return different > max(MIN_IDENTIFIERS, IDENTIFIER_SHARE * filled)


def is_index(name: str, values: Any) -> bool:
    """Whether a column is the index of a data frame, which has no name, or got one when it was read again. `values`:
    some of its rows, in the file's order."""
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if not _UNNAMED.fullmatch(name) or not is_number:
        return False
    if name.startswith("__index_level_"):
        return True  # so Arrow calls nothing else: its rows may have been chosen or put in another order
    numbers = np.asarray(pc.drop_null(pc.cast(values, pa.float64())))
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all())


_UNNAMED = re.compile(r"|Unnamed: \d+|index|__index_level_\d+__")


def why_no_levels(values: Any) -> str:
    """Of a text column: why its values are no levels to be compared, in half a sentence; empty where they are."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    filled = len(values) - values.null_count
    different = pc.count_distinct(values).as_py() if filled else 0
    if not look_like_identifiers(different, filled):
        return ""
    counted = f"{different:,} different values in {filled:,} rows look like"
    some = [str(value) for value in pc.unique(values.slice(0, 200)).to_pylist() if value is not None]
    if all(map(_DATE.fullmatch, some)):
        return f"{counted} dates; say by --dates how they are written, such as --dates %d-%b-%Y"
    if all(map(_NUMBER_WITH_UNIT.fullmatch, some)):
        return f"{counted} numbers with a unit; write them without it"
    return f"{counted} an identifier"


_MONTH = r"(\d{1,2}|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
_DATE = re.compile(
    rf"(\d{{1,4}}[./ -]+{_MONTH}[./ -]+\d{{2,4}}|{_MONTH}\.? \d{{1,2}},? \d{{4}})([ T,].*)?", re.IGNORECASE
)
_NUMBER_WITH_UNIT = re.compile(r"[-+]?[\d.,]*\d\s*(%|[€$£¥]|[A-Za-z]{1,3})|[€$£¥]\s*[-+]?[\d.,]*\d")


def as_kind(values: Any, kind: FeatureKind) -> Any:
    """An Arrow column of that kind. Raises NotOfKind."""
    if kind_of_type(values.type) is kind:
        return _as_levels(values) if kind is FeatureKind.CATEGORICAL else values
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_null(values.type):
        return values.cast(
            {FeatureKind.CATEGORICAL: pa.string(), FeatureKind.TIMESTAMP: TIME}.get(kind, pa.float64())
        )
    try:
        return _CONVERSIONS[kind](values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise NotOfKind(kind.value) from error  # the error quotes a value


def _as_levels(values: Any) -> Any:
    """Of text, or codes of it: spelled as typed values would be."""
    if not pa.types.is_dictionary(values.type):
        return as_levels(values)
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    if all(as_levels(each.dictionary) is each.dictionary for each in chunks):
        return values
    return as_levels(values.cast(values.type.value_type))


def _as_text(values: Any) -> Any:
    if pa.types.is_floating(values.type) and _are_whole(values):
        values = values.cast(pa.int64())  # 7.0 is the code 7, of a column with gaps
    return values.cast(pa.string())


def _as_flag(values: Any) -> Any:
    if is_text(values.type):
        found = pc.index_in(pc.utf8_lower(pc.utf8_trim_whitespace(values)), value_set=pa.array(_FLAGS))
        if found.null_count > values.null_count:
            raise NotOfKind(FeatureKind.BOOLEAN.value)
        return pc.equal(pc.bit_wise_and(found, 1), 1)
    if not _are_flags(values):
        raise NotOfKind(FeatureKind.BOOLEAN.value)
    return values.cast(pa.bool_())


_FLAGS = ("false", "true", "0", "1", "f", "t", "0.0", "1.0", "no", "yes", "n", "y")
"""False and true in turn."""


def _as_number(values: Any) -> Any:
    return values.cast(pa.int8() if pa.types.is_boolean(values.type) else pa.float64())


def _as_time(values: Any) -> Any:
    """Text with an offset is in that zone, without one in UTC."""
    if not is_text(values.type):
        raise NotOfKind(FeatureKind.TIMESTAMP.value)
    try:
        return values.cast(TIME)
    except pa.ArrowInvalid:
        return values.cast(pa.timestamp("us")).cast(TIME)


_EMPTY = {
    FeatureKind.CATEGORICAL: pa.string(),
    FeatureKind.BOOLEAN: pa.bool_(),
    FeatureKind.NUMERIC: pa.float64(),
    FeatureKind.TIMESTAMP: TIME,
}
"""Types of columns without any value."""

_CONVERSIONS = {
    FeatureKind.CATEGORICAL: _as_text,
    FeatureKind.BOOLEAN: _as_flag,
    FeatureKind.NUMERIC: _as_number,
    FeatureKind.TIMESTAMP: _as_time,
}


def _are_whole(numbers: Any) -> bool:
    return pc.all(pc.equal(pc.floor(numbers), numbers)).as_py() is not False


def _are_flags(numbers: Any) -> bool:
    return set(pc.unique(numbers).to_pylist()) <= {0, 1, None}


def _looks_like_time(guess: Guess) -> bool:
    """By its first values."""
    if guess.kind is not FeatureKind.CATEGORICAL:
        return False
    some = pc.drop_null(guess.values.slice(0, 1_000))
    try:
        as_kind(some, FeatureKind.TIMESTAMP)
    except NotOfKind:
        return False
    return len(some) > 0

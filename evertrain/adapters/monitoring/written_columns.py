"""Columns of numbers and dates that stand in a table as text, read as what they mean, whatever format it is in."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.files.text import UTF_8_NAMES
from evertrain.adapters.monitoring.table_sources import TableSource, UnusableFile
from evertrain.domain.project.file_format import DateOrder
from evertrain.tables.columns import is_text
from evertrain.tables.written_values import (
    Ambiguous,
    NotReadable,
    Spelling,
    Values,
    look_like,
    read_numbers,
    read_times,
    settle,
    written_columns,
)


@dataclass(frozen=True)
class ReadColumns:
    """A source whose written columns are read. `hint`: how the table that it is compared with is written, which holds
    where this one leaves it open."""

    inner: TableSource
    hint: Callable[[], Spelling] | None = None

    @property
    def is_written(self) -> bool:
        return self.inner.is_written

    @property
    def index_names(self) -> Sequence[str]:
        return self.inner.index_names

    @cached_property
    def spelling(self) -> Spelling:
        """As far as it is certain."""
        found = self.inner.spelling
        if self._first is not None and self._texts:
            found = settle(written_columns(pa.Table.from_batches([self._first.select(self._texts)])), found)
        hint = found if self.hint is None else self.hint()
        # A point is nearly everywhere, and says little of how another file is written.
        comma = hint.decimal if hint.decimal == "," else None
        return replace(found, decimal=found.decimal or comma, dates=found.dates or hint.dates)

    @cached_property
    def schema(self) -> pa.Schema:
        fields = [
            field.with_type(self._examined[field.name].type) if field.name in self._examined else field
            for field in self.inner.schema
        ]
        return pa.schema(fields, metadata=self.inner.schema.metadata)

    @cached_property
    def unclear(self) -> Mapping[str, str]:
        """By column that looks like numbers or dates, why it cannot be read as such."""
        return {name: each.why_unclear for name, each in self._examined.items() if each.why_unclear}

    @cached_property
    def head(self) -> pa.RecordBatch | None:
        """The first rows, with all columns."""
        return None if self._first is None else self._with_read(self._first, [*self._read], first_row=0)

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        wanted = [name for name in names if name in self._read and name not in as_text]
        written = [name for name in names if name in self._examined]
        first_row = 0
        for batch in self.inner.batches(names, as_text=[*as_text, *written]):
            yield self._with_read(batch, wanted, first_row=first_row)
            first_row += batch.num_rows

    def notes(self, name: str) -> Iterator[str]:
        """What a reader may want to check. `name`: of the file."""
        if self.inner.encoding not in UTF_8_NAMES:
            yield f"{name}: its text is read as {self.inner.encoding}"
        columns: dict[str, list[str]] = {}
        for column, each in self._read.items():
            if each.was_text:
                columns.setdefault(each.described, []).append(column)
        for described, names in columns.items():
            yield f"{name}: text is read as {described}: {', '.join(names)}"

    def _with_read(self, batch: pa.RecordBatch, names: Sequence[str], *, first_row: int) -> pa.RecordBatch:
        if not names:
            return batch
        columns = [
            self._values(name, values, first_row) if name in names else values
            for name, values in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    def _values(self, name: str, values: Values, first_row: int) -> Values:
        reading = self._read[name]
        try:
            found = reading.content.read(values.cast(pa.string()), reading.spelling)
        except NotReadable as error:
            where = "" if error.row is None else f"; row {first_row + error.row + 1:,} is the first that is not"
            raise UnusableFile(f"{name}: not all values are {reading.content.described}{where}") from error
        except Ambiguous as error:
            raise UnusableFile(f"{name}: {why_unclear(error)}") from error
        return pc.cast(found, options=pc.CastOptions(reading.type, allow_time_truncate=True))

    @cached_property
    def _read(self) -> Mapping[str, "_Reading"]:
        return {name: each for name, each in self._examined.items() if not each.why_unclear}

    @cached_property
    def _texts(self) -> list[str]:
        """The columns of text; and those of numbers, where it is not certain that they are such."""
        schema = self.inner.schema
        doubts_numbers = self.is_written and not self.inner.spelling.takes_points
        return [field.name for field in schema if _is_text(field.type) or (doubts_numbers and _is_number(field.type))]

    @cached_property
    def _first(self) -> pa.RecordBatch | None:
        names = self.inner.schema.names
        if len(set(names)) < len(names):
            return None  # it will be refused
        return next(iter(self.inner.batches(names, as_text=self._texts)), None)

    @cached_property
    def _examined(self) -> dict[str, "_Reading"]:
        """The columns that hold, or seem to hold, something else than text."""
        found: dict[str, _Reading] = {}
        first = self._first
        if first is None or not self._texts:
            return found
        for name in self._texts:
            was_text = _is_text(self.inner.schema.field(name).type)
            values = first.column(name)
            if was_text or _is_text(values.type):
                content = _content(values.cast(pa.string()), self.spelling) or (None if was_text else _NUMBERS)
                if content is not None:
                    found[name] = self._examine(name, values.cast(pa.string()), content, was_text=was_text)
        return found

    def _examine(self, name: str, values: Values, content: "_Content", *, was_text: bool) -> "_Reading":
        """By the first rows; where they leave it open, by all."""
        why, kind, spelling = "", pa.string(), self.spelling
        try:
            try:
                kind = content.read(values, spelling).type
            except Ambiguous:
                parts = [batch.column(name).cast(pa.string()) for batch in self.inner.batches([name], as_text=[name])]
                values = pa.chunked_array(parts)
                spelling = settle([values], spelling)
                kind = content.read(values, spelling).type
        except Ambiguous as error:
            why = why_unclear(error)
        except NotReadable as error:
            why = "some times have a zone and some have none"
            if error.row is not None:
                other = f"most values look like {content.described}, but row {error.row + 1:,} does not"
                why = f"{other}; if it is a second line of the header, or a total, leave it out"
        return _Reading(content=content, type=kind, spelling=spelling, why_unclear=why, was_text=was_text)


@dataclass(frozen=True)
class _Content:
    described: str
    read: Callable[[Values, Spelling], Values]


_NUMBERS, _TIMES = (
    _Content("numbers with separators", read_numbers),
    _Content("dates", read_times),
)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """`type`: of the values, once they are read; of text where they cannot be, and `why_unclear` says why."""

    content: _Content
    type: pa.DataType
    spelling: Spelling
    why_unclear: str
    was_text: bool

    @property
    def described(self) -> str:
        if self.content is _TIMES and self.spelling.dates in tuple(DateOrder):
            return f"{self.content.described}, {str(self.spelling.dates).replace('_', ' ')}"
        return self.content.described


def why_unclear(error: Ambiguous) -> str:
    """With the option that decides it."""
    first, second = error.choices
    return f"{error.describe(error.example)}; say which by --{error.key} {first} or --{error.key} {second}"


def _content(values: Values, spelling: Spelling) -> _Content | None:
    return {"numbers": _NUMBERS, "times": _TIMES}.get(look_like(values, spelling))


def _is_text(kind: pa.DataType) -> bool:
    return is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))

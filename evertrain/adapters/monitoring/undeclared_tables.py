"""Tables as the statistics want them, without a feature group: what a column holds follows from both tables.

A file is read one column at a time, or a part of its rows at a time: never whole.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.files.places import place_name
from evertrain.adapters.files.text import NOT_UTF_8, UncertainText, describe_read_error
from evertrain.adapters.monitoring.column_kinds import (
    Guess,
    NotOfKind,
    agreed_kind,
    as_kind,
    is_index,
    kind_of_type,
    why_no_levels,
)
from evertrain.adapters.monitoring.table_sources import MemorySource, TableSource, UnusableFile, open_source
from evertrain.adapters.monitoring.written_columns import ReadColumns
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.statistics.layouts import Column as Values
from evertrain.tables.columns import age_in_days, as_column
from evertrain.tables.written_values import Spelling
from evertrain.use_cases.monitoring.compare_tables import Comparable


@dataclass(frozen=True)
class UndeclaredTable:
    """`name`: as errors call it. `open_source`: raises UnusableFile, UncertainText, OSError. `event_time`: the column
    that says when a row happened. If it is named, other times are compared by their age. `declared`: kinds by column,
    where they are not to be found out. `written_like`: a table whose spelling of numbers and dates holds here, too,
    where this one leaves it open."""

    name: str
    open_source: Callable[[], TableSource]
    event_time: str | None = None
    declared: Mapping[str, FeatureKind] = field(default_factory=dict)
    written_like: "UndeclaredTable | None" = None

    @property
    def spelling(self) -> Spelling:
        """As far as it is certain. Raises UnusableFile."""
        with self._translate_read_errors():
            return self._source.spelling

    def features(self, *, like: "UndeclaredTable") -> Comparable:
        """The columns that can be compared, and why others cannot.

        What a column holds is found so that both files agree on it; one without any value takes its kind from the
        other. Raises UnusableFile.
        """
        self._require_readable()
        columns, left_out, notes = [], {}, [*self._reading_notes(), *like._reading_notes()]
        for name in self._schema.names:
            if name == self.event_time:
                continue
            kind = self.declared.get(name) or self._kind(name, like)
            if kind is not None and not (why := self._why_not_compared(name, kind)):
                columns.append(Column(name=name, kind=kind))
                notes += self._note(name, kind, like)
            else:
                left_out[name] = why if kind else _why_of_no_kind(self._schema.field(name).type)
        return Comparable(columns=tuple(columns), left_out=left_out, notes=tuple(dict.fromkeys(notes)))

    def _reading_notes(self) -> list[str]:
        with self._translate_read_errors():
            return list(self._source.notes(place_name(self.name)))

    def _note(self, name: str, kind: FeatureKind, like: "UndeclaredTable") -> list[str]:
        """Where the column is written otherwise in the other file."""
        own, other = self._guess(name), like._guess(name)
        if own is None or other is None or own.kind is other.kind:
            return []
        return [f"{name}: {own.kind.value} before and {other.kind.value} now as written, compared as {kind.value}"]

    def _kind(self, name: str, like: "UndeclaredTable") -> FeatureKind | None:
        """None for what cannot be compared."""
        own, other = self._guess(name), like._guess(name)
        if own is not None:
            return agreed_kind(own, other)
        if not pa.types.is_null(self._schema.field(name).type):
            return None
        return other.kind if other else FeatureKind.NUMERIC

    def _why_not_compared(self, name: str, kind: FeatureKind) -> str:
        """Empty for what can be."""
        if name in self._source.index_names or is_index(name, self._head(name)):
            return "the index of what wrote the file"
        if not name:
            return "it has no name"
        if kind is FeatureKind.TIMESTAMP and self.event_time is None:
            return "times are compared by their age, at what --event-time names"
        if name in self.declared:
            return ""
        if name in self._source.unclear:
            return self._source.unclear[name]
        is_text = kind is FeatureKind.CATEGORICAL
        return why_no_levels(self._head(name)) if is_text else ""

    def column(self, feature: Column) -> Values:
        """All rows of one column. Raises UnusableFile."""
        with self._translate_read_errors():
            names = self._required_columns([feature])
            batches = list(self._source.batches(names, as_text=self._otherwise([feature])))
            table = pa.Table.from_batches(batches) if batches else self._schema.empty_table().select(names)
            return self._values(table, feature)

    def parts(self, features: Sequence[Column]) -> Iterator[Mapping[str, Values]]:
        """The rows, a part at a time. Raises UnusableFile for a missing column, or one that can't be read as that
        kind."""
        self._require_readable()
        for feature in features:
            if feature.name not in self._schema.names:
                raise UnusableFile(f"{self.name} has no column {self._missing(feature.name)}")
        with self._translate_read_errors():
            for batch in self._source.batches(self._required_columns(features), as_text=self._otherwise(features)):
                yield {feature.name: self._values(batch, feature) for feature in features}

    def _missing(self, name: str) -> str:
        """What is told of it: a column of almost that name, or all there are."""
        alike = [each for each in self._schema.names if _plain(each) == _plain(name)]
        there = f"it has {alike[0]!r}" if alike else f"it has {', '.join(self._schema.names[:20])}"
        return f"{name}, which the reference has; {there}"

    def _required_columns(self, features: Sequence[Column]) -> list[str]:
        """The columns that these features are made of."""
        names = [feature.name for feature in features]
        if self.event_time is not None and any(feature.kind is FeatureKind.TIMESTAMP for feature in features):
            names.append(self.event_time)
        return names

    def _otherwise(self, features: Sequence[Column]) -> list[str]:
        """The columns that are to be read as another kind than was guessed."""
        stored = {feature.name: self._schema.field(feature.name).type for feature in features}
        return [
            feature.name
            for feature in features
            if kind_of_type(stored[feature.name]) is not feature.kind and not pa.types.is_null(stored[feature.name])
        ]

    def _values(self, rows: Any, feature: Column) -> Values:
        values = self._as_kind(rows.column(feature.name), feature)
        if feature.kind is FeatureKind.TIMESTAMP:
            event_time = Column(name=str(self.event_time), kind=FeatureKind.TIMESTAMP)
            times = self._as_kind(rows.column(event_time.name), event_time)
            return as_column(age_in_days(_in_microseconds(values), _in_microseconds(times)))
        return as_column(values)

    def _as_kind(self, values: Any, feature: Column) -> Any:
        if feature.kind is not FeatureKind.CATEGORICAL and feature.name in self._source.unclear:
            raise UnusableFile(f"{self.name}: {feature.name}: {self._source.unclear[feature.name]}")
        try:
            return as_kind(values, feature.kind)
        except NotOfKind as error:
            stored = self._schema.field(feature.name).type
            found = kind_of_type(stored)
            kind = found.value if found else f"of type {stored}"
            raise UnusableFile(
                f"{self.name}: {feature.name} is {kind}, in the reference it is {feature.kind.value}; "
                f"--kind {feature.name}=categorical compares both as levels"
            ) from error

    def _guess(self, name: str) -> Guess | None:
        """None for a column that is not there, has no value at all, or cannot be compared."""
        kind = kind_of_type(self._schema.field(name).type) if name in self._schema.names else None
        if kind is None or name == self.event_time:
            return None
        return Guess(kind=kind, values=self._head(name), is_written=self._source.is_written)

    def _head(self, name: str) -> Any:
        """The column's first rows."""
        return self._first.column(name)

    @cached_property
    def _first(self) -> pa.RecordBatch:
        with self._translate_read_errors():
            found = self._source.head
            return pa.RecordBatch.from_pylist([], schema=self._schema) if found is None else found

    def _require_readable(self) -> None:
        """Raises UnusableFile."""
        names = self._schema.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            repeated = ", ".join(name or '""' for name in twice)
            raise UnusableFile(
                f"{self.name} has several columns named {repeated}: columns are compared by their names, so "
                "rename all but one of each"
            )
        if self.event_time is None:
            return
        if self.event_time not in names:
            raise UnusableFile(f"{self.name} has no column {self.event_time}; it has {', '.join(names[:20])}")
        try:
            as_kind(self._head(self.event_time), FeatureKind.TIMESTAMP)
        except NotOfKind as error:
            if self.event_time in self._source.unclear:
                why = self._source.unclear[self.event_time]
                raise UnusableFile(f"{self.name}: {self.event_time}: {why}") from error
            stored = self._schema.field(self.event_time).type
            raise UnusableFile(f"{self.name}: {self.event_time} must hold dates or times, not {stored}") from error

    @cached_property
    def _source(self) -> ReadColumns:
        like = self.written_like
        with self._translate_read_errors():
            return ReadColumns(self.open_source(), None if like is None else lambda: like.spelling)

    @cached_property
    def _schema(self) -> pa.Schema:
        with self._translate_read_errors():
            return self._source.schema

    @contextmanager
    def _translate_read_errors(self) -> Iterator[None]:
        try:
            yield
        except UncertainText as error:
            raise UnusableFile(f"{self.name}: {error}; say which by --{error.key}") from error
        except (pa.ArrowException, OSError, EOFError) as error:
            raise UnusableFile(f"{self.name} cannot be read: {describe_read_error(error)}") from error


def tabular_file(
    where: str | PathLike[str],
    event_time: str | None = None,
    declared: Mapping[str, FeatureKind] | None = None,
    *,
    file_format: FileFormat = UNDECLARED,
    written_like: UndeclaredTable | None = None,
) -> UndeclaredTable:
    """As of `UndeclaredTable`. `where`: a file, a folder or a pattern, here or in S3. `file_format`: what of it is
    declared."""
    return UndeclaredTable(
        str(where), lambda: open_source(where, file_format), event_time, declared or {}, written_like
    )


def table_in_memory(
    name: str,
    table: pa.Table,
    event_time: str | None = None,
    declared: Mapping[str, FeatureKind] | None = None,
    *,
    file_format: FileFormat = UNDECLARED,
    written_like: UndeclaredTable | None = None,
) -> UndeclaredTable:
    """As of `UndeclaredTable`."""
    return UndeclaredTable(name, lambda: MemorySource(table, file_format), event_time, declared or {}, written_like)


def _why_of_no_kind(stored: pa.DataType) -> str:
    return NOT_UTF_8 if pa.types.is_binary(stored) else f"its values are of type {stored}"


def _plain(name: str) -> str:
    return name.strip().casefold()


def _in_microseconds(times: Any) -> Any:
    """In one unit; without a zone it is UTC."""
    if pa.types.is_date(times.type):
        times = times.cast(pa.timestamp("ms"))
    return pc.cast(times, options=pc.CastOptions(pa.timestamp("us", tz="UTC"), allow_time_truncate=True))

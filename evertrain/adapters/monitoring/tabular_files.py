"""Parquet and CSV files as the statistics want them, without a feature group: kinds are taken from the file's types.

A file is read one column at a time, or a part of its rows at a time: never whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.statistics.layouts import Column as Values
from evertrain.tables.columns import age_in_days, as_column

ROWS_PER_CHUNK = 1 << 17


class UnusableFile(EvertrainError):
    """The file cannot be read as a table, or lacks what it is asked for."""


@dataclass(frozen=True)
class TabularFile:
    """Parquet, or CSV with a header (gzip-compressed or not).

    `event_time`: the column that says when a row happened. If it is named, other times are compared by their age.
    """

    path: Path
    event_time: str | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """Raises UnusableFile."""
        with self._translate_read_errors():
            if not self._is_parquet:
                return self._csv().schema
            return pq.read_schema(self.path)

    def features(self, *, like: "TabularFile") -> tuple[list[Column], list[str]]:
        """The columns that can be compared, and the names of those that cannot: lists and other nested values, and
        times where there is no `event_time`.

        A column without any value takes its kind from the other file. Raises UnusableFile.
        """
        self._require_event_time()
        columns, others = [], []
        for field in self.schema:
            kind = self.kind(field.name) or (like.kind(field.name) if pa.types.is_null(field.type) else None)
            if kind is None and not pa.types.is_null(field.type):
                others.append(field.name)
            else:
                columns.append(Column(name=field.name, kind=kind or FeatureKind.NUMERIC))
        return columns, others

    def kind(self, name: str) -> FeatureKind | None:
        """None for a column that is not there, has no value at all, or cannot be compared."""
        if name not in self.schema.names or name == self.event_time:
            return None
        kind = _kind(self.schema.field(name).type)
        return None if kind is FeatureKind.TIMESTAMP and self.event_time is None else kind

    def column(self, feature: Column) -> Values:
        """All rows of one column. Raises UnusableFile."""
        names = self._required_columns([feature])
        with self._translate_read_errors():
            if not self._is_parquet:
                return self._values(self._csv(names).read_all(), feature)
            # Not `read_table`: it imports pandas, which takes longer than all the rest.
            with pq.ParquetFile(self.path, read_dictionary=self._text_columns(names)) as file:
                return self._values(file.read(columns=names), feature)

    def parts(self, features: Sequence[Column]) -> Iterator[Mapping[str, Values]]:
        """The rows, a part at a time. Raises UnusableFile for a missing column, or one of another kind."""
        self._require(features)
        with self._translate_read_errors():
            for batch in self._batches(self._required_columns(features)):
                yield {feature.name: self._values(batch, feature) for feature in features}

    def _required_columns(self, features: Sequence[Column]) -> list[str]:
        """The columns that these features are made of."""
        names = [feature.name for feature in features]
        if self.event_time is not None and any(feature.kind is FeatureKind.TIMESTAMP for feature in features):
            names.append(self.event_time)
        return names

    def _values(self, rows: Any, feature: Column) -> Values:
        values = rows.column(feature.name)
        if feature.kind is FeatureKind.TIMESTAMP:
            return as_column(age_in_days(_as_time(values), _as_time(rows.column(self.event_time))))
        if feature.kind is FeatureKind.CATEGORICAL and pa.types.is_null(values.type):
            return as_column(values.cast(pa.string()))
        return as_column(values)

    def _batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        if not self._is_parquet:
            yield from self._csv(names)
            return
        # Reading ahead would hold the whole file, and is no faster from a disk.
        with pq.ParquetFile(self.path, read_dictionary=self._text_columns(names), pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=ROWS_PER_CHUNK, columns=names)

    def _text_columns(self, names: list[str]) -> list[str]:
        return [name for name in names if self.kind(name) is FeatureKind.CATEGORICAL]

    def _require_event_time(self) -> None:
        if self.event_time is None:
            return
        if self.event_time not in self.schema.names:
            raise UnusableFile(
                f"{self.path} has no column {self.event_time}; it has {', '.join(self.schema.names[:20])}"
            )
        stored = self.schema.field(self.event_time).type
        if _kind(stored) is not FeatureKind.TIMESTAMP:
            raise UnusableFile(f"{self.path}: {self.event_time} must hold dates or times, not {stored}")

    def _require(self, features: Sequence[Column]) -> None:
        self._require_event_time()
        for feature in features:
            if feature.name not in self.schema.names:
                there = ", ".join(self.schema.names[:20])
                raise UnusableFile(
                    f"{self.path} has no column {feature.name}, which the reference has; it has {there}"
                )
            found, stored = self.kind(feature.name), self.schema.field(feature.name).type
            if found is not feature.kind and not pa.types.is_null(stored):
                kind = found.value if found else f"of type {stored}"
                raise UnusableFile(
                    f"{self.path}: {feature.name} is {kind}, in the reference it is {feature.kind.value}"
                )

    @cached_property
    def _is_parquet(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(4) == b"PAR1"

    def _csv(self, names: list[str] | None = None) -> pc_csv.CSVStreamingReader:
        if not self.path.name.removesuffix(".gz").endswith(".csv"):
            raise UnusableFile(f"{self.path} is no Parquet file, and its name does not end in .csv or .csv.gz")
        with self.path.open("rb") as file:
            is_compressed = file.read(2) == b"\x1f\x8b"
        source = pa.input_stream(str(self.path), compression="gzip" if is_compressed else None)
        # Unless said otherwise, types are those of the first block: integers may be followed by fractions.
        types = {} if names is None else {name: _widened(self.schema.field(name).type) for name in names}
        return pc_csv.open_csv(
            source,
            read_options=pc_csv.ReadOptions(block_size=1 << 24),
            convert_options=pc_csv.ConvertOptions(
                include_columns=names, column_types=types, strings_can_be_null=True
            ),
        )

    @contextmanager
    def _translate_read_errors(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, EOFError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UnusableFile(f"{self.path} cannot be read: {reason}") from error


def _kind(values: pa.DataType) -> FeatureKind | None:
    if pa.types.is_dictionary(values):
        values = values.value_type
    if pa.types.is_boolean(values):
        return FeatureKind.BOOLEAN
    if pa.types.is_string(values) or pa.types.is_large_string(values):
        return FeatureKind.CATEGORICAL
    if pa.types.is_integer(values) or pa.types.is_floating(values) or pa.types.is_decimal(values):
        return FeatureKind.NUMERIC
    if pa.types.is_timestamp(values) or pa.types.is_date(values):
        return FeatureKind.TIMESTAMP
    return None


def _widened(values: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(values):
        return pa.timestamp("us", tz=values.tz)  # whole seconds may be followed by fractions, ...
    if pa.types.is_date(values):
        return pa.timestamp("us")  # ... and dates by times
    return pa.float64() if pa.types.is_integer(values) else values


def _as_time(values: Any) -> Any:
    """In one unit; without a zone it is UTC."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    return pc.cast(values, options=pc.CastOptions(pa.timestamp("us", tz="UTC"), allow_time_truncate=True))

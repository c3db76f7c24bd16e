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
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import Column, FeatureKind
from evertrain.statistics.layouts import Column as Values
from evertrain.use_cases.arrow_columns import as_column

ROWS_AT_A_TIME = 1 << 17


class UnusableFile(EvertrainError):
    """The file cannot be read as a table, or lacks what it is asked for."""


@dataclass(frozen=True)
class TabularFile:
    """Parquet, or CSV with a header (gzip-compressed or not)."""

    path: Path

    @cached_property
    def schema(self) -> pa.Schema:
        """Raises UnusableFile."""
        with self._readable():
            if not self._is_parquet:
                return self._csv().schema
            return pq.read_schema(self.path)

    def features(self, *, like: "TabularFile") -> tuple[list[Column], list[str]]:
        """What can be compared, and the names of what cannot: times, lists and other nested values.

        A column without any value has no kind of its own: it takes the one that it has in the other file.
        """
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
        return _kind(self.schema.field(name).type) if name in self.schema.names else None

    def column(self, feature: Column) -> Values:
        """All rows of one column. Raises UnusableFile."""
        name = feature.name
        with self._readable():
            if not self._is_parquet:
                return _values(self._csv([name]).read_all()[name], feature)
            # Not `read_table`: it imports pandas, which takes longer than all the rest.
            with pq.ParquetFile(self.path, read_dictionary=self._texts([name])) as file:
                return _values(file.read(columns=[name])[name], feature)

    def parts(self, features: Sequence[Column]) -> Iterator[Mapping[str, Values]]:
        """The rows, a part at a time. Raises UnusableFile for a missing column, or one of another kind."""
        self._require(features)
        names = [feature.name for feature in features]
        with self._readable():
            for batch in self._batches(names):
                yield {feature.name: _values(batch.column(feature.name), feature) for feature in features}

    def _batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        if not self._is_parquet:
            yield from self._csv(names)
            return
        # Reading ahead would hold the whole file, and is no faster from a disk.
        with pq.ParquetFile(self.path, read_dictionary=self._texts(names), pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=ROWS_AT_A_TIME, columns=names)

    def _texts(self, names: list[str]) -> list[str]:
        return [name for name in names if self.kind(name) is FeatureKind.CATEGORICAL]

    def _require(self, features: Sequence[Column]) -> None:
        for feature in features:
            if feature.name not in self.schema.names:
                there = ", ".join(self.schema.names[:20])
                raise UnusableFile(
                    f"{self.path} has no column {feature.name}, which the reference has; it has {there}"
                )
            found, stored = self.kind(feature.name), self.schema.field(feature.name).type
            if found is not feature.kind and not pa.types.is_null(stored):
                told = found.value if found else f"of type {stored}"
                raise UnusableFile(
                    f"{self.path}: {feature.name} is {told}, in the reference it is {feature.kind.value}"
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
        types = {} if names is None else {name: _wider(self.schema.field(name).type) for name in names}
        return pc_csv.open_csv(
            source,
            read_options=pc_csv.ReadOptions(block_size=1 << 24),
            convert_options=pc_csv.ConvertOptions(
                include_columns=names, column_types=types, strings_can_be_null=True
            ),
        )

    @contextmanager
    def _readable(self) -> Iterator[None]:
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
    return None


def _wider(values: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_integer(values) else values


def _values(column: Any, feature: Column) -> Values:
    is_text = feature.kind is FeatureKind.CATEGORICAL
    return as_column(column.cast(pa.string()) if is_text and pa.types.is_null(column.type) else column)

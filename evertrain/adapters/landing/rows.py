"""Landed files as valid, normalised rows: everything that is wrong is found before anything is kept.

Only some of the rows are in memory at a time, however large the file.

A value has the same fate in each format. CSV has a header; its encoding, its separator and how it writes numbers and
dates are found where they are certain, or declared by the group (`[format]`); empty cells are missing values. Text
files may be gzip-compressed. Times without a zone are refused, unless the group of the feed says what they mean.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evertrain.adapters.landing.checks import (
    ColumnChecker,
    contradiction_fault,
    duplicate_fault,
    missing_faults,
    volume_faults,
)
from evertrain.adapters.landing.files import (
    ROWS_PER_CHUNK,
    NonClosingFile,
    parquet_parts,
    read_parts,
    reject_unreadable,
)
from evertrain.adapters.landing.row_groups import split_row_groups
from evertrain.adapters.landing.row_keys import (
    RowKeys,
    count_contradicting_labels,
    count_duplicate_rows,
    hash_row_keys,
)
from evertrain.adapters.landing.temporary_files import open_temporary_file
from evertrain.adapters.store.schema import PLAIN_TIMESTAMP, stored_schema
from evertrain.domain.landing.batches import Fault, Feed
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, FeedSchema, feed_schema
from evertrain.domain.landing.large_batches import RowGroupRange
from evertrain.domain.project.model import Project
from evertrain.ports.batch_reader import BatchRejected
from evertrain.tables.columns import feature_column
from evertrain.tables.written_values import declared_spelling


@dataclass(frozen=True)
class LandedRows:
    """Implements `ports.batch_reader.Rows`. `first`: the first chunk of rows, usually all of them."""

    file: BinaryIO
    count: int
    event_times: tuple[datetime, datetime]
    ingested_at: datetime
    missing: Mapping[str, int]
    keys: RowKeys
    first: pa.Table

    def parts(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        if self.first.num_rows == self.count:
            yield _features(self.first, names)
            return
        self.file.seek(0)
        with pq.ParquetFile(NonClosingFile(self.file), pre_buffer=False) as stored:
            for group in range(stored.num_row_groups):
                yield _features(stored.read_row_group(group, columns=[*names, EVENT_TIME]), names)


@dataclass(frozen=True, kw_only=True)
class LandedRowsReader:
    project: Project

    @contextmanager
    def read(
        self, body: BinaryIO, *, name: str, feed: Feed, now: datetime, known_at: datetime | None = None
    ) -> Iterator[LandedRows]:
        """Raises BatchRejected with every fault of the first chunk that has any."""
        schema = feed_schema(feed, self.project)
        declare = f" in [format] of features/{schema.group}.toml" if schema.group else ""
        with (
            open_temporary_file() as decompressed,
            self._open_normalised(schema, known_at=known_at or now) as (kept, file),
        ):
            with reject_unreadable(name, declare=declare):
                raw = read_parts(body, name, decompressed, schema.format)
                checker = ColumnChecker(schema=schema, now=now, spelling=raw.spelling, is_text=raw.is_text)
                kept.add_all(raw.tables, checker)
            rows = kept.rows(name, file)
            faults = self.whole_file_faults(feed, count=rows.count, missing=rows.missing, keys=rows.keys)
            if faults:
                raise BatchRejected(faults)
            yield rows

    @contextmanager
    def read_part(
        self,
        body: BinaryIO,
        *,
        name: str,
        feed: Feed,
        now: datetime,
        known_at: datetime | None = None,
        groups: RowGroupRange,
    ) -> Iterator[LandedRows]:
        """Raises BatchRejected for what the part alone shows. The whole is checked when all parts are there."""
        schema = feed_schema(feed, self.project)
        with self._open_normalised(schema, known_at=known_at or now) as (kept, file):
            with reject_unreadable(name):
                parts = parquet_parts(body, range(groups.first, groups.end))
                checker = ColumnChecker(schema=schema, now=now, spelling=declared_spelling(schema.format))
                kept.add_all(parts, checker, rows_before=groups.rows_before, with_keys=True)
            yield kept.rows(name, file)

    def split(self, body: BinaryIO, *, name: str, part_bytes: int) -> tuple[RowGroupRange, ...]:
        """From the footer of a Parquet file; the rest of `body` need not be there. Raises BatchRejected."""
        with reject_unreadable(name), pq.ParquetFile(NonClosingFile(body), pre_buffer=False) as file:
            return split_row_groups(file.metadata, part_bytes=part_bytes)

    def whole_file_faults(
        self, feed: Feed, *, count: int, missing: Mapping[str, int], keys: RowKeys
    ) -> Sequence[Fault]:
        """What no single part can show. `keys`: of all rows; may be sorted afterwards."""
        schema = feed_schema(feed, self.project)
        return [
            *volume_faults(count, schema),
            *missing_faults(missing, count, schema),
            *(_label_faults(schema, keys) if schema.label else _row_faults(schema, keys)),
        ]

    @contextmanager
    def _open_normalised(
        self, schema: FeedSchema, *, known_at: datetime
    ) -> Iterator[tuple["_NormalisedFile", BinaryIO]]:
        with open_temporary_file() as file:
            kept = _NormalisedFile(schema, file, ingested_at=known_at)
            try:
                yield kept, file
            finally:
                kept.close()


class _NormalisedFile:
    """The normalised file, as it grows part by part."""

    def __init__(self, schema: FeedSchema, file: BinaryIO, *, ingested_at: datetime) -> None:
        self._schema = schema
        self._stored = stored_schema(schema)
        self._ingested_at = ingested_at
        self._writer = pq.ParquetWriter(NonClosingFile(file), self._stored, compression="zstd")
        self._first: pa.Table | None = None
        self._count = 0
        self._missing: dict[str, int] = {}
        self._times: list[tuple[datetime, datetime]] = []
        self._keys: list[RowKeys] = []

    def add_all(
        self, parts: Iterable[pa.Table], checker: ColumnChecker, *, rows_before: int = 0, with_keys: bool = False
    ) -> None:
        """`rows_before`: rows of the object before these. `with_keys`: compute the keys even of a single part.

        Raises BatchRejected.
        """
        for raw in parts:
            self._add(raw, checker, first_row=rows_before + self._count)
        self.close()
        if with_keys and self._first is not None and not self._keys:
            self._keys.append(self._keys_of(self._first))

    def close(self) -> None:
        """Writes the file's end; a second time nothing."""
        self._writer.close()

    def _add(self, raw: pa.Table, checker: ColumnChecker, *, first_row: int) -> None:
        checked = checker.check(raw, first_row=first_row)
        if checked.faults:
            raise BatchRejected(checked.faults)
        table = pa.table(checked.columns)
        table = table.sort_by([(EVENT_TIME, "ascending"), (self._schema.key, "ascending")])
        for column in table.column_names:
            self._missing[column] = self._missing.get(column, 0) + table[column].null_count
        if self._first is not None:
            # RowKeys are needed across parts only: within one part the checker has compared the rows.
            earlier = [] if self._keys else [self._first]
            self._keys += [self._keys_of(each) for each in (*earlier, table)]
        self._times.append(_earliest_and_latest(table))
        self._count += table.num_rows
        self._first = table if self._first is None else self._first
        stamps = pa.repeat(pa.scalar(self._ingested_at, self._stored.field(INGESTED_AT).type), table.num_rows)
        stored = table.append_column(INGESTED_AT, stamps).select(self._stored.names)
        self._writer.write_table(stored.cast(self._stored), row_group_size=ROWS_PER_CHUNK)

    def _keys_of(self, table: pa.Table) -> RowKeys:
        return hash_row_keys(table, self._schema.key, label=self._schema.label)

    def rows(self, name: str, file: BinaryIO) -> LandedRows:
        """All of them, once all parts were added. Raises BatchRejected."""
        if self._first is None or not self._count:
            raise BatchRejected([Fault(code="no_rows", message=f"{name} has no rows")])
        file.seek(0)
        first, last = zip(*self._times, strict=True)
        return LandedRows(
            file=file,
            count=self._count,
            event_times=(min(first), max(last)),
            ingested_at=self._ingested_at,
            missing=self._missing,
            keys=np.concatenate(self._keys) if self._keys else np.empty(0, dtype=np.uint64),
            first=self._first,
        )


def _row_faults(schema: FeedSchema, keys: RowKeys) -> Iterator[Fault]:
    twice = count_duplicate_rows(keys)
    if twice:
        yield duplicate_fault(schema, twice)


def _label_faults(schema: FeedSchema, keys: RowKeys) -> Iterator[Fault]:
    # The same label in two parts is stored twice: readers take one row for each key and time.
    several = count_contradicting_labels(keys) if len(keys) else 0
    if several:
        yield contradiction_fault(schema.label, several)


def _features(table: pa.Table, names: Sequence[str]) -> Mapping[str, Any]:
    return {name: feature_column(table, name, event_time=EVENT_TIME) for name in names}


def _earliest_and_latest(table: pa.Table) -> tuple[datetime, datetime]:
    both = pc.min_max(pc.cast(table[EVENT_TIME], PLAIN_TIMESTAMP))
    return both["min"].as_py().replace(tzinfo=UTC), both["max"].as_py().replace(tzinfo=UTC)

"""Landed Parquet or CSV files as valid, normalised rows: everything that is wrong is found before anything is kept.

Only some of the rows are in memory at a time, however large the file.

Parquet columns keep their types. CSV has a header, UTF-8, ISO 8601 times, true/false, and empty cells for missing
values. Both may be gzip-compressed. Times without a zone are refused, unless the feed's group says what they mean.
Undeclared columns are left out.
"""

import gzip
import io
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.adapters.landing.checks import (
    ColumnChecker,
    contradiction_fault,
    duplicate_fault,
    missing_faults,
    volume_faults,
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

ROWS_PER_CHUNK = 1 << 18
CSV_BLOCK_BYTES = 1 << 24
"""Bytes."""

_CSV_ROW = re.compile(r"(Expected \d+ columns, got \d+).*")
"""Arrow goes on with the row itself, which is not for messages."""


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
        with pq.ParquetFile(_NonClosingFile(self.file), pre_buffer=False) as stored:
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
        with (
            open_temporary_file() as decompressed,
            self._open_normalised(schema, known_at=known_at or now) as (kept, file),
        ):
            with _reject_unreadable(name):
                parts, is_text = _read_parts(body, name, decompressed)
                kept.add_all(parts, ColumnChecker(schema=schema, is_text=is_text, now=now))
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
            with _reject_unreadable(name):
                parts = _parquet_parts(body, range(groups.first, groups.end))
                checker = ColumnChecker(schema=schema, is_text=False, now=now)
                kept.add_all(parts, checker, rows_before=groups.rows_before, with_keys=True)
            yield kept.rows(name, file)

    def split(self, body: BinaryIO, *, name: str, part_bytes: int) -> tuple[RowGroupRange, ...]:
        """From the footer of a Parquet file; the rest of `body` need not be there. Raises BatchRejected."""
        with _reject_unreadable(name), pq.ParquetFile(_NonClosingFile(body), pre_buffer=False) as file:
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
        self._writer = pq.ParquetWriter(_NonClosingFile(file), self._stored, compression="zstd")
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


class _NonClosingFile(io.RawIOBase):
    """A file that Arrow closes when it is done with it, without closing ours."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _row_faults(schema: FeedSchema, keys: RowKeys) -> Iterator[Fault]:
    twice = count_duplicate_rows(keys)
    if twice:
        yield duplicate_fault(schema.key, twice)


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


# --- files --------------------------------------------------------------------------------------


@contextmanager
def _reject_unreadable(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, zlib.error, ValueError) as error:
        reason = _CSV_ROW.sub(r"\1", " ".join(str(error).split()))[:200]
        raise BatchRejected([Fault(code="unparsable", message=f"{name} cannot be read: {reason}")]) from error


def _read_parts(body: BinaryIO, name: str, decompressed: BinaryIO) -> tuple[Iterator[pa.Table], bool]:
    """Some rows at a time, and whether their cells are text that is still to be read. What is compressed is written
    to `decompressed`."""
    if _begins_with(body, b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=body) as compressed:
            shutil.copyfileobj(compressed, decompressed, 1 << 20)
        body = decompressed
    if _begins_with(body, b"PAR1"):
        return _parquet_parts(body), False
    if not name.removesuffix(".gz").endswith(".csv"):
        raise pa.ArrowInvalid("it is no Parquet file, and its name does not end in .csv")
    return _csv_parts(body), True


def _begins_with(body: BinaryIO, magic: bytes) -> bool:
    body.seek(0)
    found = body.read(len(magic)) == magic
    body.seek(0)
    return found


def _parquet_parts(body: BinaryIO, groups: Sequence[int] | None = None) -> Iterator[pa.Table]:
    with pq.ParquetFile(_NonClosingFile(body), pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_CHUNK, row_groups=groups):
            batch.validate(full=True)  # Parquet is not checked on reading: text may be no UTF-8
            yield pa.Table.from_batches([batch])


def _csv_parts(body: BinaryIO) -> Iterator[pa.Table]:
    # All cells as text: whether "12" is a number or a key is the feed's to say, not a guess of the first rows.
    names = pc_csv.open_csv(_NonClosingFile(body)).schema.names
    body.seek(0)
    convert = pc_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=["", "null", "NULL", "NaN"],
    )
    waiting: list[pa.RecordBatch] = []
    blocks = pc_csv.ReadOptions(block_size=CSV_BLOCK_BYTES)
    for batch in pc_csv.open_csv(_NonClosingFile(body), read_options=blocks, convert_options=convert):
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROWS_PER_CHUNK:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)

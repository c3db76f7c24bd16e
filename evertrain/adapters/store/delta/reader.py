"""Reads feature store tables as they were: at a version, of an interval, with what was known by then."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pa_dataset
import pyarrow.fs as pa_fs
from deltalake.fs import DeltaStorageHandler

from evertrain.adapters.store.delta.log import (
    RETENTION_HOURS,
    DataFile,
    files_of,
    open_table,
    state_of,
    storage_options,
    table_uri,
)
from evertrain.adapters.store.delta.parts import split_interval
from evertrain.domain.landing.batches import Feed, TableState
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, INGESTED_MONTH
from evertrain.domain.project.interval import Interval
from evertrain.ports.feature_store import UnknownTable
from evertrain.tables.columns import TIMESTAMP


@dataclass(frozen=True, kw_only=True)
class DeltaReader:
    """Implements `ports.feature_store.TableReader[pa.Table]`. `root`: as of the writer."""

    root: str
    _opened: dict[tuple[Feed, int], "_Version"] = field(default_factory=dict, repr=False, compare=False)
    """What was read of the log once: a version never changes."""

    def state(self, feed: Feed) -> TableState:
        table = open_table(self.root, feed)
        if table is None:
            raise _unknown(feed)
        return state_of(table)

    def version_as_of(self, feed: Feed, known_at: datetime, *, now: datetime) -> int:
        """The version that was the newest one then: what had landed and was still on its way is not in it.

        To the second, by the real clock, as in the log. For a time so long ago that maintenance may have removed the
        version's files, the current version: what was on its way then counts as known.

        Raises UnknownTable.
        """
        table = open_table(self.root, feed)
        if table is None:
            raise _unknown(feed)
        if now - known_at > timedelta(hours=RETENTION_HOURS):
            return table.version()
        table.load_as_version(known_at)
        if table.version() == 0:  # also where there was none yet
            *_, first = table.history()
            if first["timestamp"] > known_at.timestamp() * 1000:
                raise UnknownTable(f"nothing had been committed to {feed} by {known_at:%Y-%m-%d %H:%M:%S} UTC")
        return table.version()

    def read(
        self, feed: Feed, *, version: int, rows: Interval, known_at: datetime, columns: tuple[str, ...] | None = None
    ) -> pa.Table:
        """Every row that was known, corrected ones too; `columns` besides both times, by default all."""
        table = self._version(feed, version)
        wanted = dict.fromkeys(table.schema.names if columns is None else [EVENT_TIME, INGESTED_AT, *columns])
        there = [name for name in wanted if name in table.schema.names]
        # The log has each file's times. A file that cannot have a matching row is not opened; one that matches as a
        # whole is read without a filter.
        files = [file for file in table.files if _may_contain(file, rows, known_at)]
        whole = [file for file in files if _lies_within(file, rows, known_at)]
        cut = [file for file in files if not _lies_within(file, rows, known_at)]
        found = pa.concat_tables(
            [
                table.dataset(whole).to_table(columns=there),
                table.dataset(cut).to_table(
                    columns=there,
                    filter=(pc.field(EVENT_TIME) >= _scalar(rows.start))
                    & (pc.field(EVENT_TIME) < _scalar(rows.end))
                    & (pc.field(INGESTED_AT) <= _scalar(known_at)),
                ),
            ]
        )
        for name in wanted:
            if name not in there:  # declared since
                found = found.append_column(name, pa.nulls(found.num_rows))
        return found

    def parts(self, feed: Feed, *, version: int, rows: Interval, max_rows: int) -> list[Interval]:
        return split_interval(self._version(feed, version).files, rows, max_rows=max_rows)

    def _version(self, feed: Feed, version: int) -> "_Version":
        if (feed, version) not in self._opened:
            table = open_table(self.root, feed, version=version)
            if table is None:
                raise _unknown(feed)
            schema = pa.schema(table.schema().to_arrow())
            files = tuple(files_of(table))
            self._opened[feed, version] = _Version(
                schema=schema.remove(schema.get_field_index(INGESTED_MONTH)),  # it is in the log, not in the files
                files=files,
                filesystem=_filesystem(self.root, feed, files),
            )
        return self._opened[feed, version]


@dataclass(frozen=True, kw_only=True)
class _Version:
    schema: pa.Schema
    files: tuple[DataFile, ...]
    filesystem: pa_fs.FileSystem

    def dataset(self, files: Sequence[DataFile]) -> pa_dataset.Dataset:
        paths = [file.path for file in files]
        return pa_dataset.FileSystemDataset.from_paths(
            paths, schema=self.schema, format=pa_dataset.ParquetFileFormat(), filesystem=self.filesystem
        )


def _filesystem(root: str, feed: Feed, files: Sequence[DataFile]) -> pa_fs.FileSystem:
    uri = table_uri(root, feed)
    if not root.startswith("s3://"):
        return pa_fs.SubTreeFileSystem(uri, pa_fs.LocalFileSystem())
    # Sizes are in the log: nobody has to ask for them first.
    sizes = {file.path: file.size for file in files}
    return pa_fs.PyFileSystem(DeltaStorageHandler(uri, storage_options(root), sizes))


def _may_contain(file: DataFile, rows: Interval, known_at: datetime) -> bool:
    return file.event_time_min < rows.end and file.event_time_max >= rows.start and file.ingested_at_min <= known_at


def _lies_within(file: DataFile, rows: Interval, known_at: datetime) -> bool:
    return file.event_time_min >= rows.start and file.event_time_max < rows.end and file.ingested_at_max <= known_at


def _unknown(feed: Feed) -> UnknownTable:
    return UnknownTable(f"nothing has been committed to {feed} yet")


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIMESTAMP)

"""The versioned feature store: one append-only table per feature group, and one per model for its labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol, TypeVar

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Batch, Feed, TableState
from evertrain.domain.project.interval import Interval
from evertrain.domain.store.labels import LabelProgress

Rows_co = TypeVar("Rows_co", covariant=True)


class UnknownTable(EvertrainError):
    """Nothing has been committed to this table yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A batch's file in the store. `size`: bytes. `ingested_at`: when its rows were first ingested."""

    size: int
    ingested_at: datetime


class BatchFiles(Protocol):
    """Where the monitor puts a batch's normalised Parquet file, before the table knows of it."""

    def put_if_absent(self, feed: Feed, path: str, file: BinaryIO, *, ingested_at: datetime) -> StoredFile:
        """Stores the file unless one is there; answers for what is there afterwards, which may be an earlier
        writer's with an earlier time."""


class TableWriter(Protocol):
    def commit(self, batch: Batch) -> TableState:
        """Adds the batch's file to its table, once, however often it is called within some weeks. Creates the table
        when needed."""


class TableReader(Protocol[Rows_co]):
    """Reads training rows. `Rows_co` is the adapter's own table type."""

    def state(self, feed: Feed) -> TableState:
        """Raises UnknownTable."""

    def version_as_of(self, feed: Feed, known_at: datetime, *, now: datetime) -> int:
        """The version that was the newest at `known_at`. What had landed but was not committed yet is not in it. For
        a time so long ago that its version may no longer be complete: the newest version. Raises UnknownTable."""

    def read(
        self, feed: Feed, *, version: int, rows: Interval, known_at: datetime, columns: tuple[str, ...] | None = None
    ) -> Rows_co:
        """Rows with `event_time` in the interval and `ingested_at <= known_at`, at that table version.

        Of a column that the table did not have then, all are missing, and of Arrow's null type. Raises UnknownTable.
        """

    def parts(self, feed: Feed, *, version: int, rows: Interval, max_rows: int) -> Sequence[Interval]:
        """Cuts the interval into parts of about `max_rows` rows at most, which follow each other. No row is read.

        Raises UnknownTable.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceResult:
    """What was done to a table. `merged`: files that became `written` others; `removed`: files that no version
    needs any more."""

    state: TableState
    merged: int
    written: int
    removed: int


class TableMaintenance(Protocol):
    def maintain(self, feed: Feed, *, retained_versions: Sequence[int], now: datetime) -> MaintenanceResult | None:
        """Compacts small files, sorts those of months that are over by time, and removes files that no recent version
        and none of `retained_versions` refers to. Every such version keeps its rows. None where there is no table."""


class TableFiles(Protocol):
    def remove(self, feed: Feed, paths: Sequence[str]) -> int:
        """Removes those of a table's files, named as in its log, that are still there. Answers how many they were."""


class LabelProgressReader(Protocol):
    def measure(
        self,
        features: Feed,
        labels: Feed,
        *,
        key: str,
        label: str,
        since: datetime,
        matured_before: datetime,
        now: datetime,
        quantiles: Sequence[float],
    ) -> LabelProgress | None:
        """Of rows with events from `since` to `now`, as known now; latencies of those before `matured_before`.

        `labels` of rows are matched by key and event time, labels of predictions by key alone. None while one of the
        tables is not there.
        """


class LabelProgressLog(Protocol):
    """The newest progress of each model, for those who must not open the tables."""

    def progress(self, model: str) -> LabelProgress | None: ...

    def put_progress(self, model: str, progress: LabelProgress) -> None:
        """Never goes back: an earlier measurement does not replace a later one."""


class TableStates(Protocol):
    """The newest state of each table, for those who must not open the table itself."""

    def get(self, feed: Feed) -> TableState | None: ...

    def put(self, feed: Feed, state: TableState) -> None:
        """Never goes back: an older table version does not replace a newer one."""

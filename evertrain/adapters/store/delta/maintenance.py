"""Maintenance of Delta tables: small files into larger ones, a checkpoint, and what no version needs is removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties

from evertrain.adapters.store.delta.log import RECENT_HOURS, open_table, state_of
from evertrain.domain.landing.batches import Feed
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_MONTH
from evertrain.ports.feature_store import MaintenanceResult, TableFiles

MIN_FILES_TO_MERGE = 20
"""Of a month: fewer are not worth writing their rows again."""

MERGED_BYTES = 16 * 1024 * 1024
"""A file of a running month grows to this size and is not written again before the month is over."""

FILE_BYTES = 64 * 1024 * 1024
MAX_SORTED_BYTES = 512 * 1024 * 1024
"""Of a month, compressed. More does not fit into a function's memory while it is sorted: 477 MB took 1 GB."""

ROWS_PER_ROW_GROUP = 1 << 17
"""A reader skips groups outside its interval."""


@dataclass(frozen=True, kw_only=True)
class DeltaMaintenance:
    """Implements `ports.feature_store.TableMaintenance`. `root`: as of the writer."""

    root: str
    files: TableFiles
    recent_hours: int = RECENT_HOURS
    min_files_to_merge: int = MIN_FILES_TO_MERGE
    max_sorted_bytes: int = MAX_SORTED_BYTES

    def maintain(self, feed: Feed, *, needed: Sequence[int], now: datetime) -> MaintenanceResult | None:
        """Of a month that rows still come to, many small files are merged, and larger ones left alone: a day writes
        what came that day, and at most one merged file again. A month that is over is put in order of event time
        once, and again only when many small files came late; one too large to be sorted is merged only.

        Appends may go on meanwhile: they never conflict with a rewriting.
        """
        table = open_table(self.root, feed)
        if table is None:
            return None
        present = f"{now.astimezone(UTC):%Y-%m}"
        merged = written = 0
        for month, sizes in _months(table):
            rewrite = self._order if month < present else self._merge
            files_removed, files_added = rewrite(table, month, sizes)
            merged, written = merged + files_removed, written + files_added
        table.create_checkpoint()
        removed = self.files.remove(feed, self._unneeded(table, needed))
        return MaintenanceResult(state=state_of(table), merged=merged, written=written, removed=removed)

    def _merge(self, table: DeltaTable, month: str, sizes: Sequence[int]) -> tuple[int, int]:
        if not self._crowded(sizes, MERGED_BYTES):
            return 0, 0
        of_month = [(INGESTED_MONTH, "=", month)]
        return _files(
            table.optimize.compact(partition_filters=of_month, target_size=MERGED_BYTES, writer_properties=_WRITTEN)
        )

    def _order(self, table: DeltaTable, month: str, sizes: Sequence[int]) -> tuple[int, int]:
        # Without a time it is remembered for ever, as no batch's id is.
        ordered = Transaction(f"ordered-{month}", 1)
        was_ordered = table.transaction_version(ordered.app_id) is not None
        if was_ordered and not self._crowded(sizes, FILE_BYTES):
            return 0, 0
        if sum(sizes) > self.max_sorted_bytes:
            return self._merge(table, month, sizes)
        of_month = [(INGESTED_MONTH, "=", month)]
        done = table.optimize.z_order(
            [EVENT_TIME], partition_filters=of_month, target_size=FILE_BYTES, writer_properties=_WRITTEN
        )
        if not was_ordered:
            # In a commit of its own, since a rewriting takes no transaction: who dies in between does it once more.
            table.create_write_transaction(
                [],
                mode="append",
                schema=table.schema(),
                partition_by=[INGESTED_MONTH],
                commit_properties=CommitProperties(app_transactions=[ordered]),
            )
            table.update_incremental()
        return _files(done)

    def _crowded(self, sizes: Sequence[int], target: int) -> bool:
        return sum(size < target // 2 for size in sizes) >= self.min_files_to_merge

    def _unneeded(self, table: DeltaTable, needed: Sequence[int]) -> list[str]:
        """What the log still knows to have been replaced. What it never knew may be about to be committed."""
        return table.vacuum(
            retention_hours=self.recent_hours,
            dry_run=True,
            enforce_retention_duration=False,  # a test does not wait for a week
            keep_versions=sorted({*needed, table.version()}),
        )


_WRITTEN = WriterProperties(compression="ZSTD", max_row_group_size=ROWS_PER_ROW_GROUP)


def _files(done: dict[str, Any]) -> tuple[int, int]:
    return done["numFilesRemoved"], done["numFilesAdded"]


def _months(table: DeltaTable) -> list[tuple[str, list[int]]]:
    """Each with its files' sizes in bytes, the first month first."""
    actions = table.get_add_actions(flatten=True)
    months = actions.column(f"partition.{INGESTED_MONTH}").to_pylist()
    files = sorted(zip(months, actions.column("size_bytes").to_pylist(), strict=True))
    return [(str(month), [size for _, size in some]) for month, some in groupby(files, key=itemgetter(0))]

"""Maintenance of Delta tables: small files into larger ones, a checkpoint, and what no version needs is removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties

from evertrain.adapters.store.delta.log import RETENTION_HOURS, open_table, state_of
from evertrain.domain.landing.batches import Feed
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_MONTH
from evertrain.ports.feature_store import MaintenanceResult, TableFiles

MIN_FILES_TO_COMPACT = 20
"""Of a month: fewer are not worth writing their rows again."""

COMPACTION_TARGET_BYTES = 16 * 1024 * 1024
"""A file of a running month grows to this size and is not written again before the month is over."""

SORTED_TARGET_BYTES = 64 * 1024 * 1024
MAX_SORTED_BYTES = 512 * 1024 * 1024
"""Of a month, compressed. More does not fit into a function's memory while it is sorted: 477 MB took 1 GB."""

ROWS_PER_ROW_GROUP = 1 << 17
"""A reader skips groups outside its interval."""


@dataclass(frozen=True, kw_only=True)
class DeltaMaintenance:
    """Implements `ports.feature_store.TableMaintenance`. `root`: as of the writer."""

    root: str
    files: TableFiles
    retention_hours: int = RETENTION_HOURS
    min_files_to_compact: int = MIN_FILES_TO_COMPACT
    max_sorted_bytes: int = MAX_SORTED_BYTES

    def maintain(self, feed: Feed, *, retained_versions: Sequence[int], now: datetime) -> MaintenanceResult | None:
        """While rows still come to a month, many small files are merged and larger ones left alone. A day then
        rewrites what came that day, and at most one merged file.

        Once the month is over, it is sorted by event time; again only when many small files came late. A month too
        large to sort is only merged.

        Appends may run meanwhile: they never conflict with a rewrite.
        """
        table = open_table(self.root, feed)
        if table is None:
            return None
        present = f"{now.astimezone(UTC):%Y-%m}"
        merged = written = 0
        for month, sizes in _file_sizes_by_month(table):
            rewrite = self._sort if month < present else self._compact
            files_removed, files_added = rewrite(table, month, sizes)
            merged, written = merged + files_removed, written + files_added
        table.create_checkpoint()
        removed = self.files.remove(feed, self._find_removable(table, retained_versions))
        return MaintenanceResult(state=state_of(table), merged=merged, written=written, removed=removed)

    def _compact(self, table: DeltaTable, month: str, sizes: Sequence[int]) -> tuple[int, int]:
        if not self._has_many_small_files(sizes, COMPACTION_TARGET_BYTES):
            return 0, 0
        of_month = [(INGESTED_MONTH, "=", month)]
        return _file_counts(
            table.optimize.compact(
                partition_filters=of_month, target_size=COMPACTION_TARGET_BYTES, writer_properties=_WRITER_PROPERTIES
            )
        )

    def _sort(self, table: DeltaTable, month: str, sizes: Sequence[int]) -> tuple[int, int]:
        # A transaction without a timestamp never expires. Those of batches do.
        ordered = Transaction(f"ordered-{month}", 1)
        was_ordered = table.transaction_version(ordered.app_id) is not None
        if was_ordered and not self._has_many_small_files(sizes, SORTED_TARGET_BYTES):
            return 0, 0
        if sum(sizes) > self.max_sorted_bytes:
            return self._compact(table, month, sizes)
        of_month = [(INGESTED_MONTH, "=", month)]
        done = table.optimize.z_order(
            [EVENT_TIME],
            partition_filters=of_month,
            target_size=SORTED_TARGET_BYTES,
            writer_properties=_WRITER_PROPERTIES,
        )
        if not was_ordered:
            # A commit of its own, since optimize takes no transaction. After a crash in between the month is sorted
            # once more.
            table.create_write_transaction(
                [],
                mode="append",
                schema=table.schema(),
                partition_by=[INGESTED_MONTH],
                commit_properties=CommitProperties(app_transactions=[ordered]),
            )
            table.update_incremental()
        return _file_counts(done)

    def _has_many_small_files(self, sizes: Sequence[int], target: int) -> bool:
        return sum(size < target // 2 for size in sizes) >= self.min_files_to_compact

    def _find_removable(self, table: DeltaTable, retained_versions: Sequence[int]) -> list[str]:
        """Replaced files that the log still remembers. A file that it never knew may be about to be committed."""
        return table.vacuum(
            retention_hours=self.retention_hours,
            dry_run=True,
            enforce_retention_duration=False,  # a test does not wait for a week
            keep_versions=sorted({*retained_versions, table.version()}),
        )


_WRITER_PROPERTIES = WriterProperties(compression="ZSTD", max_row_group_size=ROWS_PER_ROW_GROUP)


def _file_counts(done: dict[str, Any]) -> tuple[int, int]:
    return done["numFilesRemoved"], done["numFilesAdded"]


def _file_sizes_by_month(table: DeltaTable) -> list[tuple[str, list[int]]]:
    """Each with its files' sizes in bytes, the first month first."""
    actions = table.get_add_actions(flatten=True)
    months = actions.column(f"partition.{INGESTED_MONTH}").to_pylist()
    files = sorted(zip(months, actions.column("size_bytes").to_pylist(), strict=True))
    return [(str(month), [size for _, size in some]) for month, some in groupby(files, key=itemgetter(0))]

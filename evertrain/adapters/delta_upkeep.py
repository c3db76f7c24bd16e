"""Maintenance of Delta tables: small files into larger ones, a checkpoint, and what no version needs is removed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deltalake import DeltaTable, WriterProperties

from evertrain.adapters.delta_log import open_table, state_of
from evertrain.domain.batches import Feed
from evertrain.domain.feeds import EVENT_TIME, INGESTED_MONTH
from evertrain.ports.feature_store import TableFiles, Upkeep

MANY_FILES = 20
"""Of a month: fewer are not worth writing their rows again."""

FILE_BYTES = 64 * 1024 * 1024
ROWS_IN_GROUP = 1 << 17
"""A reader skips groups outside its interval."""

RECENT_HOURS = 7 * 24
"""A version of this age may be read by a training that is under way, registered or not."""


@dataclass(frozen=True, kw_only=True)
class DeltaUpkeep:
    """Implements `ports.feature_store.TableUpkeep`. `root`: as of the writer."""

    root: str
    files: TableFiles
    recent_hours: int = RECENT_HOURS
    many_files: int = MANY_FILES

    def keep_up(self, feed: Feed, *, needed: Sequence[int]) -> Upkeep | None:
        """Rows of a month are written again in order of their event time, when many files have come to it.

        Appends may go on meanwhile: they never conflict with a rewriting.
        """
        table = open_table(self.root, feed)
        if table is None:
            return None
        merged = written = 0
        for month in self._crowded_months(table):
            done = table.optimize.z_order(
                [EVENT_TIME],
                partition_filters=[(INGESTED_MONTH, "=", month)],
                target_size=FILE_BYTES,
                writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROWS_IN_GROUP),
            )
            merged += done["numFilesRemoved"]
            written += done["numFilesAdded"]
        table.create_checkpoint()
        removed = self.files.remove(feed, self._unneeded(table, needed))
        return Upkeep(state=state_of(table), merged=merged, written=written, removed=removed)

    def _unneeded(self, table: DeltaTable, needed: Sequence[int]) -> list[str]:
        """What the log still knows to have been replaced. What it never knew may be about to be committed."""
        return table.vacuum(
            retention_hours=self.recent_hours,
            dry_run=True,
            enforce_retention_duration=False,  # a test does not wait for a week
            keep_versions=sorted({*needed, table.version()}),
        )

    def _crowded_months(self, table: DeltaTable) -> list[str]:
        actions = table.get_add_actions(flatten=True)
        months = actions.column(f"partition.{INGESTED_MONTH}").to_pylist()
        small = (size < FILE_BYTES // 2 for size in actions.column("size_bytes").to_pylist())
        files = Counter(month for month, is_small in zip(months, small, strict=True) if is_small)
        return sorted(str(month) for month, count in files.items() if count >= self.many_files)

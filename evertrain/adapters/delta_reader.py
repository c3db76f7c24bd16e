"""Reads feature store tables as they were: at a version, of an interval, with what was known by then."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pa_dataset
import pyarrow.fs as pa_fs
from deltalake.fs import DeltaStorageHandler

from evertrain.adapters.delta_log import files_of, open_table, state_of, storage_options, table_uri
from evertrain.domain.batches import Feed, TableState
from evertrain.domain.feeds import EVENT_TIME, INGESTED_AT, INGESTED_MONTH
from evertrain.domain.training import Interval
from evertrain.ports.feature_store import UnknownTable
from evertrain.use_cases.arrow_columns import TIMESTAMP


@dataclass(frozen=True, kw_only=True)
class DeltaReader:
    """Implements `ports.feature_store.TableReader[pa.Table]`. `root`: as of the writer."""

    root: str

    def state(self, feed: Feed) -> TableState:
        table = open_table(self.root, feed)
        if table is None:
            raise UnknownTable(f"nothing has been committed to {feed} yet")
        return state_of(table)

    def read(
        self, feed: Feed, *, version: int, rows: Interval, known_at: datetime, columns: tuple[str, ...] | None = None
    ) -> pa.Table:
        """Every row that was known, corrected ones too; `columns` besides both times, by default all."""
        table = open_table(self.root, feed, version=version)
        if table is None:
            raise UnknownTable(f"nothing has been committed to {feed} yet")
        # The log knows each file's times: what cannot have a row of the interval is not opened.
        paths = [
            entry["path"]
            for entry in files_of(table)
            if _before(entry["min.event_time"], rows.end)
            and not _before(entry["max.event_time"], rows.start)
            and not _before(known_at, entry["min.ingested_at"])
        ]
        schema = pa.schema(table.schema().to_arrow())
        schema = schema.remove(schema.get_field_index(INGESTED_MONTH))  # it is in the log, not in the files
        files = pa_fs.PyFileSystem(DeltaStorageHandler(table_uri(self.root, feed), storage_options(self.root)))
        dataset = pa_dataset.dataset(sorted(paths), schema=schema, format="parquet", filesystem=files)
        wanted = dict.fromkeys(schema.names if columns is None else [EVENT_TIME, INGESTED_AT, *columns])
        found = dataset.to_table(
            columns=[name for name in wanted if name in schema.names],
            filter=(pc.field(EVENT_TIME) >= _scalar(rows.start))
            & (pc.field(EVENT_TIME) < _scalar(rows.end))
            & (pc.field(INGESTED_AT) <= _scalar(known_at)),
        )
        for name in wanted:
            if name not in found.column_names:  # declared since
                found = found.append_column(name, pa.nulls(found.num_rows))
        return found


def _before(one: datetime, other: datetime) -> bool:
    return one.timestamp() < other.timestamp()


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIMESTAMP)

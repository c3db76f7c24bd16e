"""Reads feature store tables as they were: at a version, of an interval, with what was known by then."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pa_dataset
import pyarrow.fs as pa_fs
from deltalake.fs import DeltaStorageHandler

from evertrain.adapters.arrow_schema import TIMESTAMP
from evertrain.adapters.delta_log import files_of, open_table, state_of, storage_options, table_uri
from evertrain.adapters.feeds import EVENT_TIME, INGESTED_AT
from evertrain.domain.batches import Feed, FeedKind, TableState
from evertrain.domain.model_spec import FeatureKind, ModelSpec
from evertrain.domain.training import Interval, TrainingPlan
from evertrain.ports.feature_store import TableReader, UnknownTable
from evertrain.use_cases.arrow_columns import ages


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
        files = pa_fs.PyFileSystem(DeltaStorageHandler(table_uri(self.root, feed), storage_options(self.root)))
        dataset = pa_dataset.dataset(sorted(paths), schema=schema, format="parquet", filesystem=files)
        wanted = schema.names if columns is None else [EVENT_TIME, INGESTED_AT, *columns]
        return dataset.to_table(
            columns=list(dict.fromkeys(wanted)),
            filter=(pc.field(EVENT_TIME) >= _scalar(rows.start))
            & (pc.field(EVENT_TIME) < _scalar(rows.end))
            & (pc.field(INGESTED_AT) <= _scalar(known_at)),
        )


def load_training_rows(
    *, tables: TableReader[pa.Table], spec: ModelSpec, plan: TrainingPlan, rows: Interval
) -> pa.Table:
    """Features with their labels, as the plan knew them: entity key, `event_time`, features, label. Times are ages.

    Only rows that have a label. Where a key was ingested more than once, the latest known row counts. Ordered by time
    and key, so that the same plan always gives the same table.
    """
    key, label = spec.group.entity_key, spec.label.name
    features = tables.read(
        Feed(kind=FeedKind.FEATURES, name=spec.group.name),
        version=plan.features_table_version,
        rows=rows,
        known_at=plan.known_at,
        columns=(key, *spec.feature_names),
    )
    labels = tables.read(
        Feed(kind=FeedKind.LABELS, name=spec.name),
        version=plan.labels_table_version,
        rows=rows,
        known_at=plan.known_at,
        columns=(key, label),
    )
    labelled = _latest(features, key).join(_latest(labels, key).select([key, label]), keys=key, join_type="inner")
    ordered = labelled.sort_by([(EVENT_TIME, "ascending"), (key, "ascending")])
    ordered = ordered.filter(pc.is_valid(ordered[label]))
    return _with_ages(ordered, spec).select([key, EVENT_TIME, *spec.feature_names, label]).combine_chunks()


def _with_ages(table: pa.Table, spec: ModelSpec) -> pa.Table:
    for feature in spec.features:
        if feature.kind is FeatureKind.TIMESTAMP:
            values = ages(table[feature.name], table[EVENT_TIME])
            table = table.set_column(table.column_names.index(feature.name), feature.name, values)
    return table


def _latest(table: pa.Table, key: str) -> pa.Table:
    """Of rows with the same key the one that was ingested last."""
    ordered = table.sort_by([(INGESTED_AT, "descending")])
    numbered = ordered.append_column("__row", pa.array(range(ordered.num_rows), pa.int64()))
    first = numbered.group_by(key).aggregate([("__row", "min")])["__row_min"]
    return ordered.take(first)


def _before(one: datetime, other: datetime) -> bool:
    return one.timestamp() < other.timestamp()


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, TIMESTAMP)

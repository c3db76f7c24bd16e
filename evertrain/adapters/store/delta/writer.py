"""Commits batches to Delta tables: the monitor's files are added by a transaction in the log, nothing is copied.

Needs no pyarrow. The batch's id is the transaction's application id, so a batch is added once for as long as the
table remembers it. For older batches the caller has to know.
"""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, create_table_with_add_actions

from evertrain.adapters.store.delta.log import (
    DELTA_TYPES,
    columns_of,
    key_column,
    open_table,
    state_of,
    storage_options,
    table_uri,
)
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Batch, BatchFile, Feed, TableState
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, INGESTED_MONTH, feed_schema, schema_faults
from evertrain.domain.project.feature_group import Column
from evertrain.domain.project.model import Project

_ATTEMPTS = 10
_TABLE_PROPERTIES: dict[str, str | None] = {
    # A version that a model was trained on must stay readable: history is cut by a person, if ever.
    "delta.logRetentionDuration": "interval 3650 days",
    # So there is nothing to clean up, and looking for it would list the whole log with each commit.
    "delta.enableExpiredLogCleanup": "false",
    # A commit a batch: whoever opens the table reads at most so many since the last checkpoint.
    "delta.checkpointInterval": "20",
    # Replaced files are remembered so long, for maintenance to remove them. What a model needs until then stays.
    "delta.deletedFileRetentionDuration": "interval 30 days",
    # Whoever opens the table reads each batch's id that it remembers. A queue keeps an event for 14 days, and its
    # dead letters, sent back, for as many again; of what comes later the batch log knows.
    "delta.setTransactionRetentionDuration": "interval 30 days",
}


class SchemaConflict(EvertrainError):
    """A column of the table is declared no longer, with another type, or another one as the key."""


@dataclass(frozen=True, kw_only=True)
class DeltaWriter:
    """`root`: the folder or `s3://` prefix that all tables are below."""

    root: str
    project: Project
    _open: dict[Feed, DeltaTable] = field(default_factory=dict)
    """Kept by a warm function, which then reads only the commits that came since."""

    def commit(self, batch: Batch) -> TableState:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._commit(batch)
            except (CommitFailedError, DeltaError):
                # Another commit came first. Reading the table again shows whether it was this very batch.
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _commit(self, batch: Batch) -> TableState:
        table = self._table(batch.feed)
        if table is None:
            self._create(batch)
        elif table.transaction_version(batch.batch_id) is None:
            self._append(batch, table)
        committed = self._table(batch.feed)
        if committed is None:
            raise DeltaError(f"the table of {batch.feed} is gone")
        return state_of(committed)

    def _append(self, batch: Batch, table: DeltaTable) -> None:
        """Rows that were committed before a column was declared have none of it."""
        stored = columns_of(table)
        faults = schema_faults(batch.feed, self.project, stored, key=key_column(table))
        if faults:
            raise SchemaConflict("; ".join(fault.message for fault in faults))
        declared = feed_schema(batch.feed, self.project).columns
        new = [_column(column) for column in declared if column.name not in stored]
        if new:
            table.alter.add_columns(new)
        table.create_write_transaction(
            [_add_action(file) for file in batch.files],
            mode="append",
            schema=table.schema(),
            partition_by=[INGESTED_MONTH],
            commit_properties=_idempotent(batch),
        )

    def _table(self, feed: Feed) -> DeltaTable | None:
        if feed in self._open:
            self._open[feed].update_incremental()
        elif (table := open_table(self.root, feed)) is not None:
            self._open[feed] = table
        return self._open.get(feed)

    def _create(self, batch: Batch) -> None:
        create_table_with_add_actions(
            table_uri(self.root, batch.feed),
            schema=self._schema(batch.feed),
            add_actions=[_add_action(file) for file in batch.files],
            mode="error",
            partition_by=[INGESTED_MONTH],
            name=str(batch.feed),
            configuration=_TABLE_PROPERTIES,
            storage_options=storage_options(self.root),
            commit_properties=_idempotent(batch),
        )

    def _schema(self, feed: Feed) -> Schema:
        declared = feed_schema(feed, self.project)
        return Schema(
            [
                _field(declared.key, "string", nullable=False),
                _field(EVENT_TIME, "timestamp", nullable=False),
                _field(INGESTED_AT, "timestamp", nullable=False),
                _field(INGESTED_MONTH, "string", nullable=False),
                *(_column(column) for column in declared.columns),
            ]
        )


def _column(column: Column) -> Field:
    return _field(column.name, DELTA_TYPES[column.kind], nullable=True)


def _field(name: str, kind: str, *, nullable: bool) -> Field:
    return Field(name, PrimitiveType(kind), nullable=nullable)


def _add_action(file: BatchFile) -> AddAction:
    stamp = _timestamp_text(file.ingested_at)
    statistics: dict[str, Any] = {
        "numRecords": file.rows,
        "minValues": {EVENT_TIME: _timestamp_text(file.event_time_min), INGESTED_AT: stamp},
        "maxValues": {EVENT_TIME: _timestamp_text(file.event_time_max), INGESTED_AT: stamp},
        "nullCount": {EVENT_TIME: 0, INGESTED_AT: 0},
    }
    return AddAction(
        path=file.path,
        size=file.bytes,
        partition_values={INGESTED_MONTH: f"{file.ingested_at.astimezone(UTC):%Y-%m}"},
        modification_time=int(file.ingested_at.timestamp() * 1000),
        data_change=True,
        stats=json.dumps(statistics),
    )


def _idempotent(batch: Batch) -> CommitProperties:
    # By the real clock, whatever is replayed: that is what the table's retention goes by.
    return CommitProperties(app_transactions=[Transaction(batch.batch_id, 1, last_updated=int(1000 * time.time()))])


def _timestamp_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

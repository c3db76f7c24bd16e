"""Batches, quarantines and the states of tables."""

from datetime import datetime

from evertrain.domain.landing.batches import Batch, BatchFile, Fault, Feed, FeedKind, Quarantine, TableState
from tests.builders.models import NOW, days

FEATURES = Feed(kind=FeedKind.FEATURES, name="trips")
LABELS = Feed(kind=FeedKind.LABELS, name="trips")
PREDICTIONS = Feed(kind=FeedKind.PREDICTIONS, name="trips")


def a_batch(batch_id: str = "b1", *, feed: Feed = FEATURES, days_ago: float = 1) -> Batch:
    start = NOW - days(days_ago)
    file = BatchFile(
        path=f"batch-{batch_id}.parquet",
        rows=900,
        bytes=12_345,
        event_time_min=start,
        event_time_max=start + days(0.9),
        ingested_at=start + days(1),
    )
    return Batch.from_files([file], batch_id=batch_id, feed=feed, source_key=f"{feed}/{batch_id}.parquet")


def a_quarantine(batch_id: str = "q1", *, feed: Feed | None = FEATURES, at: datetime = NOW) -> Quarantine:
    return Quarantine(
        batch_id=batch_id,
        feed=feed,
        source_key=f"features/trips/{batch_id}.parquet",
        quarantined_at=at,
        faults=(Fault(code="unparsable", message="this is no Parquet file"),),
    )


def a_table_state(*, version: int = 1, rows: int = 900) -> TableState:
    return TableState(
        version=version,
        rows=rows,
        event_time_min=NOW - days(30),
        event_time_max=NOW - days(1),
        ingested_at_max=NOW,
    )

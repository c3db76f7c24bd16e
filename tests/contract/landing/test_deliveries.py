"""In whatever order objects are looked at, and however often: what landed last is what is known.

The store is a real one; everything else is in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evertrain.domain.landing.batches import Batch, LandedObject
from evertrain.statistics.reference import Reference
from evertrain.use_cases.store.commit_batch import CommitBatch
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.landed import features_frame, parquet
from tests.builders.models import NOW, a_model
from tests.builders.monitoring import Monitor
from tests.builders.store import ALL_TIME, PROJECT, FolderBatchFiles, Store

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Landed:
    """The object that landed in this minute."""

    minute: int
    key: str
    body: bytes


def labels(late: float, *, rows: int = 20) -> bytes:
    """Of the first rows of the day."""
    return parquet(features_frame(day=1)[["trip_id", "departed_at"]].head(rows).assign(late=late))


LANDED = (
    Landed(1, "features/trips/1.parquet", parquet(features_frame(day=1, wind=1.0))),
    Landed(2, "labels/trips/1.parquet", labels(0.0)),
    Landed(3, "features/trips/1-corrected.parquet", parquet(features_frame(day=1, wind=2.0).iloc[::2])),
    Landed(4, "labels/trips/1-corrected.parquet", labels(1.0, rows=15)),
    Landed(5, "labels/trips/1-again.parquet", labels(0.0, rows=5)),
)


def rows_after(root: Path, deliveries: Sequence[Landed]) -> pa.Table:
    """What a retraining reads once all of these were handled, one an hour, long after they landed."""
    store = Store(root=root)
    monitor = Monitor(project=PROJECT, load_reference=no_reference, files=FolderBatchFiles(root))  # type: ignore[arg-type]
    commit = CommitBatch(batches=monitor.batches, tables=store.writer, states=monitor.tables, bus=monitor.bus)
    for landed in deliveries:
        place = LandedObject(bucket="landing", key=landed.key)
        monitor.landing.objects[place] = landed.body
        monitor.landing.times[place] = NOW + landed.minute * MINUTE
        monitor.clock.moment += timedelta(hours=1)
        batch = monitor.check.run(place)
        assert isinstance(batch, Batch)
        assert batch.ingested_at == NOW + landed.minute * MINUTE
        commit.run(batch.feed, batch.batch_id)
    plan = store.plan(a_model(), known_at=monitor.clock.moment)
    return StoredTrainingRows(tables=store.reader).read_labelled(a_model(), plan, ALL_TIME)


def no_reference(uri: str) -> Reference:
    raise AssertionError(f"there is no champion whose reference could be {uri}")


@pytest.fixture(scope="module")
def sort_by_time(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    rows = rows_after(tmp_path_factory.mktemp("in-order"), LANDED)
    assert rows["wind"].to_pylist() == [2.0, 1.0] * 10
    assert rows["late"].to_pylist() == [*[0.0] * 5, *[1.0] * 10, *[0.0] * 5]
    return rows


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(LANDED), st.lists(st.sampled_from(LANDED), max_size=3))
def test_the_order_of_deliveries_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, sort_by_time: pa.Table, deliveries: list[Landed], again: list[Landed]
) -> None:
    assert rows_after(tmp_path_factory.mktemp("store"), [*deliveries, *again]).equals(sort_by_time)

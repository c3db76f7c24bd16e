"""The feature store on Delta Lake: a batch is added once, a version stays as it was, what was unknown is not read."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from evertrain.adapters.store.delta import writer as delta_writer
from evertrain.adapters.store.delta.writer import SchemaConflict
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.feeds import schema_faults
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import Project
from evertrain.domain.training.plan import TrainingPlan
from evertrain.ports.feature_store import UnknownTable
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.landed import features_frame, landed_features, landed_labels, parquet
from tests.builders.models import NOW, a_group, a_model, days
from tests.builders.store import ALL_TIME, Store

FEATURES = Feed(kind=FeedKind.FEATURES, name="trips")
LABELS = Feed(kind=FeedKind.LABELS, name="trips")
ROOT = Path(__file__).parents[3]


def test_the_first_commit_makes_the_table_and_each_adds_its_rows(store: Store) -> None:
    with pytest.raises(UnknownTable, match="features/trips"):
        store.reader.state(FEATURES)
    first = store.add(FEATURES, landed_features(day=1), ingested_at=NOW - days(8))
    second = store.add(FEATURES, landed_features(day=2), ingested_at=NOW - days(7))
    assert (first.rows, second.rows) == (20, 40)
    assert second.version == first.version + 1
    assert second == store.reader.state(FEATURES)
    assert second.event_time_min < second.event_time_max
    assert second.ingested_at_max == NOW - days(7)


def test_a_batch_is_added_once_however_often_it_is_committed(store: Store) -> None:
    batch = store.put(FEATURES, landed_features(day=1), ingested_at=NOW)
    assert [store.writer.commit(batch) for _ in range(3)] == [store.writer.commit(batch)] * 3
    assert store.reader.state(FEATURES).rows == 20


def test_a_table_remembers_its_batches_by_the_real_clock_and_not_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = store.put(FEATURES, landed_features(), ingested_at=NOW)  # which is years ago
    store.writer.commit(batch)
    assert store.table(FEATURES).transaction_version(batch.batch_id) == 1
    monkeypatch.setitem(delta_writer._TABLE_PROPERTIES, "delta.setTransactionRetentionDuration", "interval 0 seconds")
    labels = store.put(LABELS, landed_labels(), ingested_at=NOW)
    store.writer.commit(labels)
    assert store.table(LABELS).transaction_version(labels.batch_id) is None


def test_commits_at_the_same_time_are_all_kept_once(store: Store) -> None:
    batches = [store.put(FEATURES, landed_features(day=day), ingested_at=NOW) for day in range(1, 5)]
    threads = [threading.Thread(target=store.writer.commit, args=(batch,)) for batch in batches for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.reader.state(FEATURES).rows == 80


def test_a_version_stays_what_it_was(store: Store) -> None:
    early = store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    store.add(FEATURES, landed_features(day=2), ingested_at=NOW)
    assert read(store, FEATURES, version=early.version).num_rows == 20


def declaring(store: Store, *columns: Column) -> Store:
    """The same store, for a group with other columns."""
    group = replace(a_group(), columns=columns)
    model = replace(a_model(), group=group, feature_names=tuple(column.name for column in columns))
    return replace(store, project=Project(groups={"trips": group}, models={"trips": model}))


def test_a_new_column_is_missing_in_earlier_rows_and_versions(store: Store) -> None:
    before = store.add(FEATURES, landed_features(day=1), ingested_at=NOW - days(8))
    rain = Column(name="rain", kind=FeatureKind.NUMERIC, nullable=True)
    grown = declaring(store, *a_group().columns, rain)
    after = grown.add(FEATURES, landed_features(day=2, rain=1.5), ingested_at=NOW - days(7))
    assert after.columns == {**before.columns, "rain": FeatureKind.NUMERIC}
    assert after.rows == 40
    values = read(grown, FEATURES, version=after.version, columns=("rain",))["rain"]
    assert (values.null_count, values.drop_null().unique().to_pylist()) == (20, [1.5])
    # Of the version before, a plan that was made then reads a column without values.
    spec = grown.project.models["trips"]
    grown.add(LABELS, landed_labels(day=1), ingested_at=NOW)
    plan = planned(grown, features=[], labels=[])
    plan = replace(plan, table_versions={**plan.table_versions, str(FEATURES): before.version})
    rows = StoredTrainingRows(tables=grown.reader).read_labelled(spec, plan, ALL_TIME)
    assert rows["rain"].type == pa.float64()
    assert rows["rain"].null_count == rows.num_rows == 20
    # A batch from before the column was declared may come late.
    late = grown.writer.commit(store.put(FEATURES, landed_features(day=3), ingested_at=NOW))
    assert late.rows == 60


def test_writers_that_declare_the_same_new_column_at_once_both_commit(store: Store) -> None:
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    grown = declaring(store, *a_group().columns, Column(name="rain", kind=FeatureKind.NUMERIC, nullable=True))
    batches = [grown.put(FEATURES, landed_features(day=day, rain=1.0), ingested_at=NOW) for day in range(2, 6)]
    threads = [threading.Thread(target=grown.writer.commit, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.reader.state(FEATURES).rows == 100


def test_a_column_that_is_gone_or_of_another_type_is_refused_by_name(store: Store) -> None:
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    distance, wind, carrier, holiday = a_group().columns
    batch = store.put(FEATURES, landed_features(day=2), ingested_at=NOW)
    with pytest.raises(SchemaConflict, match=r"wind: the table features/trips has this column"):
        declaring(store, distance, carrier, holiday).writer.commit(batch)
    retyped = replace(wind, kind=FeatureKind.CATEGORICAL)
    with pytest.raises(SchemaConflict, match=r"wind: numeric in the table features/trips, categorical in"):
        declaring(store, distance, retyped, carrier, holiday).writer.commit(batch)
    assert store.writer.commit(batch).rows == 40


def test_rows_that_are_named_by_another_key_are_refused_by_name(store: Store) -> None:
    state = store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    assert state.key == "trip_id"
    renamed = replace(a_group(), entity_key="journey")
    other = replace(store, project=Project(groups={"trips": renamed}, models={}))
    frame = features_frame(day=2).rename(columns={"trip_id": "journey"})
    batch = other.put(FEATURES, parquet(frame), ingested_at=NOW)
    with pytest.raises(SchemaConflict, match="names its rows by trip_id, not by journey"):
        other.writer.commit(batch)
    (fault,) = schema_faults(FEATURES, other.project, state.columns, key=state.key)
    assert (fault.code, fault.column) == ("key_renamed", "journey")
    assert store.reader.state(FEATURES) == state


def test_only_rows_of_the_interval_are_read(store: Store) -> None:
    for day in (1, 2, 3):
        state = store.add(FEATURES, landed_features(day=day), ingested_at=NOW)
    start = NOW - days(30) + days(2)
    found = read(store, FEATURES, version=state.version, rows=Interval(start=start, end=start + days(1)))
    assert found.num_rows == 20
    assert min(found["event_time"].to_pylist()) == start


def test_what_was_ingested_later_was_not_known(store: Store) -> None:
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW - days(2))
    state = store.add(FEATURES, landed_features(day=2), ingested_at=NOW)
    assert read(store, FEATURES, version=state.version, known_at=NOW - days(1)).num_rows == 20


def test_what_had_landed_and_was_on_its_way_at_a_time_was_not_known_then(store: Store) -> None:
    """The rows of a time stay what they were when a batch that had landed before is committed at last."""
    began = datetime.now(UTC).replace(microsecond=0)
    first, late = (store.put(FEATURES, landed_features(day=day), ingested_at=began - days(1)) for day in (1, 2))
    with pytest.raises(UnknownTable, match="features/trips"):
        store.reader.version_as_of(FEATURES, began, now=began)
    asked = [began, *(on_a_later_second(lambda batch=batch: store.writer.commit(batch)) for batch in (first, late))]
    store.maintenance(retention_hours=24, min_files_to_compact=2).maintain(FEATURES, retained_versions=(), now=began)

    def rows_as_of(moment: datetime) -> int:
        version = store.reader.version_as_of(FEATURES, moment, now=datetime.now(UTC))
        return read(store, FEATURES, version=version, known_at=moment).num_rows

    with pytest.raises(UnknownTable, match="nothing had been committed to features/trips by"):
        rows_as_of(asked[0])
    assert [rows_as_of(moment) for moment in asked[1:]] == [20, 40]
    # Of a time whose version may be gone, by the rows' own times in the newest one.
    newest = store.reader.state(FEATURES).version
    assert store.reader.version_as_of(FEATURES, asked[1], now=datetime.now(UTC) + days(8)) == newest


def on_a_later_second(work: Callable[[], object]) -> datetime:
    """Does it at least a second after what came before, and answers a time before whatever comes after."""
    time.sleep(1.1)
    work()
    time.sleep(1.1)
    return datetime.now(UTC)


def test_the_table_has_the_types_that_are_declared_and_any_delta_reader_reads_it(store: Store) -> None:
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    table = pa.table(store.table(FEATURES).to_pyarrow_table())
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "trip_id": "string",
        "event_time": "timestamp[us, tz=UTC]",
        "ingested_at": "timestamp[us, tz=UTC]",
        "distance": "double",
        "wind": "double",
        "carrier": "string",
        "holiday": "bool",
        "ingested_month": "string",
    }


def test_a_commit_needs_no_time_zone_database(store: Store) -> None:
    """As on Lambda. In a process of its own: Python keeps the zones that it has read."""
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    script = f"""
import sys
sys.modules["tzdata"] = None
from evertrain.adapters.store.delta.log import open_table, state_of
from evertrain.domain.landing.batches import Feed, FeedKind
print(state_of(open_table({str(store.root)!r}, Feed(kind=FeedKind.FEATURES, name="trips"))))
"""
    environment = os.environ | {"PYTHONTZPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(store.reader.state(FEATURES))


# --- training rows ------------------------------------------------------------------------------


def test_training_rows_are_those_with_labels_in_the_order_of_time(store: Store) -> None:
    plan = planned(store, features=[1, 2], labels=[1])
    rows = StoredTrainingRows(tables=store.reader).read_labelled(a_model(), plan, ALL_TIME)
    assert rows.num_rows == 20
    assert rows.column_names == ["trip_id", "event_time", "distance", "wind", "carrier", "holiday", "late"]
    assert rows["event_time"].to_pylist() == sorted(rows["event_time"].to_pylist())


def test_the_same_plan_reads_the_same_rows_whatever_lands_later(store: Store) -> None:
    plan = planned(store, features=[1, 2], labels=[1, 2])
    before = StoredTrainingRows(tables=store.reader).read_labelled(a_model(), plan, ALL_TIME)
    store.add(LABELS, landed_labels(day=1, late=1.0), ingested_at=NOW + days(1))
    store.add(FEATURES, landed_features(day=3), ingested_at=NOW + days(1))
    assert StoredTrainingRows(tables=store.reader).read_labelled(a_model(), plan, ALL_TIME).equals(before)


def test_a_corrected_label_replaces_the_earlier_one(store: Store) -> None:
    planned(store, features=[1], labels=[1])
    store.add(LABELS, landed_labels(day=1, late=1.0), ingested_at=NOW + days(1))
    plan = replace(planned(store, features=[], labels=[]), known_at=NOW + days(2))
    rows = StoredTrainingRows(tables=store.reader).read_labelled(a_model(), plan, ALL_TIME)
    assert rows["late"].to_pylist() == [1.0] * 20


def planned(store: Store, *, features: list[int], labels: list[int]) -> TrainingPlan:
    for day in features:
        store.add(FEATURES, landed_features(day=day), ingested_at=NOW)
    for day in labels:
        store.add(LABELS, landed_labels(day=day), ingested_at=NOW)
    return store.plan(a_model())


def read(store: Store, feed: Feed, **arguments: object) -> pa.Table:
    options: Mapping[str, object] = {"rows": ALL_TIME, "known_at": NOW} | arguments
    return store.reader.read(feed, **options)  # type: ignore[arg-type]

"""How complete and how late labels are, counted on real tables; and what is remembered of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evertrain.adapters.memory.batches import InMemoryLabelProgress
from evertrain.adapters.memory.messages import InMemoryClock
from evertrain.adapters.store.delta.label_progress import DeltaLabelProgressReader
from evertrain.adapters.store.label_progress import DynamoDBLabelProgress
from evertrain.domain.store.labels import LabelledDay, LabelProgress, label_watermark
from evertrain.ports.feature_store import LabelProgressLog
from evertrain.use_cases.store.measure_label_progress import MeasureLabelProgress
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import FIRST_DAY, features_frame, landed_features, parquet
from tests.builders.models import NOW, a_model, days, label_tables, labels_table
from tests.builders.store import ALL_TIME, Store


def measured(store: Store) -> LabelProgress | None:
    log = InMemoryLabelProgress()
    found = MeasureLabelProgress(
        tables=DeltaLabelProgressReader(root=str(store.root)), log=log, clock=InMemoryClock(NOW)
    ).run(a_model())
    assert log.progress("trips") == found
    return found


def test_rows_and_labels_are_counted_by_day_and_their_delay_measured(store: Store) -> None:
    assert measured(store) is None
    for day in (1, 2, 20, 28):
        store.add(FEATURES, landed_features(day=day), ingested_at=FIRST_DAY + days(day + 1))
        # Again, corrected: still the same rows.
        store.add(FEATURES, landed_features(day=day, wind=3.0), ingested_at=FIRST_DAY + days(day + 1.5))
    assert measured(store) is None
    for day, late in ((1, 2), (2, 2), (20, 6)):
        store.add(LABELS, parquet(a_day_of_labels(day).head(15)), ingested_at=FIRST_DAY + days(day + late))
    # A correction, three labels of the last days that came fast, and two of trips that nobody knows.
    store.add(LABELS, parquet(a_day_of_labels(1).head(15).assign(late=0.0)), ingested_at=NOW - days(1))
    store.add(LABELS, parquet(a_day_of_labels(28).head(3)), ingested_at=FIRST_DAY + days(29.5))
    strangers = a_day_of_labels(2).head(2).assign(trip_id=["x", "y"])
    store.add(LABELS, parquet(strangers), ingested_at=NOW)
    found = measured(store)
    assert found is not None
    assert found.days == tuple(
        LabelledDay(day=FIRST_DAY + days(day), rows=20, labelled=labelled)
        for day, labelled in ((1, 15), (2, 15), (20, 15), (28, 3))
    )
    assert found.unmatched == 2
    latency = {quantile: late / timedelta(days=1) for quantile, late in found.latency}
    assert latency[0.5] == pytest.approx(2 - 0.37, abs=0.5)
    assert 5 < latency[0.95] < 30
    assert found.coverage(before=NOW - days(3)) == pytest.approx(45 / 60)
    assert found.coverage(before=NOW - days(80)) is None


def a_day_of_labels(day: int):  # type: ignore[no-untyped-def]
    return features_frame(day=day)[["trip_id", "departed_at"]].assign(late=1.0)


@pytest.fixture(params=["memory", "dynamodb"])
def log(request: pytest.FixtureRequest) -> LabelProgressLog:
    if request.param == "memory":
        return InMemoryLabelProgress()
    return DynamoDBLabelProgress(table=request.getfixturevalue("table"))


def test_the_newest_measurement_is_remembered(log: LabelProgressLog) -> None:
    assert log.progress("trips") is None
    day = LabelledDay(day=NOW - days(9), rows=100, labelled=97)
    first = LabelProgress(measured_at=NOW, days=(day,), latency=((0.95, timedelta(days=2)),), unmatched=1)
    second = replace(first, measured_at=NOW + days(1), unmatched=2)
    for progress in (first, second, first):
        log.put_progress("trips", progress)
    assert log.progress("trips") == second
    assert log.progress("boats") is None


def test_labels_are_complete_to_where_latency_arrival_and_coverage_allow() -> None:
    spec, labels = a_model().label, label_tables(newest_days_ago=1)
    assert label_watermark(labels, spec=spec, now=NOW) == NOW - days(3)
    assert label_watermark(label_tables(newest_days_ago=8), spec=spec, now=NOW) == NOW - days(8)
    shares = {12: 0.97, 11: 0.98, 10: 0.4, 9: 0.96, 2: 0.1}
    progress = LabelProgress(
        measured_at=NOW,
        days=tuple(LabelledDay(day=NOW - days(ago), rows=100, labelled=int(100 * c)) for ago, c in shares.items()),
        latency=(),
        unmatched=0,
    )
    covered = replace(spec, minimum_coverage=0.9)
    assert label_watermark(labels, spec=covered, now=NOW, progress=progress) == NOW - days(10)
    assert label_watermark(
        labels, spec=replace(spec, minimum_coverage=0.3), now=NOW, progress=progress
    ) == NOW - days(3)
    # A day of a few rows says nothing about how complete labels are.
    hardly_any = replace(progress.days[2], rows=9, labelled=0)
    usual = replace(progress, days=(*progress.days[:2], hardly_any, *progress.days[3:4]))
    assert label_watermark(labels, spec=covered, now=NOW, progress=usual) == NOW - days(3)
    # Of what came after the measurement nothing is known.
    unmeasured = replace(progress, measured_at=NOW - days(1), days=progress.days[:2])
    assert label_watermark(labels, spec=covered, now=NOW, progress=unmeasured) == NOW - days(4)
    # Where a missing label means something, none need have come for a time to be complete.
    reported = replace(spec, absent=0.0)
    assert label_watermark(label_tables(newest_days_ago=30), spec=reported, now=NOW) == NOW - days(3)


def test_rows_may_stop_where_predictions_begin() -> None:
    spec = a_model().label
    history = label_tables(newest_days_ago=60)
    assert label_watermark(history, spec=spec, now=NOW) == NOW - days(60)
    # Until the newest label of a prediction came, all were coming.
    labels = replace(history, prediction_labels=labels_table(last_landed_days_ago=2))
    assert label_watermark(labels, spec=spec, now=NOW) == NOW - days(5)
    assert (labels.rows, labels.ingested_at_max) == (100_000, NOW)


def test_a_row_without_a_label_is_a_negative_only_where_that_is_declared(store: Store) -> None:
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    store.add(LABELS, parquet(a_day_of_labels(1).head(5)), ingested_at=NOW)
    rows = StoredTrainingRows(tables=store.reader)
    spec = a_model()
    assert rows.read_labelled(spec, store.plan(spec), ALL_TIME).num_rows == 5
    reported = replace(spec, label=replace(spec.label, absent=0.0))
    assert sorted(rows.read_labelled(reported, store.plan(spec), ALL_TIME)["late"].to_pylist()) == 15 * [0.0] + 5 * [
        1.0
    ]

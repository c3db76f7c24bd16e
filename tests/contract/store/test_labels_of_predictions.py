"""Labels that name predictions: what the endpoint was asked is trained on, as it was asked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.store.delta.label_progress import DeltaLabelProgressReader
from evertrain.domain.landing import feeds
from evertrain.domain.landing.feeds import prediction_feed, prediction_label_feed, prediction_schema
from evertrain.domain.landing.predictions import AnsweredRequest, is_explored
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import Project
from evertrain.domain.project.policies import EndpointPolicy
from evertrain.domain.store.labels import LabelProgress
from evertrain.use_cases.store.measure_label_progress import measure_label_progress
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import landed_features, landed_labels, parquet
from tests.builders.models import NOW, a_group, a_model, days
from tests.builders.store import ALL_TIME, Store

SPEC = replace(a_model(), label=replace(a_model().label, of_predictions=True))
PREDICTIONS, PREDICTION_LABELS = prediction_feed(SPEC), prediction_label_feed(SPEC)
ASKED_AT = NOW - days(8)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A day of labelled rows from before there was an endpoint."""
    store = Store(root=tmp_path, project=Project(groups={"trips": a_group()}, models={"trips": SPEC}))
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW - days(20))
    store.add(LABELS, landed_labels(day=1), ingested_at=NOW - days(20))
    return store


def ask(
    store: Store,
    prediction_id: str,
    *,
    distances: Sequence[float] = (700.0,),
    at: datetime = ASKED_AT,
    explore_share: float = 0.0,
) -> None:
    rows = tuple({"distance": distance, "wind": None, "carrier": "AA", "holiday": True} for distance in distances)
    answered = AnsweredRequest(
        model="trips",
        model_version="v1",
        prediction_id=prediction_id,
        answered_at=at,
        rows=rows,
        predictions=(0.5,) * len(rows),
        first_row=None if len(rows) == 1 else 0,
        explore_share=explore_share,
    )
    store.add(PREDICTIONS, prediction_file(SPEC, [answered]), ingested_at=at + timedelta(minutes=1))


def label(store: Store, *, observed_at: datetime, known_at: datetime | None = None, **late: float) -> None:
    frame = pd.DataFrame({"prediction_id": list(late), "event_time": observed_at, "late": list(late.values())})
    known_at = known_at or observed_at + timedelta(minutes=1)
    store.add(PREDICTION_LABELS, parquet(frame), ingested_at=known_at)


def requests_of(store: Store, **changes: object) -> dict[str, tuple[float, float]]:
    """Distance and label, by prediction."""
    plan = replace(store.plan(SPEC), **changes)  # type: ignore[arg-type]
    rows = StoredTrainingRows(tables=store.reader).read_labelled(SPEC, plan, ALL_TIME).to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["event_time"], row["trip_id"]))
    return {row["trip_id"]: (row["distance"], row["late"]) for row in rows if row["event_time"] >= NOW - days(10)}


def measured(store: Store) -> LabelProgress:
    progress = measure_label_progress(DeltaLabelProgressReader(root=str(store.root)), SPEC, now=NOW)
    assert progress is not None
    return progress


def test_a_request_is_a_row_once_its_label_is_known(store: Store) -> None:
    ask(store, "p1")
    ask(store, "p2", distances=(100.0, 200.0))
    assert requests_of(store) == {}
    label(store, observed_at=ASKED_AT + days(1), **{"p1": 1.0, "p2:1": 0.0})
    before = store.plan(SPEC)
    label(store, observed_at=ASKED_AT + days(2), p1=0.0)  # a correction
    assert requests_of(store) == {"p1": (700.0, 0.0), "p2:1": (200.0, 0.0)}
    # The rows of a plan stay what they were, and history stays beside them.
    known = {"known_at": ASKED_AT + days(1.5)}
    assert requests_of(store, **known) == {"p1": (700.0, 1.0), "p2:1": (200.0, 0.0)}
    assert requests_of(store, table_versions=before.table_versions) == {"p1": (700.0, 1.0), "p2:1": (200.0, 0.0)}
    assert StoredTrainingRows(tables=store.reader).read_labelled(SPEC, before, ALL_TIME).num_rows == 20 + 2


def test_the_label_known_last_counts_whatever_time_it_names(store: Store) -> None:
    ask(store, "p1")
    label(store, observed_at=ASKED_AT + days(3), known_at=ASKED_AT + days(4), p1=1.0)
    label(store, observed_at=ASKED_AT + days(2), known_at=ASKED_AT + days(5), p1=0.0)
    assert requests_of(store) == {"p1": (700.0, 0.0)}


def test_labels_of_nothing_and_from_before_their_prediction_are_kept_counted_and_not_used(store: Store) -> None:
    for name in ("p1", "p2", "p3"):
        ask(store, name)
    label(store, observed_at=ASKED_AT + days(1), p1=1.0, nobody=1.0)
    label(store, observed_at=ASKED_AT - days(1), p2=1.0)
    assert requests_of(store) == {"p1": (700.0, 1.0)}
    # As a correction it corrects nothing, in whatever window; and what it tells is no silence.
    label(store, observed_at=ASKED_AT + days(1), p3=1.0)
    label(store, observed_at=ASKED_AT - days(1), known_at=ASKED_AT + days(5), p3=0.0)
    reported = replace(SPEC, label=replace(SPEC.label, absent=0.0))
    for since in (ALL_TIME.start, ASKED_AT - timedelta(hours=1)):
        rows = Interval(start=since, end=ALL_TIME.end)
        for spec in (SPEC, reported):
            table = StoredTrainingRows(tables=store.reader).read_labelled(spec, store.plan(spec), rows)
            found = [row for row in table.to_pylist() if row["trip_id"].startswith("p")]
            assert [(row["trip_id"], row["late"]) for row in found] == [("p1", 1.0), ("p3", 1.0)]
    progress = measured(store)
    assert (progress.unmatched, progress.premature) == (1, 1)
    (day,) = progress.days
    assert (day.day.date(), day.rows, day.labelled) == (ASKED_AT.date(), 3, 2)
    ((_, p50), *_) = progress.latency
    assert p50 == days(1) + timedelta(minutes=1)


def test_a_prediction_that_lands_twice_is_one_row(store: Store) -> None:
    ask(store, "p1")
    ask(store, "p1", at=ASKED_AT + timedelta(minutes=5))
    label(store, observed_at=ASKED_AT + days(1), p1=1.0)
    assert requests_of(store) == {"p1": (700.0, 1.0)}
    assert measured(store).days[0].rows == 1


def test_until_labels_of_predictions_come_those_of_rows_are_measured(store: Store) -> None:
    ask(store, "p1")
    assert measured(store).days[0].rows == 20


def test_what_is_not_reported_of_a_request_is_absent_while_rows_keep_their_own_labels(store: Store) -> None:
    store.add(FEATURES, landed_features(day=2), ingested_at=NOW - days(19))
    ask(store, "p1")
    ask(store, "p2")
    reported = replace(SPEC, label=replace(SPEC.label, absent=0.0))
    rows = StoredTrainingRows(tables=store.reader)
    assert rows.read_labelled(reported, store.plan(reported), ALL_TIME).num_rows == 20
    label(store, observed_at=ASKED_AT + days(1), p1=1.0)
    found = rows.read_labelled(reported, store.plan(reported), ALL_TIME)
    assert found.num_rows == 20 + 2
    assert sorted(found.slice(20)["late"].to_pylist()) == [0.0, 1.0]


EXPLORING = replace(SPEC, endpoint=EndpointPolicy(explore=0.5))


def test_where_labels_depend_on_what_was_done_a_labelled_request_stands_for_those_without(store: Store) -> None:
    """Of ten that were asked only those that were to be explored got a label, and they stand for all of the ten."""
    names = [f"p{i}" for i in range(10)]
    explored = [name for name in names if is_explored(name, 0.5)]
    for name in names:
        ask(store, name, explore_share=0.5)
    label(store, observed_at=ASKED_AT + days(1), **dict.fromkeys(explored, 1.0))
    rows = StoredTrainingRows(tables=store.reader).read_labelled(EXPLORING, store.plan(EXPLORING), ALL_TIME)
    weights = {row["trip_id"]: row["label_weight"] for row in rows.to_pylist()}
    assert {name: weight for name, weight in weights.items() if name in names} == dict.fromkeys(explored, 2.0)
    assert [weight for name, weight in weights.items() if name not in names] == [1.0] * 20, "of its group"
    progress = measured(store)
    assert 0 < len(explored) < 10
    assert (progress.explored, progress.explored_labelled) == (len(explored), len(explored))


def test_requests_of_before_exploration_was_logged_weigh_by_how_many_have_a_label(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that an earlier release wrote."""
    schema = prediction_schema(SPEC)
    of_before = tuple(column for column in schema.columns if "explore" not in column.name)
    monkeypatch.setattr(feeds, "prediction_schema", lambda spec: replace(schema, columns=of_before))
    for name in ("p1", "p2", "p3"):
        frame = pd.DataFrame({"prediction_id": [name], "event_time": [ASKED_AT], "model_version": "v1"})
        body = parquet(frame.assign(prediction=0.5, distance=700.0, wind=1.0, carrier="AA", holiday=True))
        store.add(PREDICTIONS, body, ingested_at=ASKED_AT)
    monkeypatch.undo()
    label(store, observed_at=ASKED_AT + days(1), p1=1.0)
    assert measured(store).explored == 0
    rows = StoredTrainingRows(tables=store.reader).read_labelled(EXPLORING, store.plan(EXPLORING), ALL_TIME)
    assert [row["label_weight"] for row in rows.to_pylist() if row["trip_id"] == "p1"] == [pytest.approx(3.0)]


def test_whoever_answers_elsewhere_need_not_know_of_exploration(store: Store) -> None:
    frame = pd.DataFrame({"prediction_id": ["p1"], "event_time": [ASKED_AT], "model_version": "v1"})
    body = parquet(frame.assign(prediction=0.5, distance=700.0, wind=1.0, carrier="AA", holiday=True))
    store.add(PREDICTIONS, body, ingested_at=ASKED_AT)
    label(store, observed_at=ASKED_AT + days(1), p1=1.0)
    assert requests_of(store) == {"p1": (700.0, 1.0)}

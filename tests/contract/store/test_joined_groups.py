"""A model that draws from two feature groups: joined as of each row's time, each group watched by its own batches."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deciding.decisions import Reason
from evertrain.domain.deciding.policy import decide
from evertrain.domain.landing.batches import Batch, Feed, FeedKind
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind, JoinedGroup, KnownBy
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.windows import Window
from evertrain.statistics.metrics import declared_metric
from evertrain.statistics.reference import Reference
from evertrain.use_cases.training.train_contender import TrainContender
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import FIRST_DAY, features_frame, landed_labels, parquet
from tests.builders.models import NOW, a_model, a_state, days
from tests.builders.monitoring import Monitor
from tests.builders.retraining import an_estimator
from tests.builders.store import Store
from tests.builders.training_frames import CARRIERS

BACKLOGS = Feed(kind=FeedKind.FEATURES, name="backlogs")
PER_DAY, DAYS = 40, 16


def a_spec(*, known_by: KnownBy = KnownBy.TRAINING) -> ModelSpec:
    group = FeatureGroup(
        name="backlogs",
        entity_key="code",
        event_time="measured_at",
        columns=(Column(name="backlog", kind=FeatureKind.NUMERIC),),
        freshness=days(2),
    )
    joined = JoinedGroup(
        group=group, feature_names=("backlog",), key="carrier", maximum_age=timedelta(hours=6), known_by=known_by
    )
    spec = a_model()
    return replace(
        spec,
        feature_names=(*spec.feature_names, "backlog"),
        joined=(joined,),
        training=replace(spec.training, minimum_rows=100),
    )


def project_of(spec: ModelSpec) -> Project:
    return Project(groups={group.name: group for group in spec.groups}, models={"trips": spec})


def backlogs(day: int, *, more: float = 0.0) -> pd.DataFrame:
    """Every four hours, of each carrier but the last one."""
    rng = np.random.default_rng(1000 + day)
    times = [FIRST_DAY + days(day) + timedelta(hours=hour) for hour in range(0, 24, 4)]
    rows = [(code, at, rng.gamma(2.0, 5.0) + more) for at in times for code in CARRIERS[:-1]]
    return pd.DataFrame(rows, columns=["code", "measured_at", "backlog"])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(root=tmp_path, project=project_of(a_spec()))
    for day in range(1, DAYS + 1):
        at = FIRST_DAY + days(day + 1)
        store.add(FEATURES, parquet(features_frame(day=day, rows=PER_DAY)), ingested_at=at)
        store.add(BACKLOGS, parquet(backlogs(day)), ingested_at=at)
        store.add(LABELS, landed_labels(day=day, rows=PER_DAY), ingested_at=at)
    return store


def a_plan(store: Store) -> TrainingPlan:
    whole = Interval(start=FIRST_DAY, end=FIRST_DAY + days(DAYS - 2))
    later = Interval(start=whole.end, end=whole.end + days(2))
    return TrainingPlan(
        decision_id="d1",
        spec=a_spec(),
        planned_at=NOW,
        known_at=NOW,
        watermark=NOW,
        table_versions=store.versions(),
        candidates=(Candidate(name="14d", window=Window(name="14d", rows=whole)),),
        validation=later,
        gate=later,
        champion_version=None,
        seed=1,
    )


def rows_of(store: Store, spec: ModelSpec) -> pd.DataFrame:
    plan = a_plan(store)
    table = StoredTrainingRows(tables=store.reader).read_labelled(spec, plan, plan.candidates[0].window.rows)
    return pd.DataFrame(table.to_pydict())


def test_each_row_gets_the_other_group_s_value_of_its_time(store: Store) -> None:
    rows = rows_of(store, a_spec())
    values = pd.concat([backlogs(day) for day in range(1, DAYS + 1)])
    for row in rows.sample(60, random_state=0).itertuples():
        before = values[(values["code"] == row.carrier) & (values["measured_at"] <= row.event_time)]
        expected = before.sort_values("measured_at")["backlog"].tail(1).tolist() or [np.nan]
        np.testing.assert_array_equal(row.backlog, expected[0])
    assert rows["backlog"].isna().equals(rows["carrier"] == CARRIERS[-1])


def test_rows_whose_labels_have_not_come_are_there_with_the_same_features(store: Store) -> None:
    store.add(FEATURES, parquet(features_frame(day=DAYS + 1, rows=PER_DAY)), ingested_at=FIRST_DAY + days(DAYS + 2))
    plan, spec = a_plan(store), a_spec()
    reader, whole = StoredTrainingRows(tables=store.reader), Interval(start=FIRST_DAY, end=FIRST_DAY + days(DAYS + 2))
    labelled = reader.read_labelled(spec, plan, whole)
    every = reader.read_features(spec, plan, whole)
    assert every.column_names == ["event_time", *spec.feature_names]
    assert every.num_rows == labelled.num_rows + PER_DAY
    assert every.slice(0, labelled.num_rows).equals(labelled.select(every.column_names))


def test_what_was_ingested_later_than_the_event_was_not_there_then(store: Store) -> None:
    # Landed at midnight, the value of eight in the evening counts until two; the others are too old by then.
    rows = rows_of(store, a_spec(known_by=KnownBy.EVENT))
    then = rows[(rows["carrier"] != CARRIERS[-1]) & (rows["event_time"] >= pd.Timestamp(FIRST_DAY + days(2)))]
    since_midnight = then["event_time"] - then["event_time"].dt.floor("D")
    assert then["backlog"].notna().equals(since_midnight <= pd.Timedelta(hours=2))


def test_each_group_s_batches_are_compared_with_its_own_rows(store: Store) -> None:
    artifacts, project = InMemoryArtifactStore(), store.project
    runs = RunDocuments(artifacts=artifacts, root="s3://artifacts")
    plan = a_plan(store)
    runs.put_plan(plan)
    train = TrainContender(
        rows=StoredTrainingRows(tables=store.reader),
        runs=runs,
        artifacts=artifacts,
        make_estimator=an_estimator,
        library_versions={},
        code=lambda model: {},
        timer=count().__next__,
        load_metric=lambda spec: declared_metric(spec.metric),
    )
    train.run(runs.plan_uri(plan), "14d", 1)
    (contender,) = runs.contenders(plan)
    released = train.with_reference(plan, contender)
    reference = Reference.from_bytes(artifacts.get(released.reference_uri))
    assert [feature.name for feature in reference.features] == list(a_spec().feature_names)
    assert {name: each.rows for name, each in reference.groups.items()} == {
        "trips": 13 * PER_DAY,
        "backlogs": 13 * 6 * (len(CARRIERS) - 1),
    }

    (backlog,) = reference.groups["backlogs"].features
    assert backlog.importance is not None, "what it is worth goes with each group's own reference"

    weighty = reference.with_importance({"backlog": 1.0})  # these labels follow from other features
    monitor = Monitor(project=project, load_reference=lambda uri: weighty)
    monitor.promote_champion()
    verdicts = []
    for day in (17, 18, 19, 20, 21):
        stable = monitor.land(parquet(features_frame(day=day, rows=300)), key=f"features/trips/{day}.parquet")
        body = parquet(pd.concat([backlogs(day + n, more=20) for n in range(-12, 1)]))
        drifted = monitor.land(body, key=f"features/backlogs/{day}.parquet")
        verdicts += [verdict_on(monitor, stable), verdict_on(monitor, drifted)]
    assert [verdict.status for verdict in verdicts] == 5 * [DriftStatus.STABLE, DriftStatus.DRIFTED]
    assert [verdict.group for verdict in verdicts] == 5 * ["trips", "backlogs"]
    assert monitor.batches.verdicts("trips", "backlogs", limit=9)[0].drifted_features == ("backlog",)

    decision = decide(a_state(verdicts=tuple(reversed(verdicts))), a_spec(), now=NOW)
    assert decision.reason is Reason.FEATURES_DRIFTED
    assert decision.sentence == "5 of the last 5 batches drifted (backlog)"


def verdict_on(monitor: Monitor, landed: object) -> DriftVerdict:
    assert isinstance(landed, Batch)
    (verdict,) = monitor.batches.batch_verdicts(landed.feed, landed.batch_id)
    return verdict


def test_a_joined_group_that_went_stale_calls_a_person() -> None:
    state = a_state(newest_event_times={"trips": NOW - days(1), "backlogs": NOW - days(3)})
    decision = decide(state, a_spec(), now=NOW)
    assert decision.reason is Reason.FEED_STALE
    assert "features/backlogs" in decision.sentence

"""What the champion predicts for rows without labels, counted once, and told beside what came later."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.domain.landing.feeds import own_group_feed
from evertrain.domain.monitoring.performance import Performance
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.use_cases.monitoring.count_predictions import CountPredictions
from evertrain.use_cases.monitoring.measure_performance import MeasurePerformance
from evertrain.use_cases.monitoring.performance_status import performance_status
from tests.builders.models import NOW, days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model


class Counted:
    """A first model that was promoted; `rows_read` are the intervals that were read since."""

    def __init__(self) -> None:
        self.loop = Retraining(a_trainable_model())
        self.log = InMemoryPerformanceLog()
        self.rows_read: list[Interval] = []
        self.version = self.loop.promoted("d-1")

    def count(self, spec: ModelSpec | None = None) -> Performance | None:
        self.rows_read, loop = [], self.loop
        return CountPredictions(
            project=_project(spec),
            tables=loop.tables,
            registry=loop.registry,
            artifacts=loop.artifacts,
            rows=self,  # type: ignore[arg-type]  # writes down what is read
            log=self.log,
            clock=loop.clock,
        ).run(MODEL)

    def measure(self) -> Performance | None:
        loop = self.loop
        return MeasurePerformance(
            project=_project(),
            tables=loop.tables,
            label_progress=loop.label_progress,
            registry=loop.registry,
            runs=loop.runs,
            artifacts=loop.artifacts,
            rows=loop._rows,
            log=self.log,
            clock=loop.clock,
        ).run(MODEL)

    def land_rows_to(self, end: timedelta) -> None:
        """Up to so long after `NOW`."""
        feed = own_group_feed(a_trainable_model())
        table = self.loop.tables.get(feed)
        assert table is not None
        self.loop.tables.put(feed, replace(table, version=table.version + 1, event_time_max=NOW + end))

    def read_features(self, spec: ModelSpec, snapshot: object, rows: Interval) -> object:
        self.rows_read.append(rows)
        return self.loop._rows.read_features(spec, snapshot, rows)  # type: ignore[arg-type]


def _project(spec: ModelSpec | None = None) -> Project:
    spec = spec or a_trainable_model()
    return Project(groups={spec.group.name: spec.group}, models={spec.name: spec})


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_rows_are_counted_from_where_the_training_ended_to_the_newest(counted: Counted) -> None:
    counted.land_rows_to(days(-1))
    found = counted.count()
    assert found is not None
    (champion,) = counted.loop.registry.history(MODEL)
    assert [each.start for each in counted.rows_read] == [champion.trained_until]
    assert [(day.day, day.rows) for day in found.predicted[:2]] == [(NOW - days(3), 60), (NOW - days(2), 60)]


def test_the_next_time_only_what_is_new_is_read_and_a_day_that_was_not_over(counted: Counted) -> None:
    counted.land_rows_to(days(-1.5))
    counted.count()
    counted.land_rows_to(days(-0.5))
    found = counted.count()
    assert found is not None
    assert [each.start for each in counted.rows_read] == [NOW - days(2)]
    assert [day.rows for day in found.predicted] == [60, 60, 31]
    assert counted.count() == found
    assert [each.start for each in counted.rows_read] == [NOW - days(1)]


def test_before_there_is_a_champion_nothing_is_counted(counted: Counted) -> None:
    counted.loop.registry._history.clear()
    assert counted.count() is None
    assert counted.rows_read == []


def test_what_a_champion_cannot_be_asked_is_not_counted(counted: Counted) -> None:
    spec = a_trainable_model()
    without = tuple(column for column in spec.group.columns if column.name != "wind")
    gone = replace(
        spec,
        group=replace(spec.group, columns=without),
        feature_names=tuple(name for name in spec.feature_names if name != "wind"),
    )
    assert counted.count(gone) is None


def test_days_without_labels_are_estimated_and_the_estimate_stays_beside_what_came(counted: Counted) -> None:
    counted.land_rows_to(days(-0.01))
    counted.count()
    counted.measure()
    performance = counted.log.performance(MODEL, counted.version)
    status = performance_status(performance, a_trainable_model().metric)
    assert status.awaited is not None
    assert status.awaited.rows == 180
    assert status.awaited.metric is not None
    assert status.awaited.low is not None
    assert status.awaited.low < status.awaited.metric
    assert status.days == ()

    counted.loop.advance(days(2))
    counted.measure()
    later = performance_status(counted.log.performance(MODEL, counted.version), a_trainable_model().metric)
    assert later.awaited is not None
    assert later.awaited.rows == 60
    assert [day.estimated is not None for day in later.days] == [True, True]
    assert later.days[0].estimated == pytest.approx(later.days[0].metric, abs=0.15)

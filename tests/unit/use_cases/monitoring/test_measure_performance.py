"""The champion on rows whose labels have come in: each day once, and only rows that it has not learnt from."""

from dataclasses import replace

import pytest

from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.domain.monitoring.performance import Performance, realised_metric
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.use_cases.monitoring.measure_performance import MeasurePerformance
from tests.builders.models import NOW, days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model


class Measured:
    """A first model that was promoted; `rows_read` are the intervals that were read since."""

    def __init__(self, spec: ModelSpec | None = None) -> None:
        spec = spec or a_trainable_model()
        self.loop = Retraining(spec)
        self.log = InMemoryPerformanceLog()
        self.rows_read: list[Interval] = []
        self.version = self.loop.promoted("d-1")
        self.declare(spec)

    def declare(self, spec: ModelSpec) -> None:
        loop = self.loop
        self.use_case = MeasurePerformance(
            project=Project(groups={spec.group.name: spec.group}, models={spec.name: spec}),
            tables=loop.tables,
            label_progress=loop.label_progress,
            registry=loop.registry,
            runs=loop.runs,
            artifacts=loop.artifacts,
            rows=self,  # type: ignore[arg-type]  # writes down what is read
            log=self.log,
            clock=loop.clock,
        )

    def read_labelled(self, spec: ModelSpec, snapshot: object, rows: Interval) -> object:
        self.rows_read.append(rows)
        return self.loop._rows.read_labelled(spec, snapshot, rows)  # type: ignore[arg-type]

    def run(self) -> Performance:
        self.rows_read = []
        measured = self.use_case.run(MODEL)
        assert measured is not None
        return measured


@pytest.fixture
def measured() -> Measured:
    return Measured()


def test_what_was_promised_is_what_was_judged_at_the_gate(measured: Measured) -> None:
    promised = measured.run().promised
    evaluation = measured.loop.runs.evaluation(measured.loop.runs.plan(_plan_uri(measured)))
    assert sum(day.rows for day in promised) == evaluation.gate_rows
    assert promised == evaluation.promised


def test_before_anything_has_matured_since_the_training_nothing_is_realised(measured: Measured) -> None:
    assert measured.run().realised == ()
    assert measured.rows_read == []


def test_rows_are_measured_from_where_the_training_ended_to_the_label_watermark(measured: Measured) -> None:
    measured.loop.advance(days(2))
    found = measured.run()
    (champion,) = measured.loop.registry.history(MODEL)
    assert measured.rows_read == [Interval(start=champion.trained_until, end=NOW - days(1))]
    assert [(day.day, day.rows) for day in found.realised] == [(NOW - days(3), 60), (NOW - days(2), 60)]
    quality = realised_metric(a_trainable_model().metric, found.realised[0])
    assert quality is not None
    assert quality.value > 0.6


def test_the_rows_that_were_predicted_worst_are_named_a_few_of_each_day(measured: Measured) -> None:
    measured.loop.advance(days(2))
    found = measured.run()
    assert [len(day.worst) for day in found.realised] == [3, 3]
    day = found.realised[0]
    losses = [row.loss for row in day.worst]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] >= day.losses.mean
    keys = measured.loop._rows.table["trip_id"].to_pylist()
    for row in day.worst:
        assert row.key in keys
        assert day.day <= row.event_time < day.day + days(1)
        assert row.loss == pytest.approx((row.truth - row.prediction) ** 2)
    assert all(not day.worst for day in found.promised), "what was promised needs no person"


def test_without_a_refit_what_was_judged_on_is_not_realised_as_well() -> None:
    spec = a_trainable_model()
    judged_itself = replace(spec, training=replace(spec.training, refit=False))
    measured = Measured(judged_itself)
    measured.loop.advance(days(2))
    found = measured.run()
    assert measured.rows_read == [Interval(start=NOW - days(3), end=NOW - days(1))]
    assert not {day.day for day in found.promised} & {day.day for day in found.realised}


def test_while_a_rollout_is_under_way_its_contender_is_measured_too(measured: Measured) -> None:
    """On the rows that neither has learnt from, so that the two can be compared."""
    loop = measured.loop
    loop.advance(days(7))
    version, published = loop.published("d-2")
    loop.shift(version, published)
    loop.advance(days(2))
    of_champion = {day.day: day.rows for day in measured.run().realised}
    of_contender = {day.day: day.rows for day in measured.log.performance(MODEL, version).realised}
    assert of_contender == {NOW + days(4): 60, NOW + days(5): 60}
    assert of_contender.items() <= of_champion.items()
    loop.roll_out.rollback(MODEL, version, previous_function_version=published.previous_function_version)
    loop.advance(days(1))
    measured.run()
    assert len(measured.log.performance(MODEL, version).realised) == 2, "it is no longer under way"


def test_the_next_time_only_what_is_new_is_read(measured: Measured) -> None:
    measured.loop.advance(days(2))
    before = measured.run()
    measured.loop.advance(days(1))
    after = measured.run()
    assert measured.rows_read == [Interval(start=NOW - days(1), end=NOW)]
    assert after.realised[:2] == before.realised
    assert len(after.realised) == 3
    assert measured.run() == after
    assert measured.rows_read == []


def test_a_day_that_was_not_over_is_measured_again_as_a_whole(measured: Measured) -> None:
    measured.loop.advance(days(1.5))
    assert [day.rows for day in measured.run().realised] == [60, 30]
    measured.loop.advance(days(0.5))
    assert [day.rows for day in measured.run().realised] == [60, 60]
    assert measured.rows_read == [Interval(start=NOW - days(2), end=NOW - days(1))]


def test_a_long_time_is_read_in_parts_that_cut_no_day(measured: Measured) -> None:
    measured.loop.advance(days(10))
    measured.run()
    assert measured.rows_read == [
        Interval(start=NOW - days(3), end=NOW + days(4)),
        Interval(start=NOW + days(4), end=NOW + days(7)),
    ]


def test_without_a_champion_or_labels_there_is_nothing_to_measure() -> None:
    loop = Retraining(with_labels=False)
    measured = Measured()
    measured.use_case = replace(measured.use_case, registry=loop.registry)
    assert measured.use_case.run(MODEL) is None
    measured.use_case = replace(measured.use_case, registry=measured.loop.registry, tables=loop.tables)
    assert measured.use_case.run(MODEL) is None


def test_a_champion_whose_feature_is_gone_is_not_measured_and_it_is_told(
    measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    spec = a_trainable_model()
    kept = tuple(column for column in spec.group.columns if column.name != "wind")
    measured.declare(
        replace(
            spec,
            group=replace(spec.group, columns=kept),
            feature_names=tuple(name for name in spec.feature_names if name != "wind"),
        )
    )
    measured.loop.advance(days(2))
    assert measured.run().realised == ()
    assert f"not_measured model=trips version={measured.version} gone=wind" in caplog.messages


def _plan_uri(measured: Measured) -> str:
    return measured.loop.registry.version(MODEL, measured.version).plan_uri

"""Realised performance is kept by version and day, and a measurement never goes back."""

from dataclasses import replace

import pytest

from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.adapters.monitoring.performance_log import DynamoDBPerformanceLog
from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, Performance
from evertrain.ports.performance import PerformanceLog
from tests.builders.models import NOW, days
from tests.builders.performance import performance_days

DAYS = performance_days([1.0] * 5, first=NOW - days(9), rows=40)


@pytest.fixture(params=["memory", "dynamodb"])
def log(request: pytest.FixtureRequest) -> PerformanceLog:
    if request.param == "memory":
        return InMemoryPerformanceLog()
    return DynamoDBPerformanceLog(table=request.getfixturevalue("table"))


PREDICTED = tuple(
    DayPredictions(day=day.day, until=day.until, cells={-3: 4, 0: 11, 25: number})
    for number, day in enumerate(DAYS[2:], start=1)
)


def realised(log: PerformanceLog, version: str = "v1") -> tuple[DayPerformance, ...]:
    return log.performance("trips", version).realised


def test_nothing_is_known_of_a_version_that_nobody_measured(log: PerformanceLog) -> None:
    assert log.performance("trips", "v1") == Performance(model="trips", version="v1", promised=(), realised=())


def test_days_come_back_as_they_were_kept_the_earliest_first(log: PerformanceLog) -> None:
    log.put_promised("trips", "v1", DAYS[:2])
    log.put_realised("trips", "v1", DAYS[:1:-1])
    log.put_predicted("trips", "v1", PREDICTED[::-1])
    assert log.performance("trips", "v1") == Performance(
        model="trips", version="v1", promised=DAYS[:2], realised=DAYS[2:], predicted=PREDICTED
    )


def test_another_version_or_model_has_its_own(log: PerformanceLog) -> None:
    log.put_realised("trips", "v1", DAYS)
    assert realised(log, "v2") == ()
    assert log.performance("trip_length", "v1").realised == ()


def test_a_day_that_was_not_over_is_replaced_by_the_whole_and_never_the_other_way_round(log: PerformanceLog) -> None:
    whole = DAYS[0]
    part = replace(whole, until=whole.day + days(0.5))
    for each in (part, whole, part):
        log.put_realised("trips", "v1", [each])
    assert realised(log) == (whole,)


def test_rows_of_a_day_that_was_not_over_are_counted_again_and_never_fewer(log: PerformanceLog) -> None:
    whole = PREDICTED[0]
    part = replace(whole, until=whole.day + days(0.5), cells={0: 3})
    for each in (part, whole, part):
        log.put_predicted("trips", "v1", [each])
    assert log.performance("trips", "v1").predicted == (whole,)


def test_in_dynamodb_a_damaged_day_hides_no_other(table: Table) -> None:
    log = DynamoDBPerformanceLog(table=table)
    log.put_realised("trips", "v1", DAYS[:2])
    place = f"realised#v1#{DAYS[0].day.isoformat(timespec='microseconds')}"
    table.update("model#trips", place, "SET document = :document", document={"B": b"damaged"})
    assert realised(log) == DAYS[1:2]

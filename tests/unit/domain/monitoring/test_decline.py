"""A decline is seen with its first rows, dated, and named after who carries it; chance is not taken for one."""

from dataclasses import replace

import pytest

from evertrain.domain.monitoring.decline import (
    describe_decline,
    find_decline,
    has_baseline,
    newest_days,
    standard_errors_since,
)
from evertrain.domain.monitoring.performance import Performance, Sums
from evertrain.domain.project.metric import Metric, OwnMetric, Task
from tests.builders.models import NOW, days
from tests.builders.performance import a_performance

AUC = Metric.ROC_AUC_SCORE
GOOD, BAD = [1.0] * 20, [-1.0]


def looked_at_each_day(performance: Performance) -> list[int]:
    """The days on which a decline was found."""
    found = []
    for day in range(1, len(performance.realised) + 1):
        if find_decline(replace(performance, realised=performance.realised[:day]), AUC) is not None:
            found.append(day)
    return found


@pytest.mark.parametrize("day_to_day", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_forty_days_without_change_raise_no_alarm(day_to_day: float, seed: int) -> None:
    assert looked_at_each_day(a_performance([1.0] * 40, day_to_day=day_to_day, seed=seed)) == []


@pytest.mark.parametrize("seed", range(4))
def test_predictions_that_turn_round_are_found_within_three_days_and_dated(seed: int) -> None:
    found = find_decline(a_performance(GOOD + BAD * 3, seed=seed), AUC)
    assert found is not None
    assert (found.since, found.rows) == (NOW - days(6), 300)
    assert found.metric_before is not None
    assert found.metric_now is not None
    assert found.metric_now < 0.3
    assert found.metric_before > 0.75


@pytest.mark.parametrize("late", [3, 12])
def test_a_change_is_dated_where_it_began_however_late_it_is_looked_at(late: int) -> None:
    found = find_decline(a_performance(GOOD + BAD * late), AUC)
    assert found is not None
    assert abs(found.since - (NOW - days(3 + late))) <= days(1)


def test_a_single_bad_day_passes_by_itself() -> None:
    assert looked_at_each_day(a_performance([*GOOD, *BAD, *GOOD])) == []


def test_a_slow_decline_is_found_in_time() -> None:
    found = find_decline(a_performance([1 - day / 40 for day in range(40)]), AUC)
    assert found is not None


@pytest.mark.parametrize("seed", range(4))
def test_the_group_that_fails_is_named_within_four_days(seed: int) -> None:
    found = find_decline(a_performance(GOOD + BAD * 4, only="WN", seed=seed), AUC)
    assert found is not None
    assert found.groups[0].name == "carrier=WN"
    assert f"carrier=WN: squared error {found.groups[0].now:.4g}" in describe_decline(found, AUC)


def test_a_loss_that_moves_with_the_share_of_a_class_alone_is_no_decline() -> None:
    """Where a class becomes more frequent, the loss of rows grows, and the ranking stays as good."""
    performance = a_performance(GOOD + [1.0] * 6)
    *before, _, _, _, _, _, _ = performance.realised
    costlier = [
        replace(day, losses=Sums(count=day.rows, mean=1.4 * day.losses.mean, spread=1.96 * day.losses.spread))
        for day in performance.realised[-6:]
    ]
    performance = replace(performance, realised=tuple(replace(day, groups=()) for day in (*before, *costlier)))
    assert find_decline(performance, Metric.BRIER_SCORE_LOSS) is not None
    own = OwnMetric("cost_error", Task.CLASSIFICATION)
    decline = find_decline(performance, own)
    assert decline is not None
    assert describe_decline(decline, own).startswith("squared error ")
    assert find_decline(performance, AUC) is None


def test_with_too_few_days_nobody_can_tell() -> None:
    performance = a_performance(BAD * 3, promised=2)
    assert not has_baseline(performance)
    assert find_decline(performance, AUC) is None
    assert find_decline(a_performance(BAD * 3, promised=3), AUC) is not None


def test_days_with_few_rows_are_put_together() -> None:
    found = find_decline(a_performance(GOOD * 4 + BAD * 20, promised=30, rows=8), AUC)
    assert found is not None
    assert abs(found.since - (NOW - days(23))) <= days(6)


def test_the_cost_of_a_drift_is_that_of_the_days_since_it_began() -> None:
    performance = a_performance(GOOD + BAD * 3)
    since = standard_errors_since(performance, NOW - days(6))
    assert since is not None
    assert since > 4
    harmless = standard_errors_since(a_performance(GOOD + [1.0] * 3), NOW - days(6))
    assert harmless is not None
    assert abs(harmless) < 2.5
    assert standard_errors_since(performance, NOW) is None


def test_the_newest_days_are_as_many_as_have_something_to_say() -> None:
    performance = a_performance(GOOD)
    assert [day.day for day in newest_days(performance, rows=250)] == [NOW - days(3 + left) for left in (3, 2, 1)]
    assert newest_days(performance, rows=10_000) == performance.realised

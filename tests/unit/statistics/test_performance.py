"""Sums by day: they add, and give the metrics that scikit-learn gives for the rows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from evertrain.domain.monitoring.performance import (
    DayPerformance,
    Sums,
    loss_name,
    merge_days,
    realised_metric,
)
from evertrain.domain.project.metric import Metric, ModelMetric, OwnMetric, PinballLoss, Task, known_metrics
from evertrain.statistics.layouts import Categories
from evertrain.statistics.performance import MAX_LEVELS, performance_by_day

UNTIL = datetime(1970, 2, 1, tzinfo=UTC)
OF_CLASSES = (Metric.ACCURACY_SCORE, Metric.BALANCED_ACCURACY_SCORE, Metric.F1_SCORE)
OF_TWO = [metric for task in Task for metric in known_metrics(task, is_multiclass=False)]


def made(
    metric: ModelMetric, *, rows: int = 2_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[DayPerformance]]:
    """Truth, predictions, and ten days of them."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    if metric.task is Task.CLASSIFICATION:
        predictions = 1 / (1 + np.exp(-2 * signal))
        truth = (rng.random(rows) < predictions).astype(np.float64)
    else:
        predictions, truth = signal, signal + rng.normal(size=rows)
    found = performance_by_day(
        metric, truth=truth, predictions=predictions, days=np.arange(rows) % 10, columns={}, until=UNTIL
    )
    return truth, predictions, list(found)


@pytest.mark.parametrize("metric", OF_TWO)
def test_ten_days_together_have_the_metric_of_their_rows(metric: Metric) -> None:
    truth, predictions, days = made(metric)
    assert len(days) == 10
    found = realised_metric(metric, merge_days(days))
    shown = predictions > 0.5 if metric in OF_CLASSES else predictions
    expected = getattr(metrics, metric.value)(truth, shown)
    tolerance = {Metric.ROC_AUC_SCORE: 1e-3, Metric.AVERAGE_PRECISION_SCORE: 5e-3}.get(metric, 1e-9)
    assert found is not None
    assert found.value == pytest.approx(expected, abs=tolerance)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.integers(0, 30))
def test_sums_of_parts_add_to_the_whole(values: list[float], cut: int) -> None:
    def sums(part: list[float]) -> Sums:
        mean = sum(part) / max(1, len(part))
        return Sums(count=len(part), mean=mean, spread=sum((value - mean) ** 2 for value in part))

    whole = sums(values[:cut]) + sums(values[cut:])
    assert (whole.count, whole.mean) == (len(values), pytest.approx(np.mean(values), abs=1e-6))
    assert whole.variance == pytest.approx(np.var(values, ddof=1), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    "metric", [Metric.ROC_AUC_SCORE, Metric.BRIER_SCORE_LOSS, Metric.MEAN_ABSOLUTE_ERROR, *OF_CLASSES]
)
def test_the_variance_is_that_of_the_metric_over_many_samples(metric: Metric) -> None:
    found = []
    for seed in range(200):
        _, _, days = made(metric, rows=300, seed=seed)
        estimate = realised_metric(metric, merge_days(days))
        assert estimate is not None
        found.append(estimate)
    spread = np.var([each.value for each in found], ddof=1)
    assert np.mean([each.variance for each in found]) == pytest.approx(spread, rel=0.25)


def test_on_rows_of_one_class_there_is_no_area() -> None:
    days = performance_by_day(
        Metric.ROC_AUC_SCORE,
        truth=np.ones(5),
        predictions=np.linspace(0.1, 0.9, 5),
        days=np.zeros(5, dtype=np.int64),
        columns={},
        until=UNTIL,
    )
    assert realised_metric(Metric.ROC_AUC_SCORE, next(days)) is None


def test_losses_are_told_apart_by_level_and_missing_ones_are_of_none() -> None:
    text = Categories.from_values(["a", "b", None, "a"])
    flag = np.array([1.0, np.nan, 0.0, 0.0])
    (day,) = performance_by_day(
        Metric.MEAN_ABSOLUTE_ERROR,
        truth=np.array([1.0, 2.0, 3.0, 4.0]),
        predictions=np.zeros(4),
        days=np.zeros(4, dtype=np.int64),
        columns={"text": text, "flag": flag},
        until=UNTIL,
    )
    assert {group.name: (group.losses.count, group.losses.mean, group.losses.spread) for group in day.groups} == {
        "text=a": (2, 2.5, 4.5),
        "text=b": (1, 2.0, 0.0),
        "flag=True": (1, 1.0, 0.0),
        "flag=False": (2, 3.5, 0.5),
    }


def test_the_spread_of_large_numbers_is_not_lost() -> None:
    rng = np.random.default_rng(0)
    truth = 1.7e9 + rng.normal(size=400)
    days = performance_by_day(
        Metric.R2_SCORE,
        truth=truth,
        predictions=truth + 0.5 * rng.normal(size=400),
        days=np.arange(400) % 4,
        columns={},
        until=UNTIL,
    )
    found = realised_metric(Metric.R2_SCORE, merge_days(list(days)))
    assert found is not None
    assert found.value == pytest.approx(0.75, abs=0.05)


def test_of_many_levels_the_most_frequent_are_kept() -> None:
    values = [f"l{i}" for i in range(40) for _ in range(1 + (i < 5))]
    (day,) = performance_by_day(
        Metric.MEAN_ABSOLUTE_ERROR,
        truth=np.ones(len(values)),
        predictions=np.zeros(len(values)),
        days=np.zeros(len(values), dtype=np.int64),
        columns={"text": Categories.from_values(values)},
        until=UNTIL,
    )
    assert len(day.groups) == MAX_LEVELS
    assert {group.level for group in day.groups} >= {f"l{i}" for i in range(5)}


def test_a_day_is_complete_when_labels_are_complete_beyond_it() -> None:
    days = list(
        performance_by_day(
            Metric.MEAN_ABSOLUTE_ERROR,
            truth=np.ones(2),
            predictions=np.ones(2),
            days=np.array([3, 4]),
            columns={},
            until=datetime(1970, 1, 5, 12, tzinfo=UTC),
        )
    )
    assert [day.is_complete for day in days] == [True, False]
    assert [day.until - day.day for day in days] == [timedelta(days=1), timedelta(hours=12)]


def test_a_pinball_loss_over_days_is_that_of_their_rows() -> None:
    metric = PinballLoss(0.8)
    truth, predictions, days = made(metric)
    found = realised_metric(metric, merge_days(days))
    assert found is not None
    assert found.value == pytest.approx(metrics.mean_pinball_loss(truth, predictions, alpha=0.8))


def test_for_a_function_of_the_model_s_own_a_loss_stands_from_day_to_day() -> None:
    metric = OwnMetric("cost_error", Task.CLASSIFICATION)
    truth, predictions, days = made(metric)
    assert realised_metric(metric, merge_days(days)) is None
    assert loss_name(metric) == "squared error"
    assert merge_days(days).losses.mean == pytest.approx(metrics.brier_score_loss(truth, predictions))


def test_every_metric_has_a_loss_of_single_rows() -> None:
    assert {loss_name(metric) for metric in Metric} == {
        "squared error",
        "absolute error",
        "absolute percentage error",
        "log loss",
    }

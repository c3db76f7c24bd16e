"""Sums by day of several classes: they add, give the metrics of the rows, and say what is to be expected."""

from datetime import UTC, datetime

import numpy as np
import pytest

from evertrain.adapters.documents import dump, load
from evertrain.domain.monitoring.performance import (
    DayPerformance,
    DayPredictions,
    loss_name,
    merge_days,
    metric_over_days,
    realised_metric,
)
from evertrain.domain.project.metric import Metric, OwnMetric, Task, known_metrics
from evertrain.statistics.estimation import estimate_loss, estimate_metric, is_estimated
from evertrain.statistics.metrics import metric_value
from evertrain.statistics.performance import count_predictions, performance_by_day

UNTIL = datetime(1970, 3, 1, tzinfo=UTC)
KNOWN, AWAITED = 14, 5
METRICS = known_metrics(Task.CLASSIFICATION, is_multiclass=True)
OF_CONFIDENCE = (Metric.ACCURACY_SCORE, Metric.LOG_LOSS, Metric.BRIER_SCORE_LOSS)
NAMES = ("low", "middle", "high", "never")


def softmax(odds: np.ndarray) -> np.ndarray:
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def rows_of(
    count: int, *, seed: int = 0, narrower: float = 1.0, sure: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, predictions and days. The last class never comes. On the awaited days features are `narrower`."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(KNOWN + AWAITED), count)
    odds = rng.normal(size=(len(days), 3)) * 2 * np.where(days >= KNOWN, narrower, 1.0)[:, None]
    shares = softmax(odds)
    truth = (rng.random(len(days))[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    return truth.astype(float), np.pad(softmax(sure * odds), [(0, 0), (0, 1)]), days


def by_day(metric: Metric | OwnMetric, *rows: np.ndarray) -> list[DayPerformance]:
    truth, predictions, days = rows
    found = performance_by_day(
        metric,
        truth=truth,
        predictions=predictions,
        days=days,
        columns={},
        until=UNTIL,
        name_row=lambda row: (f"r{row}", UNTIL),
        classes=NAMES,
    )
    return list(found)


def made(metric: Metric, **options: float) -> tuple[list[DayPerformance], list[DayPredictions], list[DayPerformance]]:
    truth, predictions, days = rows_of(int(options.pop("rows", 120)), **options)  # type: ignore[arg-type]
    found, late = by_day(metric, truth, predictions, days), days >= KNOWN
    predicted = count_predictions(metric, predictions[late], days[late], until=UNTIL)
    return found[:KNOWN], list(predicted), found[KNOWN:]


def realised(metric: Metric, days: list[DayPerformance]) -> float:
    found = realised_metric(metric, merge_days(days))
    assert found is not None
    return found.value


@pytest.mark.parametrize("metric", METRICS)
def test_days_together_have_the_metric_of_their_rows(metric: Metric) -> None:
    truth, predictions, days = rows_of(100)
    found = by_day(metric, truth, predictions, days)
    tolerance = 1e-3 if "roc_auc" in metric.value else 1e-9
    assert realised(metric, found) == pytest.approx(metric_value(metric, truth, predictions), abs=tolerance)
    kept = [load(DayPerformance, dump(day)) for day in found]
    assert kept == found
    if "roc_auc" not in metric.value:
        assert len(dump(found[0])) < 6_000, "cells of each class are only kept where they are needed"


@pytest.mark.parametrize("metric", METRICS)
def test_the_variance_is_that_of_the_metric_over_many_samples(metric: Metric) -> None:
    found = []
    for seed in range(150):
        estimate = realised_metric(metric, merge_days(by_day(metric, *rows_of(20, seed=seed))))
        assert estimate is not None
        found.append(estimate)
    spread = np.var([each.value for each in found], ddof=1)
    assert np.mean([each.variance for each in found]) == pytest.approx(spread, rel=0.5)


def test_a_row_that_was_predicted_badly_is_told_by_its_classes() -> None:
    (day,) = by_day(
        Metric.LOG_LOSS, np.array([2.0, 0.0]), np.array([[0.1, 0.8, 0.1, 0.0], [0.9, 0.1, 0.0, 0.0]]), np.zeros(2)
    )
    assert [(row.key, row.taken_for, row.prediction, row.true_class) for row in day.worst] == [
        ("r0", "middle", 0.8, "high"),
        ("r1", "low", 0.9, "low"),
    ]


def test_of_an_own_metric_the_squared_error_of_all_classes_stands_from_day_to_day() -> None:
    metric = OwnMetric("cost_error", Task.CLASSIFICATION)
    truth, predictions, days = rows_of(50)
    found = by_day(metric, truth, predictions, days)
    assert metric_over_days(metric, found) is None
    assert loss_name(metric) == "squared error"
    expected = metric_value(Metric.BRIER_SCORE_LOSS, truth, predictions)
    assert merge_days(found).losses.mean == pytest.approx(expected)


@pytest.mark.parametrize("narrower", [1.0, 0.4])
@pytest.mark.parametrize("metric", OF_CONFIDENCE)
def test_nine_of_ten_intervals_hold_what_the_labels_say_later(metric: Metric, narrower: float) -> None:
    held = []
    for seed in range(40):
        known, predicted, later = made(metric, seed=seed, narrower=narrower)
        estimate = estimate_metric(metric, known, predicted)
        assert estimate is not None
        low, high = estimate.interval()
        held.append(low <= realised(metric, later) <= high)
    assert np.mean(held) >= 0.8


def test_rows_that_are_harder_are_seen_before_their_labels_come() -> None:
    known, predicted, later = made(Metric.ACCURACY_SCORE, narrower=0.3, rows=400)
    estimate = estimate_metric(Metric.ACCURACY_SCORE, known, predicted)
    assert estimate is not None
    assert realised(Metric.ACCURACY_SCORE, known) - estimate.value > 0.1
    assert estimate.value == pytest.approx(realised(Metric.ACCURACY_SCORE, later), abs=0.03)


@pytest.mark.parametrize("metric", [each for each in METRICS if each not in OF_CONFIDENCE])
def test_what_does_not_follow_from_confidence_is_not_estimated_and_its_loss_is(metric: Metric) -> None:
    known, predicted, later = made(metric, rows=400)
    assert not is_estimated(metric, known)
    assert estimate_metric(metric, known, predicted) is None
    assert estimate_loss(metric, known, predicted) == pytest.approx(merge_days(later).losses.mean, rel=0.1)


def test_days_of_a_class_more_add_to_those_before_it() -> None:
    truth, predictions, days = rows_of(50)
    early = days < KNOWN
    found = [
        *by_day(Metric.ROC_AUC_OVR_SCORE, truth[early], predictions[early, :3], days[early]),
        *by_day(Metric.ROC_AUC_OVR_SCORE, truth[~early], predictions[~early], days[~early]),
    ]
    expected = metric_value(Metric.ROC_AUC_OVR_SCORE, truth, predictions)
    assert realised(Metric.ROC_AUC_OVR_SCORE, found) == pytest.approx(expected, abs=1e-3)


def test_a_model_that_is_too_sure_is_calibrated_first() -> None:
    known, predicted, later = made(Metric.LOG_LOSS, sure=3.0, rows=400)
    estimate = estimate_metric(Metric.LOG_LOSS, known, predicted)
    assert estimate is not None
    assert estimate.value == pytest.approx(realised(Metric.LOG_LOSS, later), rel=0.1)

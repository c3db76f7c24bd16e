"""Estimates without labels: near to what labels say later, with intervals that hold, unless the concept changed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, merge_days, realised_metric
from evertrain.domain.project.metric import Metric, Task, known_metrics
from evertrain.statistics.estimation import estimate_day, estimate_loss, estimate_metric
from evertrain.statistics.performance import count_predictions, performance_by_day, prediction_cells

UNTIL = datetime(1970, 3, 1, tzinfo=UTC)
KNOWN, AWAITED = 14, 5


def made(
    metric: Metric, *, seed: int = 0, narrower: float = 1.0, concept: float = 1.0, sure: float = 1.0, rows: int = 120
) -> tuple[list[DayPerformance], list[DayPredictions], list[DayPerformance]]:
    """Days with labels, what is predicted on later days, and what the labels say of those. On the later days the
    feature is `narrower`, and means `concept` times as much. `sure`: times as the model has a right to be."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(KNOWN + AWAITED), rows)
    late = days >= KNOWN
    x = rng.normal(size=len(days)) * np.where(late, narrower, 1.0)
    meaning = np.where(late, concept, 1.0) * x
    if metric.task is Task.CLASSIFICATION:
        predictions = 1 / (1 + np.exp(-1.5 * sure * x))
        truth = (rng.random(len(days)) < 1 / (1 + np.exp(-1.5 * meaning))).astype(np.float64)
    else:
        predictions = 20 + 5 * x
        truth = 20 + 5 * meaning + rng.normal(size=len(days)) * (1 + 0.5 * np.abs(x))
    found = list(performance_by_day(metric, truth=truth, predictions=predictions, days=days, columns={}, until=UNTIL))
    predicted = count_predictions(metric, predictions[late], days[late], until=UNTIL)
    return found[:KNOWN], list(predicted), found[KNOWN:]


def realised(metric: Metric, days: list[DayPerformance]) -> float:
    found = realised_metric(metric, merge_days(days))
    assert found is not None
    return found.value


ESTIMATED = [
    metric for task in Task for metric in known_metrics(task, is_multiclass=False) if metric is not Metric.R2_SCORE
]


@pytest.mark.parametrize("narrower", [1.0, 0.4])
@pytest.mark.parametrize("metric", ESTIMATED)
def test_nine_of_ten_intervals_hold_what_the_labels_say_later(metric: Metric, narrower: float) -> None:
    held = []
    for seed in range(60):
        known, predicted, later = made(metric, seed=seed, narrower=narrower)
        estimate = estimate_metric(metric, known, predicted)
        assert estimate is not None
        low, high = estimate.interval()
        held.append(low <= realised(metric, later) <= high)
    assert np.mean(held) >= 0.8


def test_rows_that_are_harder_are_seen_before_their_labels_come() -> None:
    known, predicted, later = made(Metric.ROC_AUC_SCORE, narrower=0.3, rows=400)
    estimate = estimate_metric(Metric.ROC_AUC_SCORE, known, predicted)
    assert estimate is not None
    before = realised(Metric.ROC_AUC_SCORE, known)
    assert before - estimate.value > 0.1
    assert estimate.value == pytest.approx(realised(Metric.ROC_AUC_SCORE, later), abs=0.03)


@pytest.mark.parametrize("metric", [Metric.ROC_AUC_SCORE, Metric.MEAN_ABSOLUTE_ERROR])
def test_a_changed_concept_is_not_seen(metric: Metric) -> None:
    known, predicted, later = made(metric, concept=-1.0)
    estimate = estimate_metric(metric, known, predicted)
    assert estimate is not None
    assert abs(estimate.value - realised(metric, known)) < 0.1 * realised(metric, known)
    assert abs(estimate.value - realised(metric, later)) > 0.3 * realised(metric, known)


def test_a_model_that_is_too_sure_is_calibrated_first() -> None:
    known, predicted, later = made(Metric.LOG_LOSS, sure=3.0, rows=400)
    loss = estimate_loss(Metric.LOG_LOSS, known, predicted)
    assert loss == pytest.approx(realised(Metric.LOG_LOSS, later), rel=0.1)


def test_with_few_days_nothing_is_said() -> None:
    known, predicted, _ = made(Metric.ROC_AUC_SCORE)
    assert estimate_metric(Metric.ROC_AUC_SCORE, known[:2], predicted) is None
    assert estimate_metric(Metric.ROC_AUC_SCORE, known, []) is None
    assert estimate_day(Metric.ROC_AUC_SCORE, known[:2], predicted[0]) is None


def test_r2_cannot_be_estimated_and_its_loss_can() -> None:
    known, predicted, later = made(Metric.R2_SCORE)
    assert estimate_metric(Metric.R2_SCORE, known, predicted) is None
    assert estimate_loss(Metric.R2_SCORE, known, predicted) == pytest.approx(merge_days(later).losses.mean, rel=0.2)


def test_of_a_single_day_the_value_is_the_same() -> None:
    known, predicted, _ = made(Metric.ROC_AUC_SCORE)
    one, several = (
        estimate_day(Metric.ROC_AUC_SCORE, known, predicted[0]),
        estimate_metric(Metric.ROC_AUC_SCORE, known, predicted[:1]),
    )
    assert one is not None
    assert several is not None
    assert one.value == several.value
    assert one.variance < several.variance


def test_days_that_were_all_of_one_class_are_passed_over() -> None:
    known, predicted, _ = made(Metric.ROC_AUC_SCORE, rows=4)
    estimate = estimate_metric(Metric.ROC_AUC_SCORE, known, predicted)
    assert estimate is None or 0 < estimate.value < 1


@pytest.mark.parametrize("task", Task)
def test_cells_ascend_with_predictions(task: Task) -> None:
    numbers = np.sort(np.concatenate([np.random.default_rng(0).normal(0, 1000, 500), [0.0, 1e-30, -1e-30, 3e38]]))
    predictions = 1 / (1 + np.exp(-numbers / 300)) if task is Task.CLASSIFICATION else numbers
    cells = prediction_cells(task, predictions)
    assert (np.diff(cells) >= 0).all()
    assert len(np.unique(cells)) > 50


def test_a_day_is_over_when_its_last_row_came() -> None:
    day = datetime(1970, 1, 2, tzinfo=UTC)
    noon = day + timedelta(hours=12)
    (counted,) = count_predictions(Metric.R2_SCORE, np.array([1.0, 1.0, 7.0]), np.array([1, 1, 1]), until=noon)
    assert (counted.day, counted.until, counted.rows, counted.is_complete) == (day, noon, 3, False)

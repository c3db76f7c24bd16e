"""Metrics are scikit-learn's; intervals come from days, and from the same days for both models."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from evertrain.domain.project.metric import Metric, Task
from evertrain.statistics.comparison import (
    UndefinedMetric,
    compare,
    score,
    slice_scores,
    standard_error_of_difference,
)
from evertrain.statistics.metrics import constant_score, metric_value, weighted_metric

CLASSIFICATION = [metric for metric in Metric if metric.task is Task.CLASSIFICATION]
REGRESSION = [metric for metric in Metric if metric.task is Task.REGRESSION]


def judged(rows: int = 3000, *, days: int = 10, seed: int = 0, skill: float = 1.0) -> tuple[np.ndarray, ...]:
    """Truth, a prediction with some skill, and the day of each row."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    truth = (signal + rng.normal(size=rows) > 0.5).astype(float)
    prediction = 1 / (1 + np.exp(-(skill * signal + rng.normal(size=rows) * 0.5)))
    return truth, prediction, np.repeat(np.arange(days), rows // days)


@settings(max_examples=40)
@given(seed=st.integers(0, 9999), rows=st.integers(5, 60), distinct=st.integers(1, 8))
@pytest.mark.parametrize("metric", CLASSIFICATION)
def test_a_classification_metric_is_scikit_learn_s_also_with_ties_and_weights(
    metric: Metric, seed: int, rows: int, distinct: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows).astype(float)
    truth[:2] = (0, 1)
    prediction = rng.integers(0, distinct + 1, rows) / (distinct + 1)
    weights = rng.integers(1, 4, rows).astype(float)
    theirs = getattr(sk, metric.value)
    assert metric_value(metric, truth, prediction) == pytest.approx(theirs(truth, prediction), abs=1e-12)
    weighted = theirs(truth, prediction, sample_weight=weights)
    assert weighted_metric(metric, truth, prediction)(weights) == pytest.approx(weighted, abs=1e-12)


@pytest.mark.parametrize("metric", REGRESSION)
def test_a_regression_metric_is_scikit_learn_s(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    truth, prediction, weights = rng.normal(size=200), rng.normal(size=200), rng.integers(1, 5, 200).astype(float)
    theirs = getattr(sk, metric.value)
    assert metric_value(metric, truth, prediction) == pytest.approx(theirs(truth, prediction), abs=1e-12)
    weighted = theirs(truth, prediction, sample_weight=weights)
    assert weighted_metric(metric, truth, prediction)(weights) == pytest.approx(weighted, abs=1e-12)


@pytest.mark.parametrize("metric", Metric)
def test_no_constant_prediction_scores_better_than_the_best_one(metric: Metric) -> None:
    rng = np.random.default_rng(2)
    weights = rng.integers(1, 4, 300).astype(float)
    truth = rng.integers(0, 2, 300).astype(float) if metric.task is Task.CLASSIFICATION else rng.gamma(2.0, 5.0, 300)
    best = constant_score(metric, truth, weights)
    sign = 1 if metric.higher_is_better else -1
    for constant in np.quantile(truth + rng.normal(size=300) * 1e-3, np.linspace(0.02, 0.98, 49)):
        other = np.full(300, np.clip(constant, 0.01, 0.99) if metric.task is Task.CLASSIFICATION else constant)
        assert sign * metric_value(metric, truth, other, weights) <= sign * best + 1e-9


def test_the_standard_error_of_a_difference_is_that_of_days_which_differ() -> None:
    """Of a mean loss it is known: the standard deviation of the days' differences, by the root of their number."""
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(12), 400)
    truth = rng.normal(size=len(days))
    first = truth + rng.normal(size=len(days))
    second = truth + rng.normal(size=len(days)) * (1 + 0.3 * rng.normal(size=12))[days]
    by_day = [np.mean((np.abs(second - truth) - np.abs(first - truth))[days == day]) for day in range(12)]
    found = standard_error_of_difference(
        Metric.MEAN_ABSOLUTE_ERROR, truth, first, second, days, rng=np.random.default_rng(0), resamples=4_000
    )
    assert found == pytest.approx(np.std(by_day, ddof=1) / np.sqrt(12), rel=0.05)


def test_one_day_says_nothing_about_how_days_differ() -> None:
    truth, prediction, days = judged(days=1)
    rng = np.random.default_rng(0)
    found = standard_error_of_difference(Metric.ROC_AUC_SCORE, truth, prediction, 1 - prediction, days, rng=rng)
    assert found == float("inf")


def test_a_score_lies_within_its_interval() -> None:
    truth, prediction, days = judged()
    found = score(Metric.ROC_AUC_SCORE, truth, prediction, days, rng=np.random.default_rng(0), confidence=0.9)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(sk.roc_auc_score(truth, prediction))
    assert found.rows == 3000


def test_the_interval_of_a_difference_is_narrower_than_those_of_the_scores() -> None:
    truth, prediction, days = judged()
    slightly_other = prediction + np.random.default_rng(1).normal(size=len(prediction)) * 0.01
    rng = np.random.default_rng(0)
    difference, low, high = compare(
        Metric.ROC_AUC_SCORE, truth, prediction, slightly_other, days, rng=rng, confidence=0.9
    )
    alone = score(Metric.ROC_AUC_SCORE, truth, prediction, days, rng=rng, confidence=0.9)
    assert low <= difference <= high
    assert high - low < (alone.high - alone.low) / 3


def test_a_model_against_itself_differs_by_nothing() -> None:
    truth, prediction, days = judged()
    found = compare(
        Metric.LOG_LOSS, truth, prediction, prediction, days, rng=np.random.default_rng(0), confidence=0.9
    )
    assert found == (0.0, 0.0, 0.0)


def test_the_interval_of_a_difference_holds_the_truth_about_as_often_as_it_says() -> None:
    """200 trials at 90 % with 30 days each: the true difference of two equally good models is 0."""
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 900).astype(float)
        one, other = (truth + rng.normal(size=900) * 2 for _ in range(2))
        days = np.repeat(np.arange(30), 30)
        _, low, high = compare(Metric.ROC_AUC_SCORE, truth, one, other, days, rng=rng, confidence=0.9, resamples=200)
        held += low <= 0 <= high
    assert 165 <= held <= 195


def test_dependent_rows_of_a_day_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(20), 100)
    truth = np.zeros(2000)
    prediction = rng.normal(size=20)[days]
    by_day, by_row = (
        score(Metric.MEAN_ABSOLUTE_ERROR, truth, prediction, blocks, rng=np.random.default_rng(1), confidence=0.9)
        for blocks in (days, np.arange(2000))
    )
    assert by_day.high - by_day.low > 5 * (by_row.high - by_row.low)


def test_rows_of_one_class_define_no_curve() -> None:
    with pytest.raises(UndefinedMetric, match="roc_auc_score is not defined on these 3 rows"):
        score(
            Metric.ROC_AUC_SCORE,
            np.ones(3),
            np.array([0.1, 0.2, 0.3]),
            np.arange(3),
            rng=np.random.default_rng(0),
            confidence=0.9,
        )


def test_slices_are_compared_by_level_and_undefined_ones_passed_over() -> None:
    truth, prediction, _ = judged(rows=300, days=3)
    levels = np.array(["JFK"] * 150 + ["EWR"] * 149 + ["LGA"], dtype=object)
    found = list(
        slice_scores(Metric.ROC_AUC_SCORE, truth, prediction, 1 - prediction, column="origin", levels=levels)
    )
    assert [(entry.level, entry.rows) for entry in found] == [("EWR", 149), ("JFK", 150)]
    assert found[0].champion == pytest.approx(1 - found[0].contender)

"""Metrics are scikit-learn's; intervals come from days, and from the same days for both models."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evertrain.domain.project.metric import GuardMetric, Metric, PinballLoss, Task, known_metrics
from evertrain.domain.training.evaluation import UnusableRows
from evertrain.statistics.comparison import (
    Levels,
    compare,
    compare_by_guards,
    compare_slices,
    degrees_of_freedom,
    score,
)
from evertrain.statistics.metrics import constant_score, metric_value, weighted_metric

CLASSIFICATION = known_metrics(Task.CLASSIFICATION, is_multiclass=False)
OF_CLASSES = (Metric.ACCURACY_SCORE, Metric.BALANCED_ACCURACY_SCORE, Metric.F1_SCORE)
REGRESSION = known_metrics(Task.REGRESSION, is_multiclass=False)


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
    theirs, shown = getattr(sk, metric.value), prediction > 0.5 if metric in OF_CLASSES else prediction
    assert metric_value(metric, truth, prediction) == pytest.approx(theirs(truth, shown), abs=1e-12)
    weighted = theirs(truth, shown, sample_weight=weights)
    assert weighted_metric(metric, truth, prediction)(weights) == pytest.approx(weighted, abs=1e-12)


@pytest.mark.parametrize("metric", REGRESSION)
def test_a_regression_metric_is_scikit_learn_s(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    truth, prediction, weights = rng.normal(size=200), rng.normal(size=200), rng.integers(1, 5, 200).astype(float)
    theirs = getattr(sk, metric.value)
    assert metric_value(metric, truth, prediction) == pytest.approx(theirs(truth, prediction), abs=1e-12)
    weighted = theirs(truth, prediction, sample_weight=weights)
    assert weighted_metric(metric, truth, prediction)(weights) == pytest.approx(weighted, abs=1e-12)


def test_the_calibration_error_is_how_far_probabilities_lie_from_what_happened() -> None:
    """Two tenths of the rows, each of one prediction, and weights that stand for repeated rows."""
    prediction = np.repeat([0.2, 0.7], 50)
    truth = np.concatenate([np.arange(50) < 20, np.arange(50) < 35]).astype(float)
    found = GuardMetric.EXPECTED_CALIBRATION_ERROR
    assert metric_value(found, truth, prediction) == pytest.approx((0.2 + 0.0) / 2)
    weights = np.where(truth > 0, 3.0, 1.0)
    repeated = np.repeat(np.arange(100), weights.astype(int))
    expected = metric_value(found, truth[repeated], prediction[repeated])
    assert metric_value(found, truth, prediction, weights) == pytest.approx(expected)


def test_probabilities_that_are_drawn_towards_the_middle_are_less_calibrated() -> None:
    rng = np.random.default_rng(0)
    prediction = rng.random(20_000)
    truth = (rng.random(20_000) < prediction).astype(float)
    found = GuardMetric.EXPECTED_CALIBRATION_ERROR
    assert metric_value(found, truth, prediction) < 0.02
    assert metric_value(found, truth, 0.25 + prediction / 2) == pytest.approx(0.125, abs=0.02)


def test_guards_share_one_confidence() -> None:
    truth, prediction, days = judged()
    other = np.clip(prediction + 0.05, 0, 1)
    guards = (Metric.LOG_LOSS, GuardMetric.EXPECTED_CALIBRATION_ERROR)
    both = compare_by_guards(guards, truth, prediction, other, days, confidence=0.9)
    alone = compare_by_guards(guards[:1], truth, prediction, other, days, confidence=0.9)
    assert [each.metric for each in both] == list(guards)
    assert both[0].contender == pytest.approx(sk.log_loss(truth, other))
    widths = [each.difference.high - each.difference.low for each in (both[0], alone[0])]
    assert widths[0] / widths[1] == pytest.approx(stats.t.ppf(0.975, 9) / stats.t.ppf(0.95, 9), rel=1e-6)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_the_pinball_loss_is_scikit_learn_s_and_least_for_its_quantile(quantile: float) -> None:
    rng = np.random.default_rng(3)
    truth, prediction, weights = rng.normal(size=200), rng.normal(size=200), rng.integers(1, 5, 200).astype(float)
    metric = PinballLoss(quantile)
    expected = sk.mean_pinball_loss(truth, prediction, sample_weight=weights, alpha=quantile)
    assert metric_value(metric, truth, prediction, weights) == pytest.approx(expected, abs=1e-12)
    best = constant_score(metric, truth, weights)
    others = (np.full(200, constant) for constant in np.linspace(-2, 2, 81))
    assert best <= min(metric_value(metric, truth, other, weights) for other in others) + 1e-12


@pytest.mark.parametrize("metric", [*CLASSIFICATION, *REGRESSION])
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
    """Of a mean loss, with days of one size, it is known: the standard deviation of the days' differences, by the
    root of their number."""
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(12), 400)
    truth = rng.normal(size=len(days))
    first = truth + rng.normal(size=len(days))
    second = truth + rng.normal(size=len(days)) * (1 + 0.3 * rng.normal(size=12))[days]
    by_day = [np.mean((np.abs(second - truth) - np.abs(first - truth))[days == day]) for day in range(12)]
    found = compare(Metric.MEAN_ABSOLUTE_ERROR, truth, first, second, days)
    assert found.spread.degrees == 11
    assert found.spread.standard_error == pytest.approx(np.std(by_day, ddof=1) / np.sqrt(12), rel=0.01)


def test_the_interval_of_a_mean_over_days_of_one_size_is_student_s() -> None:
    rng = np.random.default_rng(4)
    of_day = rng.normal(size=5)
    days, truth = np.repeat(np.arange(5), 40), np.zeros(200)
    champion, contender = np.zeros(200), np.abs(of_day)[days]
    found = compare(Metric.MEAN_ABSOLUTE_ERROR, truth, champion, contender, days).difference(0.9)
    low, high = stats.t.interval(0.9, 4, loc=np.abs(of_day).mean(), scale=stats.sem(np.abs(of_day)))
    assert (found.low, found.high) == (pytest.approx(low, rel=0.02), pytest.approx(high, rel=0.02))


def test_where_one_day_has_most_rows_few_degrees_of_freedom_are_left() -> None:
    even, uneven = np.full(6, 1 / 6), np.array([0.9, 0.02, 0.02, 0.02, 0.02, 0.02])
    assert degrees_of_freedom(even) == pytest.approx(5)
    assert degrees_of_freedom(uneven) == pytest.approx(1.183)
    assert degrees_of_freedom(np.array([0.99, 0.01])) == pytest.approx(1)


def test_with_a_single_day_rows_that_follow_each_other_stand_for_days() -> None:
    truth, prediction, days = judged(days=1)
    found = compare(Metric.ROC_AUC_SCORE, truth, prediction, 1 - prediction, days)
    stretches = compare(Metric.ROC_AUC_SCORE, truth, prediction, 1 - prediction, np.repeat(np.arange(10), 300))
    assert found.days == 1
    assert found.spread == stretches.spread
    assert found.spread.standard_error > 0


def test_rows_that_stand_for_several_weigh_as_several() -> None:
    """But where a day's rows all stand for two, days count twice as much, and not for two days."""
    truth, prediction, days = judged(rows=400, days=4)
    twice = np.repeat(np.arange(400), 2)
    other = np.clip(prediction + 0.1, 0, 1)
    weighted = compare(Metric.LOG_LOSS, truth, prediction, other, days, weights=np.full(400, 2.0))
    repeated = compare(Metric.LOG_LOSS, truth[twice], prediction[twice], other[twice], days[twice])
    assert weighted.spread.standard_error == pytest.approx(repeated.spread.standard_error)
    assert weighted.contender == pytest.approx(repeated.contender)


def test_a_score_lies_within_its_interval() -> None:
    truth, prediction, days = judged()
    found = score(Metric.ROC_AUC_SCORE, truth, prediction, days, confidence=0.9)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(sk.roc_auc_score(truth, prediction))
    assert found.rows == 3000


def test_the_interval_of_a_difference_is_narrower_than_those_of_the_scores() -> None:
    truth, prediction, days = judged()
    slightly_other = prediction + np.random.default_rng(1).normal(size=len(prediction)) * 0.01
    found = compare(Metric.ROC_AUC_SCORE, truth, prediction, slightly_other, days).difference(0.9)
    alone = score(Metric.ROC_AUC_SCORE, truth, prediction, days, confidence=0.9)
    assert found.low <= found.value <= found.high
    assert found.high - found.low < (alone.high - alone.low) / 3


def test_a_model_against_itself_differs_by_nothing() -> None:
    truth, prediction, days = judged()
    found = compare(Metric.LOG_LOSS, truth, prediction, prediction, days).difference(0.9)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("days", [2, 3, 7, 30])
def test_the_interval_of_a_difference_holds_the_truth_about_as_often_as_it_says(days: int) -> None:
    """300 trials at 90 %, days of uneven size: the true difference of two equally good models is 0."""
    held, rng = 0, np.random.default_rng(5)
    for _ in range(300):
        day = np.repeat(np.arange(days), rng.integers(10, 60, days))
        truth = rng.integers(0, 2, len(day)).astype(float)
        one, other = (truth + rng.normal(0, 0.5, days)[day] + rng.normal(size=len(day)) * 2 for _ in range(2))
        found = compare(Metric.ROC_AUC_SCORE, truth, one, other, day).difference(0.9)
        held += found.low <= 0 <= found.high
    assert 254 <= held <= 290


def test_dependent_rows_of_a_day_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(20), 100)
    truth = np.zeros(2000)
    prediction = rng.normal(size=20)[days]
    by_day, by_row = (
        score(Metric.MEAN_ABSOLUTE_ERROR, truth, prediction, blocks, confidence=0.9)
        for blocks in (days, rng.permutation(days))
    )
    assert by_day.high - by_day.low > 5 * (by_row.high - by_row.low)


def test_rows_of_one_class_define_no_curve() -> None:
    with pytest.raises(UnusableRows, match="roc_auc_score is not defined on these 3 rows"):
        score(Metric.ROC_AUC_SCORE, np.ones(3), np.array([0.1, 0.2, 0.3]), np.arange(3), confidence=0.9)


def test_one_row_has_no_interval() -> None:
    with pytest.raises(UnusableRows, match="mean_absolute_error has no interval on 1 rows: two are needed"):
        score(Metric.MEAN_ABSOLUTE_ERROR, np.ones(1), np.zeros(1), np.zeros(1, dtype=np.int64), confidence=0.9)


def test_slices_are_compared_by_level_and_undefined_ones_passed_over() -> None:
    truth, prediction, days = judged(rows=300, days=3)
    levels = np.array(["JFK"] * 150 + ["EWR"] * 149 + ["LGA"], dtype=object)
    found = compare_slices(
        Metric.ROC_AUC_SCORE,
        truth,
        prediction,
        1 - prediction,
        days,
        slices=[Levels(column="origin", of_rows=levels, minimum_rows=150)],
        confidence=0.9,
    )
    assert [(entry.name, entry.rows) for entry in found] == [("origin=EWR", 149), ("origin=JFK", 150)]
    assert found[0].champion == pytest.approx(1 - found[0].contender)
    assert found[0].difference is None
    assert found[1].difference is not None


def test_the_more_slices_there_are_the_wider_is_each_one_s_interval() -> None:
    truth, prediction, days = judged()
    other = np.clip(prediction + np.random.default_rng(1).normal(size=len(truth)) * 0.1, 0, 1)
    level = np.arange(len(truth)) % 8
    one, eight = (
        compare_slices(
            Metric.ROC_AUC_SCORE,
            truth,
            prediction,
            other,
            days,
            slices=[Levels(column="level", of_rows=of_rows.astype(str).astype(object), minimum_rows=100)],
            confidence=0.9,
        )
        for of_rows in (np.where(level == 0, "0", "rare"), level)
    )
    alone, together = one[0].difference, eight[0].difference
    assert alone is not None
    assert together is not None
    assert (alone.value, alone.standard_error) == (together.value, together.standard_error)
    ratio = stats.t.ppf(1 - 0.05 / 8, 9) / stats.t.ppf(1 - 0.05 / 2, 9)
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(ratio, rel=0.01)

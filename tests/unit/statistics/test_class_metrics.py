"""Metrics of more than two classes are scikit-learn's, with weights, ties, and classes that no row is of."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from evertrain.domain.project.metric import GuardMetric, Metric, OwnMetric, Task, known_metrics
from evertrain.statistics.comparison import compare, compare_by_guards, score
from evertrain.statistics.metrics import LoadedMetric, constant_score, metric_value

KNOWN = known_metrics(Task.CLASSIFICATION, is_multiclass=True)


def scikit_learn_s(metric: Metric, truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> float:
    classes, taken = np.arange(prediction.shape[1]), prediction.argmax(axis=1)
    theirs, shown, options = {
        Metric.LOG_LOSS: (sk.log_loss, prediction, {"labels": classes}),
        Metric.BRIER_SCORE_LOSS: (sk.brier_score_loss, prediction, {"labels": classes}),
        Metric.ROC_AUC_OVR_SCORE: (sk.roc_auc_score, prediction, {"multi_class": "ovr"}),
        Metric.ROC_AUC_OVR_WEIGHTED_SCORE: (
            sk.roc_auc_score,
            prediction,
            {"multi_class": "ovr", "average": "weighted"},
        ),
        Metric.F1_MACRO_SCORE: (sk.f1_score, taken, {"average": "macro", "zero_division": 0}),
        Metric.F1_WEIGHTED_SCORE: (sk.f1_score, taken, {"average": "weighted", "zero_division": 0}),
        Metric.ACCURACY_SCORE: (sk.accuracy_score, taken, {}),
        Metric.BALANCED_ACCURACY_SCORE: (sk.balanced_accuracy_score, taken, {}),
    }[metric]
    return float(theirs(truth, shown, sample_weight=weights, **options))


def classified(rows: int, *, classes: int = 3, distinct: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth with a row of each class, and probabilities of a few different values, which add up to 1."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.append(np.arange(classes), rng.integers(0, classes, rows - classes)))
    odds = rng.integers(1, distinct + 1, (rows, classes)) + 0.7 * distinct * (truth[:, None] == np.arange(classes))
    return truth.astype(float), odds / odds.sum(axis=1, keepdims=True)


@settings(max_examples=40)
@given(seed=st.integers(0, 9999), rows=st.integers(8, 60), classes=st.integers(3, 7), distinct=st.integers(1, 8))
@pytest.mark.parametrize("metric", KNOWN)
def test_it_is_scikit_learn_s_also_with_ties_and_weights(
    metric: Metric, seed: int, rows: int, classes: int, distinct: int
) -> None:
    truth, prediction = classified(rows, classes=classes, distinct=distinct, seed=seed)
    weights = np.random.default_rng(seed).integers(1, 4, rows).astype(float)
    expected = scikit_learn_s(metric, truth, prediction, weights)
    assert metric_value(metric, truth, prediction, weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", KNOWN)
def test_a_class_that_no_row_is_of_is_left_out_of_means(metric: Metric) -> None:
    truth, prediction = classified(300, classes=3)
    wide = np.insert(prediction, 1, 0.0, axis=1)
    same = np.where(truth > 0, truth + 1, 0.0)
    assert metric_value(metric, same, wide) == pytest.approx(metric_value(metric, truth, prediction), abs=1e-12)


def test_the_roc_auc_of_one_class_alone_is_not_defined() -> None:
    _, prediction = classified(30)
    assert np.isnan(metric_value(Metric.ROC_AUC_OVR_SCORE, np.ones(30), prediction))


@pytest.mark.parametrize("metric", KNOWN)
def test_no_class_alone_and_no_other_shares_score_better_than_the_best_constant(metric: Metric) -> None:
    rng = np.random.default_rng(2)
    truth, weights = rng.choice(4, 300, p=[0.1, 0.2, 0.3, 0.4]).astype(float), rng.integers(1, 4, 300).astype(float)
    best, sign = constant_score(metric, truth, weights, classes=4), 1 if metric.higher_is_better else -1
    for constant in [*np.eye(4), *rng.dirichlet(np.ones(4), 40)]:
        other = metric_value(metric, truth, np.tile(constant, (300, 1)), weights)
        assert sign * other <= sign * best + 1e-9


def test_an_own_metric_gets_the_probabilities_of_all_classes() -> None:
    def cost_error(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> float:
        costs = np.abs(np.arange(3)[:, None] - np.arange(3))
        return float(np.average(costs[truth.astype(int), prediction.argmax(axis=1)], weights=weights))

    own = LoadedMetric(metric=OwnMetric("cost_error", Task.CLASSIFICATION), function=cost_error)
    truth, prediction = classified(200)
    assert metric_value(own, truth, prediction) == pytest.approx(np.abs(truth - prediction.argmax(axis=1)).mean())
    always = [np.abs(truth - each).mean() for each in range(3)]
    assert constant_score(own, truth, classes=3) == pytest.approx(min(always)), "to say always the same class"


def test_the_calibration_error_is_that_of_the_most_probable_class() -> None:
    """80 of 100 rows right at a confidence of 0.7: a tenth too unsure."""
    prediction = np.tile([0.2, 0.7, 0.1], (100, 1))
    truth = np.where(np.arange(100) < 80, 1.0, 2.0)
    assert metric_value(GuardMetric.EXPECTED_CALIBRATION_ERROR, truth, prediction) == pytest.approx(0.1)


def test_intervals_and_guards_are_of_days() -> None:
    truth, prediction = classified(3_000, distinct=5)
    flat = 0.5 * prediction + 0.5 / 3
    days = np.repeat(np.arange(10), 300)
    paired = compare(Metric.BRIER_SCORE_LOSS, truth, flat, prediction, days)
    losses = [((each - np.eye(3)[truth.astype(int)]) ** 2).sum(axis=1) for each in (flat, prediction)]
    by_day = (losses[1] - losses[0]).reshape(10, 300).mean(axis=1)
    assert paired.spread.standard_error == pytest.approx(by_day.std(ddof=1) / np.sqrt(10), rel=0.01)
    found = score(Metric.F1_MACRO_SCORE, truth, prediction, days, confidence=0.9)
    assert found.low < found.value < found.high
    (guard,) = compare_by_guards(
        [GuardMetric.EXPECTED_CALIBRATION_ERROR], truth, flat, prediction, days, confidence=0.9
    )
    assert guard.difference.low < guard.contender - guard.champion < guard.difference.high

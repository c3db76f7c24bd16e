"""The metrics of models that tell more than two classes apart, over weighted rows: as scikit-learn defines them.

A class that no row is of is left out of the means over classes, where scikit-learn refuses, or warns: of a rare class
a day or a slice may well have none.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from evertrain.domain.project.metric import GuardMetric, Metric
from evertrain.statistics.weighted import Array, Weighted, calibration_error, mean_loss, roc_auc

Truth = npt.NDArray[np.int64]
"""Shape (rows,): each row's class by its number."""

_TINY = np.finfo(np.float64).eps


def log_losses(truth: Truth, probabilities: Array) -> Array:
    """Shape (rows,). `probabilities`: shape (rows, classes).

    >>> log_losses(np.array([2]), np.array([[0.25, 0.25, 0.5]])).round(4)
    array([0.6931])
    """
    return np.asarray(-np.log(np.clip(of_truth(truth, probabilities), _TINY, 1.0)))


def squared_errors(truth: Truth, probabilities: Array) -> Array:
    """Shape (rows,): of each row the sum over classes, from 0 to 2 (Brier, Monthly Weather Review 78, 1950).

    >>> squared_errors(np.array([2]), np.array([[0.25, 0.25, 0.5]]))
    array([0.375])
    """
    return np.asarray((probabilities**2).sum(axis=1) + 1 - 2 * of_truth(truth, probabilities))


def of_truth(truth: Truth, probabilities: Array) -> Array:
    """Shape (rows,): what each row's own class was given."""
    return np.asarray(probabilities[np.arange(len(truth)), truth])


def most_probable(probabilities: Array) -> Truth:
    """Shape (rows,): the class that each row is taken for, the first of several that are as probable."""
    return np.asarray(probabilities.argmax(axis=1))


def _accuracy(truth: Truth, probabilities: Array) -> Weighted:
    return mean_loss((most_probable(probabilities) == truth).astype(np.float64))


def _balanced_accuracy(truth: Truth, probabilities: Array) -> Weighted:
    confusion = _confusion(truth, probabilities)

    def value(weights: Array) -> float:
        counts = confusion(weights)
        rows = counts.sum(axis=1)
        return float(np.mean((np.diag(counts) / np.maximum(rows, _TINY))[rows > 0])) if rows.any() else float("nan")

    return value


def _f1(*, by_rows: bool) -> Callable[[Truth, Array], Weighted]:
    """`by_rows`: a class counts by how many rows are of it."""

    def weighted(truth: Truth, probabilities: Array) -> Weighted:
        confusion = _confusion(truth, probabilities)

        def value(weights: Array) -> float:
            counts = confusion(weights)
            rows, there = counts.sum(axis=1), counts.sum(axis=0) + counts.sum(axis=1)
            scores = 2 * np.diag(counts) / np.maximum(there, _TINY)
            return _mean_of_classes(scores, rows if by_rows else (there > 0).astype(np.float64))

        return value

    return weighted


def _roc_auc_ovr(*, by_rows: bool) -> Callable[[Truth, Array], Weighted]:
    """Each class against all others."""

    def weighted(truth: Truth, probabilities: Array) -> Weighted:
        is_class = np.arange(probabilities.shape[1]) == truth[:, None]
        there = np.flatnonzero(is_class.any(axis=0))
        areas = [roc_auc(is_class[:, each].astype(np.float64), probabilities[:, each]) for each in there]

        def value(weights: Array) -> float:
            rows = weights @ is_class[:, there]
            found = np.array([area(weights) for area in areas])
            known = np.isfinite(found)
            return _mean_of_classes(found[known], rows[known] if by_rows else np.ones(int(known.sum())))

        return value

    return weighted


def _mean_of_classes(scores: Array, weights: Array) -> float:
    return float(np.average(scores, weights=weights)) if weights.sum() else float("nan")


def _confusion(truth: Truth, probabilities: Array) -> Callable[[Array], Array]:
    """For row weights, how many of each class are taken for each: shape (classes, classes), the truth first."""
    classes = probabilities.shape[1]
    cell = classes * truth + most_probable(probabilities)
    return lambda weights: np.asarray(
        np.bincount(cell, weights=weights, minlength=classes**2).reshape(classes, classes), np.float64
    )


def _calibration_error(truth: Truth, probabilities: Array) -> Weighted:
    right = (most_probable(probabilities) == truth).astype(np.float64)
    return calibration_error(right, probabilities.max(axis=1))


CLASS_METRICS: Mapping[Metric | GuardMetric, Callable[[Truth, Array], Weighted]] = {
    Metric.ACCURACY_SCORE: _accuracy,
    Metric.BALANCED_ACCURACY_SCORE: _balanced_accuracy,
    Metric.F1_MACRO_SCORE: _f1(by_rows=False),
    Metric.F1_WEIGHTED_SCORE: _f1(by_rows=True),
    Metric.ROC_AUC_OVR_SCORE: _roc_auc_ovr(by_rows=False),
    Metric.ROC_AUC_OVR_WEIGHTED_SCORE: _roc_auc_ovr(by_rows=True),
    Metric.LOG_LOSS: lambda truth, probabilities: mean_loss(log_losses(truth, probabilities)),
    Metric.BRIER_SCORE_LOSS: lambda truth, probabilities: mean_loss(squared_errors(truth, probabilities)),
    GuardMetric.EXPECTED_CALIBRATION_ERROR: _calibration_error,
}

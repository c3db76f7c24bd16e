"""The metrics of models over weighted rows: as scikit-learn defines them, and cheap to weigh anew for each day.

Those of more than two classes are `class_metrics`'.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evertrain.domain.project.metric import GuardMetric, Metric, ModelMetric, OwnMetric, PinballLoss, Task
from evertrain.statistics.class_metrics import CLASS_METRICS, of_truth
from evertrain.statistics.weighted import Array, Weighted, calibration_error, mean_loss, roc_auc, ties


@dataclass(frozen=True)
class LoadedMetric:
    """A model's own metric with its function of truth, prediction and row weights, each of shape (rows,); of more
    than two classes the prediction is of shape (rows, classes)."""

    metric: OwnMetric
    function: Callable[[Array, Array, Array], float]

    @property
    def value(self) -> str:
        return self.metric.value

    @property
    def higher_is_better(self) -> bool:
        return self.metric.higher_is_better

    @property
    def task(self) -> Task:
        return self.metric.task

    def __str__(self) -> str:
        return self.value


Judging = Metric | PinballLoss | LoadedMetric
"""A `ModelMetric` that can be computed."""

_TINY = np.finfo(np.float64).eps

HALF = 0.5
"""A row is taken for class 1 where its probability is larger."""


def metric_value(
    metric: Judging | GuardMetric, truth: Array, prediction: Array, weights: Array | None = None
) -> float:
    """Truth and prediction: shape (rows,). For classification 0 or 1, and the probability of 1; else numbers. Of more
    than two classes the truth is the class's number, and the prediction of shape (rows, classes).
    `weights`: shape (rows,), how many rows each stands for; None where each is one.

    >>> metric_value(Metric.ROC_AUC_SCORE, np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    return weighted_metric(metric, truth, prediction)(np.ones(len(truth)) if weights is None else weights)


def weighted_metric(metric: Judging | GuardMetric, truth: Array, prediction: Array) -> Weighted:
    """The metric as a function of row weights. Sorts once, so that many weightings of the same rows are cheap."""
    truth, prediction = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if isinstance(metric, LoadedMetric):
        return lambda weights: metric.function(truth, prediction, weights)
    if isinstance(metric, PinballLoss):
        return mean_loss(pinball_losses(truth, prediction, metric.quantile))
    if prediction.ndim > 1:
        return CLASS_METRICS[metric](truth.astype(np.int64), prediction)
    return _WEIGHTED_METRICS[metric](truth, prediction)


def declared_metric(metric: ModelMetric) -> Judging:
    """Where there is no code of the model's own. Raises ValueError for an own metric: nobody loaded its function."""
    if isinstance(metric, OwnMetric):
        raise ValueError(f"{metric} is a function of the model's own, which was not loaded")
    return metric


def absolute_errors(truth: Array, prediction: Array) -> Array:
    """Shape (rows,); of more than two classes, what is missing from the probability of each row's own."""
    if prediction.ndim > 1:
        return 1 - of_truth(truth.astype(np.int64), prediction)
    return np.asarray(np.abs(truth - prediction))


def pinball_losses(truth: Array, prediction: Array, quantile: float) -> Array:
    """Shape (rows,)."""
    below = truth - prediction
    return np.asarray(np.maximum(quantile * below, (quantile - 1) * below))


def constant_score(
    metric: Judging, truth: Array, weights: Array | None = None, *, classes: int | None = None
) -> float:
    """What the best constant prediction scores: what no model should do worse than. NaN where it is not defined.
    `classes`: where there are more than two, how many."""
    counts = np.ones(len(truth)) if weights is None else weights
    constants = _constants(metric, truth, counts) if classes is None else _shares(metric, truth, counts, classes)
    scores = [
        metric_value(metric, truth, np.broadcast_to(constant, (len(truth), *np.shape(constant))), counts)
        for constant in constants
    ]
    return max(scores) if metric.higher_is_better else min(scores)


SHARES_TRIED = 19
"""Of quantiles of the truth, as constants, where nothing is known of a metric."""


def _constants(metric: Judging, truth: Array, counts: Array) -> Sequence[float]:
    """Among which the best is."""
    if isinstance(metric, LoadedMetric):
        shares = np.arange(1, SHARES_TRIED + 1) / (SHARES_TRIED + 1)
        quantiles = shares if metric.task is Task.CLASSIFICATION else np.quantile(truth, shares)
        return [float(np.average(truth, weights=counts)), *quantiles.tolist()]
    return [_best_constant(metric, truth, counts)]


def _shares(metric: Judging, truth: Array, counts: Array, classes: int) -> Sequence[Array]:
    """Of the classes, among the rows; and for what nothing is known of, each class by itself and all alike."""
    shares = np.bincount(truth.astype(np.int64), weights=counts, minlength=classes) / counts.sum()
    return [shares, *np.eye(classes), np.full(classes, 1 / classes)] if isinstance(metric, LoadedMetric) else [shares]


def _best_constant(metric: Metric | PinballLoss, truth: Array, counts: Array) -> float:
    if isinstance(metric, PinballLoss):
        return _quantile(truth, counts, metric.quantile)
    if metric is Metric.MEAN_ABSOLUTE_ERROR:
        return _median(truth, counts)
    if metric is Metric.MEAN_ABSOLUTE_PERCENTAGE_ERROR:
        return _median(truth, counts / np.maximum(np.abs(truth), _TINY))
    if metric is Metric.F1_SCORE:
        return 1.0
    return float(np.average(truth, weights=counts))


def _median(values: Array, counts: Array) -> float:
    return _quantile(values, counts, 0.5)


def _quantile(values: Array, counts: Array, share: float) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(counts[order]), counts.sum() * share)])


def _average_precision(truth: Array, prediction: Array) -> Weighted:
    order, starts = ties(-prediction)
    positive = truth[order]

    def value(weights: Array) -> float:
        sorted_weights = weights[order]
        true_positives = np.cumsum(np.add.reduceat(sorted_weights * positive, starts))
        predicted_positives = np.cumsum(np.add.reduceat(sorted_weights, starts))
        if true_positives[-1] == 0:
            return float("nan")
        precision = np.divide(
            true_positives, predicted_positives, out=np.zeros_like(true_positives), where=predicted_positives > 0
        )
        return float(np.sum(np.diff(true_positives, prepend=0.0) * precision) / true_positives[-1])

    return value


def _log_loss(truth: Array, prediction: Array) -> Weighted:
    clipped = np.clip(prediction, _TINY, 1 - _TINY)
    return mean_loss(-(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped)))


def _root_mean_squared_error(truth: Array, prediction: Array) -> Weighted:
    mean_squared = mean_loss((truth - prediction) ** 2)
    return lambda weights: float(np.sqrt(mean_squared(weights)))


def _r2(truth: Array, prediction: Array) -> Weighted:
    residual = mean_loss((truth - prediction) ** 2)

    def value(weights: Array) -> float:
        mean = np.average(truth, weights=weights)
        variance = float(np.average((truth - mean) ** 2, weights=weights))
        return 1 - residual(weights) / variance if variance else float("nan")

    return value


def _accuracy(truth: Array, prediction: Array) -> Weighted:
    return mean_loss((truth == (prediction > HALF)).astype(np.float64))


def _balanced_accuracy(truth: Array, prediction: Array) -> Weighted:
    confusion = _confusion(truth, prediction)

    def value(weights: Array) -> float:
        hits = confusion(weights)
        of_class = hits.sum(axis=1)
        return float(np.mean(np.diag(hits) / of_class)) if of_class.all() else float("nan")

    return value


def _f1(truth: Array, prediction: Array) -> Weighted:
    confusion = _confusion(truth, prediction)

    def value(weights: Array) -> float:
        (_, false_positives), (false_negatives, hits) = confusion(weights)
        return float(2 * hits / (2 * hits + false_positives + false_negatives)) if hits + false_negatives else np.nan

    return value


def _confusion(truth: Array, prediction: Array) -> Callable[[Array], Array]:
    """For row weights, how many of each class are taken for each: shape (2, 2), the truth first."""
    cell = 2 * truth.astype(np.int64) + (prediction > HALF)
    return lambda weights: np.asarray(np.bincount(cell, weights=weights, minlength=4).reshape(2, 2), np.float64)


_WEIGHTED_METRICS: Mapping[Metric | GuardMetric, Callable[[Array, Array], Weighted]] = {
    Metric.ROC_AUC_SCORE: roc_auc,
    Metric.AVERAGE_PRECISION_SCORE: _average_precision,
    Metric.ACCURACY_SCORE: _accuracy,
    Metric.BALANCED_ACCURACY_SCORE: _balanced_accuracy,
    Metric.F1_SCORE: _f1,
    Metric.LOG_LOSS: _log_loss,
    Metric.BRIER_SCORE_LOSS: lambda truth, prediction: mean_loss((truth - prediction) ** 2),
    Metric.MEAN_ABSOLUTE_ERROR: lambda truth, prediction: mean_loss(np.abs(truth - prediction)),
    Metric.MEAN_ABSOLUTE_PERCENTAGE_ERROR: lambda truth, prediction: mean_loss(
        np.abs(truth - prediction) / np.maximum(np.abs(truth), _TINY)
    ),
    Metric.ROOT_MEAN_SQUARED_ERROR: _root_mean_squared_error,
    Metric.R2_SCORE: _r2,
    GuardMetric.EXPECTED_CALIBRATION_ERROR: calibration_error,
}

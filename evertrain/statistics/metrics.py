"""The metrics of models over weighted rows: as scikit-learn defines them, and cheap to weigh anew for each day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evertrain.domain.project.metric import GuardMetric, Metric, ModelMetric, OwnMetric, PinballLoss, Task

Array = npt.NDArray[np.float64]
Weighted = Callable[[Array], float]
"""The metric for given row weights, shape (rows,); NaN where it is not defined, as for rows of one class."""


@dataclass(frozen=True)
class LoadedMetric:
    """A model's own metric with its function of truth, prediction and row weights, each of shape (rows,)."""

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
    """Truth and prediction: shape (rows,). For classification 0 or 1, and the probability of 1; else numbers.
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
        return _mean_loss(pinball_losses(truth, prediction, metric.quantile))
    return _WEIGHTED_METRICS[metric](truth, prediction)


def declared_metric(metric: ModelMetric) -> Judging:
    """Where there is no code of the model's own. Raises ValueError for an own metric: nobody loaded its function."""
    if isinstance(metric, OwnMetric):
        raise ValueError(f"{metric} is a function of the model's own, which was not loaded")
    return metric


def pinball_losses(truth: Array, prediction: Array, quantile: float) -> Array:
    """Shape (rows,)."""
    below = truth - prediction
    return np.asarray(np.maximum(quantile * below, (quantile - 1) * below))


def constant_score(metric: Judging, truth: Array, weights: Array | None = None) -> float:
    """What the best constant prediction scores: what no model should do worse than. NaN where it is not defined."""
    counts = np.ones(len(truth)) if weights is None else weights
    scores = [
        metric_value(metric, truth, np.full(len(truth), constant), counts)
        for constant in _constants(metric, truth, counts)
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


def _roc_auc(truth: Array, prediction: Array) -> Weighted:
    order, starts = _ties(prediction)
    positive = truth[order]

    def value(weights: Array) -> float:
        sorted_weights = weights[order]
        positives = np.add.reduceat(sorted_weights * positive, starts)
        negatives = np.add.reduceat(sorted_weights * (1 - positive), starts)
        pairs = positives.sum() * negatives.sum()
        if pairs == 0:
            return float("nan")
        # A positive outranks every negative below it, and half of those that tie with it.
        below = np.cumsum(negatives) - negatives
        return float(np.sum(positives * (below + negatives / 2)) / pairs)

    return value


def _average_precision(truth: Array, prediction: Array) -> Weighted:
    order, starts = _ties(-prediction)
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


def _ties(keys: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ascending order, and the index in it where each run of equal keys begins."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def _mean_loss(losses: Array) -> Weighted:
    return lambda weights: float(np.average(losses, weights=weights)) if weights.sum() else float("nan")


def _log_loss(truth: Array, prediction: Array) -> Weighted:
    clipped = np.clip(prediction, _TINY, 1 - _TINY)
    return _mean_loss(-(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped)))


def _root_mean_squared_error(truth: Array, prediction: Array) -> Weighted:
    mean_squared = _mean_loss((truth - prediction) ** 2)
    return lambda weights: float(np.sqrt(mean_squared(weights)))


def _r2(truth: Array, prediction: Array) -> Weighted:
    residual = _mean_loss((truth - prediction) ** 2)

    def value(weights: Array) -> float:
        mean = np.average(truth, weights=weights)
        variance = float(np.average((truth - mean) ** 2, weights=weights))
        return 1 - residual(weights) / variance if variance else float("nan")

    return value


def _accuracy(truth: Array, prediction: Array) -> Weighted:
    return _mean_loss((truth == (prediction > HALF)).astype(np.float64))


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


CALIBRATION_BINS = 10


def _calibration_error(truth: Array, prediction: Array) -> Weighted:
    """In bins of equally many rows, with rows that have the same prediction in the same one."""
    order, starts = _ties(prediction)
    bin_of_run = starts * CALIBRATION_BINS // len(order)
    firsts = starts[np.flatnonzero(np.r_[True, bin_of_run[1:] != bin_of_run[:-1]])]
    excess = (truth - prediction)[order]

    def value(weights: Array) -> float:
        sorted_weights = weights[order]
        return float(np.abs(np.add.reduceat(sorted_weights * excess, firsts)).sum() / sorted_weights.sum())

    return value


_WEIGHTED_METRICS: Mapping[Metric | GuardMetric, Callable[[Array, Array], Weighted]] = {
    Metric.ROC_AUC_SCORE: _roc_auc,
    Metric.AVERAGE_PRECISION_SCORE: _average_precision,
    Metric.ACCURACY_SCORE: _accuracy,
    Metric.BALANCED_ACCURACY_SCORE: _balanced_accuracy,
    Metric.F1_SCORE: _f1,
    Metric.LOG_LOSS: _log_loss,
    Metric.BRIER_SCORE_LOSS: lambda truth, prediction: _mean_loss((truth - prediction) ** 2),
    Metric.MEAN_ABSOLUTE_ERROR: lambda truth, prediction: _mean_loss(np.abs(truth - prediction)),
    Metric.MEAN_ABSOLUTE_PERCENTAGE_ERROR: lambda truth, prediction: _mean_loss(
        np.abs(truth - prediction) / np.maximum(np.abs(truth), _TINY)
    ),
    Metric.ROOT_MEAN_SQUARED_ERROR: _root_mean_squared_error,
    Metric.R2_SCORE: _r2,
    GuardMetric.EXPECTED_CALIBRATION_ERROR: _calibration_error,
}

"""What metrics of two classes and of more are made of: functions of row weights that sort rows once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weighted = Callable[[Array], float]
"""The metric for given row weights, shape (rows,); NaN where it is not defined, as for rows of one class."""

CALIBRATION_BINS = 10


def mean_loss(losses: Array) -> Weighted:
    return lambda weights: float(np.average(losses, weights=weights)) if weights.sum() else float("nan")


def roc_auc(truth: Array, prediction: Array) -> Weighted:
    """`truth`: 0 and 1. Both of shape (rows,)."""
    order, starts = ties(prediction)
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


def calibration_error(truth: Array, prediction: Array) -> Weighted:
    """In bins of equally many rows, with rows that have the same prediction in the same one. Shapes (rows,)."""
    order, starts = ties(prediction)
    bin_of_run = starts * CALIBRATION_BINS // len(order)
    firsts = starts[np.flatnonzero(np.r_[True, bin_of_run[1:] != bin_of_run[:-1]])]
    excess = (truth - prediction)[order]

    def value(weights: Array) -> float:
        sorted_weights = weights[order]
        return float(np.abs(np.add.reduceat(sorted_weights * excess, firsts)).sum() / sorted_weights.sum())

    return value


def ties(keys: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ascending order, and the index in it where each run of equal keys begins."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

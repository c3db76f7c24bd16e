"""Distances between two distributions over the same cells, or between two sets of quantiles: numbers, no verdicts."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PSEUDO_COUNT = 0.5
"""Added to every cell before shares are taken (Jeffreys' prior), so that an empty cell has a finite distance."""


def shares(counts: npt.ArrayLike) -> Array:
    """Smoothed shares of cell counts, shape (cells,): all > 0, summing to 1.

    >>> [round(float(share), 3) for share in shares([0, 9])]
    [0.05, 0.95]
    """
    smoothed = np.asarray(counts, dtype=np.float64) + PSEUDO_COUNT
    return np.asarray(smoothed / smoothed.sum())


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Population stability index, sum of (q - p) ln(q / p); symmetric.

    Both: shares over the same cells, shape (cells,), all > 0, each summing to 1.
    Returns nats, >= 0; 0 means identical. Source: Siddiqi, Credit Risk Scorecards (2006), chapter 10.

    >>> psi([0.5, 0.5], [0.5, 0.5])
    0.0
    >>> round(psi([0.25, 0.75], [0.5, 0.5]), 4)
    0.2747
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    return max(0.0, float(np.sum((q - p) * np.log(q / p))))


def kl_divergence(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Kullback-Leibler divergence of the current shares from the reference's, sum of q ln(q / p). Not symmetric.

    Arguments as for `psi`. Returns nats, >= 0, without an upper bound.

    >>> round(kl_divergence([0.25, 0.75], [0.5, 0.5]), 4)
    0.1438
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    return max(0.0, float(np.sum(q * np.log(q / p))))


def js_divergence(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon divergence: the mean divergence from the even mixture of both. Symmetric.

    Arguments as for `psi`. Returns nats, from 0 to ln 2. Source: Lin, IEEE Trans. Inf. Theory 37 (1991).

    >>> js_divergence([1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]) <= math.log(2)
    True
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    middle = (p + q) / 2
    return (kl_divergence(middle, p) + kl_divergence(middle, q)) / 2


def quantile_levels(count: int) -> Array:
    """Midpoints of `count` equal steps of probability."""
    return np.asarray((np.arange(count) + 0.5) / count)


def wasserstein(reference_quantiles: npt.ArrayLike, current_quantiles: npt.ArrayLike) -> float:
    """Wasserstein-1 distance, the area between two quantile functions.

    Both: quantiles at the same `quantile_levels`, shape (levels,). Returns the feature's own unit, >= 0.
    The midpoint rule's error is at most half a step of probability times the range of the values.

    >>> wasserstein([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    1.0
    """
    p, q = np.asarray(reference_quantiles, dtype=np.float64), np.asarray(current_quantiles, dtype=np.float64)
    return float(np.mean(np.abs(p - q)))


def psi_p_value(value: float, *, reference_rows: int, current_rows: int, cells: int) -> float:
    """Probability of a PSI at least this large when nothing has drifted and rows are independent.

    PSI / (1/N + 1/M) is asymptotically chi-squared with cells - 1 degrees of freedom (Yurdakul, 2018).

    >>> psi_p_value(0.0, reference_rows=1000, current_rows=500, cells=10)
    1.0
    >>> psi_p_value(0.2, reference_rows=20_000, current_rows=900, cells=10) < 1e-12
    True
    """
    return chi_squared_tail(value / (1 / reference_rows + 1 / current_rows), degrees=cells - 1)


def chi_squared_tail(value: float, *, degrees: int) -> float:
    """P(X >= value). Wilson and Hilferty's cube root (1931): within 0.01 of the truth from one degree of freedom on.

    >>> round(chi_squared_tail(16.919, degrees=9), 3)
    0.05
    """
    if degrees < 1 or value <= 0:
        return 1.0
    spread = 2 / (9 * degrees)
    z = ((value / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(z / math.sqrt(2))

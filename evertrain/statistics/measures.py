"""Distances between two distributions over the same cells: numbers, no verdicts."""

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
    return max(0.0, float((q - p) @ np.log(q / p)))


def kl_divergence(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Kullback-Leibler divergence of the current shares from the reference's, sum of q ln(q / p). Not symmetric.

    Arguments as for `psi`. Returns nats, >= 0, without an upper bound.

    >>> round(kl_divergence([0.25, 0.75], [0.5, 0.5]), 4)
    0.1438
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    return max(0.0, float(q @ np.log(q / p)))


def js_divergence(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon divergence: the mean divergence from the even mixture of both. Symmetric.

    Arguments as for `psi`. Returns nats, from 0 to ln 2. Source: Lin, IEEE Trans. Inf. Theory 37 (1991).

    >>> 0.69 < js_divergence([1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]) < 0.6932
    True
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    middle = (p + q) / 2
    return (kl_divergence(middle, p) + kl_divergence(middle, q)) / 2


def wasserstein(positions: npt.ArrayLike, reference: npt.ArrayLike, current: npt.ArrayLike) -> float | None:
    """Wasserstein-1 distance: the area between two distribution functions. Symmetric.

    positions: where the cells lie, ascending, shape (cells,); counts in them, same shape. Cells at NaN or an infinity
    are left out. Returns the unit of `positions`, >= 0; None where either side has nothing left.

    >>> wasserstein([0.0, 1.0, 5.0], [1, 1, 0], [0, 1, 1])
    2.5
    """
    places = np.asarray(positions, dtype=np.float64)
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if not (finite := np.isfinite(places)).all():
        places, p, q = places[finite], p[finite], q[finite]
    before, after = p.sum(), q.sum()
    if not before or not after:
        return None
    return area_between(p / before, q / after, np.diff(places))


def area_between(reference: Array, current: Array, gaps: Array) -> float:
    """Wasserstein-1 distance of two shares of the same ascending cells, shape (cells,), with these `gaps` in between,
    shape (cells - 1,)."""
    with np.errstate(over="ignore"):
        return float(np.abs((reference - current).cumsum()[:-1]) @ gaps)


def kolmogorov_smirnov(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Largest distance between two distribution functions, at the borders of ascending cells. Symmetric.

    Both: counts, shape (cells,), not all 0. Returns 0 to 1.

    >>> kolmogorov_smirnov([1, 1, 2], [2, 1, 1])
    0.25
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    return float(np.abs(np.cumsum(p) / p.sum() - np.cumsum(q) / q.sum()).max())

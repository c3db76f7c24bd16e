"""Is a distance larger than chance explains? P-values for two samples of independent rows, without SciPy.

The monitor's functions carry no SciPy (164 MiB); these agree with it to 1e-9, see the tests.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

MIN_EXPECTED_COUNT = 5.0
"""Cells with a smaller expected count are pooled (Cochran, Biometrics 10, 1954)."""

_PRECISION = 1e-16
_MAX_TERMS = 100_000


def kolmogorov_smirnov_p_value(distance: float, *, reference_rows: int, current_rows: int) -> float:
    """P(a distance at least as large) between samples of one continuous distribution; too large for a discrete one.

    Kolmogorov's limit with Stephens' correction for small samples (J. R. Stat. Soc. B 32, 1970).

    >>> kolmogorov_smirnov_p_value(0.0, reference_rows=1000, current_rows=500)
    1.0
    >>> round(kolmogorov_smirnov_p_value(0.0607, reference_rows=1_000_000, current_rows=500), 2)
    0.05
    """
    if not reference_rows or not current_rows:
        return 1.0
    root = math.sqrt(reference_rows * current_rows / (reference_rows + current_rows))
    return kolmogorov_survival((root + 0.12 + 0.11 / root) * distance)


def kolmogorov_survival(value: float) -> float:
    """P(K >= value) of Kolmogorov's distribution."""
    if value <= 0:
        return 1.0
    if value < 1.18:  # the other series needs more terms, the smaller the value
        base = -(math.pi**2) / (8 * value**2)
        below = sum(math.exp(base * (2 * term - 1) ** 2) for term in range(1, 8))
        return 1.0 - math.sqrt(2 * math.pi) / value * below
    return 2 * sum((-1.0) ** (term - 1) * math.exp(-2 * (term * value) ** 2) for term in range(1, 8))


def contingency_p_value(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """P(counts at least as unlike) of two samples of one discrete distribution: Pearson's chi-squared test.

    Both: counts in the same cells, shape (cells,).

    >>> contingency_p_value([500, 500], [50, 50])
    1.0
    >>> round(contingency_p_value([500, 500], [60, 40]), 3)
    0.056
    """
    counts = np.stack([np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)])
    rows = counts.sum(axis=1, keepdims=True)
    if not rows.all():
        return 1.0
    expected = _expected(counts, rows)
    few = expected.min(axis=0) < MIN_EXPECTED_COUNT
    if few.any():
        counts = np.column_stack([counts[:, ~few], counts[:, few].sum(axis=1)])
        expected = _expected(counts, rows)
    counts, expected = counts[:, expected[0] > 0], expected[:, expected[0] > 0]
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return chi_squared_survival(statistic, degrees=counts.shape[1] - 1)


def psi_null_quantile(*, reference_rows: int, current_rows: int, cells: int, probability: float) -> float:
    """The PSI that independent rows exceed by chance with this probability.

    PSI / (1/N + 1/M) is asymptotically chi-squared with cells - 1 degrees of freedom (Yurdakul, 2018).

    >>> round(psi_null_quantile(reference_rows=20_000, current_rows=500, cells=10, probability=0.01), 4)
    0.0444
    """
    if cells < 2 or not reference_rows or not current_rows:
        return 0.0
    return chi_squared_quantile(probability, degrees=cells - 1) * (1 / reference_rows + 1 / current_rows)


@lru_cache(maxsize=4096)
def chi_squared_quantile(probability: float, *, degrees: int) -> float:
    """The value that a chi-squared variable exceeds with this probability, by bisection.

    >>> round(chi_squared_quantile(0.05, degrees=9), 3)
    16.919
    """
    low, high = 0.0, 10.0 * degrees + 1_000
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chi_squared_survival(middle, degrees=degrees) > probability else (low, middle)
    return high


def chi_squared_survival(value: float, *, degrees: int) -> float:
    """P(X >= value): the regularised upper incomplete gamma function at degrees / 2 and value / 2.

    By its series below the mean and by Lentz's continued fraction above (Press et al., Numerical Recipes, 6.2).

    >>> round(chi_squared_survival(16.919, degrees=9), 4)
    0.05
    """
    if degrees < 1 or value <= 0:
        return 1.0
    shape, x = degrees / 2, value / 2
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    return 1.0 - front * _lower_series(shape, x) if x < shape + 1 else front * _upper_fraction(shape, x)


def benjamini_hochberg(p_values: Sequence[float], *, rate: float) -> list[bool]:
    """Which hypotheses are rejected so that at most this rate of the rejections are false, on average.

    Source: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).

    >>> benjamini_hochberg([0.5, 0.0001, 0.009], rate=0.02)
    [False, True, True]
    """
    ordered = sorted(p_values)
    passing = [p for rank, p in enumerate(ordered, 1) if p <= rate * rank / len(ordered)]
    bound = passing[-1] if passing else -math.inf
    return [p <= bound for p in p_values]


def _expected(counts: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(rows * counts.sum(axis=0) / rows.sum())


def _lower_series(shape: float, x: float) -> float:
    term = total = 1 / shape
    for step in range(1, _MAX_TERMS):
        term *= x / (shape + step)
        total += term
        if term < total * _PRECISION:
            break
    return total


def _upper_fraction(shape: float, x: float) -> float:
    tiny = 1e-300
    b = x + 1 - shape
    c, d = 1 / tiny, 1 / b
    fraction = d
    for step in range(1, _MAX_TERMS):
        a = -step * (step - shape)
        b += 2
        d = 1 / (a * d + b or tiny)
        c = b + a / c or tiny
        change = d * c
        fraction *= change
        if abs(change - 1) < _PRECISION * 10:
            break
    return fraction

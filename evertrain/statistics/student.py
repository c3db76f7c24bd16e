"""Student's t distribution, also with fractions of a degree of freedom, without SciPy; agrees with it to 1e-9."""

import math
from functools import lru_cache

_TINY = 1e-300
_PRECISION = 1e-16
_MAX_TERMS = 10_000


def t_survival(value: float, *, degrees: float) -> float:
    """P(T >= value). `degrees`: of freedom, > 0.

    >>> round(t_survival(6.313752, degrees=1), 6)
    0.05
    """
    beyond = _incomplete_beta(degrees / (degrees + value * value), degrees / 2, 0.5) / 2
    return beyond if value >= 0 else 1 - beyond


@lru_cache(maxsize=4096)
def t_quantile(probability: float, *, degrees: float) -> float:
    """The value that T lies below with this probability, 0.5 or more and less than 1.

    Fisher's tables have 12.706 for 1 degree of freedom and 2.776 for 4:

    >>> round(t_quantile(0.975, degrees=1), 3), round(t_quantile(0.975, degrees=4), 3)
    (12.706, 2.776)
    """
    beyond = 1 - probability
    low, high = 0.0, 1.0
    while t_survival(high, degrees=degrees) > beyond:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_survival(middle, degrees=degrees) > beyond else (low, middle)
    return (low + high) / 2


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz; DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction of the other side converges faster
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))
    fraction, numerator, denominator = 1.0, 1.0, 0.0
    for term in range(_MAX_TERMS):
        half = term // 2
        if term == 0:
            step = 1.0
        elif term % 2 == 0:
            step = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        else:
            step = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        denominator = 1 / _not_zero(1 + step * denominator)
        numerator = _not_zero(1 + step / numerator)
        fraction *= numerator * denominator
        if abs(1 - numerator * denominator) < _PRECISION:
            break
    return front * (fraction - 1) / a


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

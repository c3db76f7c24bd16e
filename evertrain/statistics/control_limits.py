"""How far may a day lie from the training window, when days differ anyway? Limits from the window's own days.

Shewhart's three standard deviations are for one series. Of twenty features each beyond its own, some is nearly every
day; so the limit is set for the farthest of a family: the largest of many has Gumbel's distribution (Coles, An
Introduction to Statistical Modeling of Extreme Values, 2001, chapter 3), fitted by its moments.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FEWEST_SIGMAS = 3.0
_EULER = 0.5772156649


def family_sigmas(series: Sequence[Array], *, alarm_rate: float) -> float:
    """Standard deviations beyond its mean that the farthest of these series goes on this share of new days.

    Each: shape (days,), the same days for all; NaN where there is none.

    >>> days = np.random.default_rng(0).normal(size=(20, 50))
    >>> 3.0 < family_sigmas(list(days), alarm_rate=0.05) < family_sigmas(list(days), alarm_rate=0.01) < 5
    True
    """
    scores = [scored for values in series if (scored := _standardised(values)) is not None]
    if not scores:
        return FEWEST_SIGMAS
    stacked = np.stack(scores)
    farthest = stacked[:, np.isfinite(stacked).any(axis=0)]
    maxima = np.nanmax(farthest, axis=0)
    quantile = -math.log(-math.log1p(-alarm_rate))
    wanted = float(maxima.mean() + (quantile - _EULER) * math.sqrt(6) / math.pi * maxima.std(ddof=1))
    # The days have a part in the mean and deviation that they are measured by; a new day has none.
    days = len(maxima)
    return max(FEWEST_SIGMAS, wanted) * math.sqrt((days + 1) / (days - 1))


def control_limit(values: Array, *, sigmas: float) -> float | None:
    """Mean plus so many standard deviations; None where fewer than two values are there."""
    there = values[np.isfinite(values)]
    return float(there.mean() + sigmas * there.std(ddof=1)) if len(there) > 1 else None


def _standardised(values: Array) -> Array | None:
    there = values[np.isfinite(values)]
    if len(there) < 2 or not there.std():
        return None
    return np.asarray((values - there.mean()) / there.std(ddof=1))

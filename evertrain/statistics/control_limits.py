"""How far may a day lie from the training window, when days differ anyway? Limits from the window's own days.

Shewhart's three standard deviations are for one series. Among twenty features, one exceeds such a limit nearly every
day. So the limit is set for the largest deviation of the family, whose distribution is close to Gumbel's (Coles, An
Introduction to Statistical Modeling of Extreme Values, 2001, chapter 3), fitted by its moments.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from evertrain.statistics.blocks import MIN_BLOCKS
from evertrain.statistics.days import DaysOfBaseline
from evertrain.statistics.distances import Baseline
from evertrain.statistics.layouts import Counts

Array = npt.NDArray[np.float64]
MIN_SIGMAS = 3.0
JUMP_SIGMAS = 3.0

MIN_MISSING_INCREASE = 0.1
"""Least increase of a day's missing share that counts as drift. An hour's outage of a source is none, and training
days without any missing value would allow for nothing."""

_EULER = 0.5772156649


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """How far a day may lie from the training window, by each distance.

    Rows of one day share their weather and their schedule, so a day differs from a month by more than independent
    rows would. `wasserstein`: in standard deviations, None for categories. `jump`: how far a day may lie from the
    day before, in the same unit. Not limits: `mode_share`, `usual_mode_share`, the largest and the median share of
    one value on a day, and `worst_missing_share`, the largest of any.
    """

    psi: float
    wasserstein: float | None
    jump: float | None
    missing_share: float
    mode_share: float
    usual_mode_share: float = 0.0
    worst_missing_share: float = 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class BlockDistances:
    """One feature's days against all rows, shape (days,), and against the day before, `jumps`, shape (days - 1,)."""

    psi: Array
    wasserstein: Array
    jumps: Array
    missing_shares: Array
    mode_shares: Array

    @classmethod
    def of_days(cls, baseline: Baseline, days: Iterable[Counts]) -> Self:
        """`days`: the counts of each, in the baseline's layout, of rows that are among its own: they lie in no cell
        in which it has none."""
        measured = DaysOfBaseline(baseline)
        found = [measured.distances(counts) for counts in days]
        psi, wasserstein, jumps, missing_shares, mode_shares = zip(*found, strict=True) if found else ((),) * 5
        return cls(
            psi=np.array(psi),
            wasserstein=_or_nan(wasserstein),
            jumps=_or_nan(jumps[1:]),
            missing_shares=np.array(missing_shares),
            mode_shares=np.array(mode_shares),
        )

    @property
    def has_order(self) -> bool:
        return int(np.isfinite(self.wasserstein).sum()) >= MIN_BLOCKS

    @property
    def decisive_distances(self) -> Array:
        """The distance that decides on drift: Wasserstein for numbers, PSI for categories."""
        return self.wasserstein if self.has_order else self.psi

    def limits(self, *, sigmas: float) -> ControlLimits | None:
        psi = control_limit(self.psi, sigmas=sigmas)
        missing = control_limit(self.missing_shares, sigmas=sigmas)
        if len(self.psi) < MIN_BLOCKS or psi is None or missing is None:
            return None
        return ControlLimits(
            psi=psi,
            wasserstein=control_limit(self.wasserstein, sigmas=sigmas) if self.has_order else None,
            jump=control_limit(self.jumps, sigmas=JUMP_SIGMAS) if self.has_order else None,
            missing_share=min(1.0, max(missing, float(self.missing_shares.mean()) + MIN_MISSING_INCREASE)),
            mode_share=float(self.mode_shares.max()),
            usual_mode_share=float(np.median(self.mode_shares)),
            worst_missing_share=float(self.missing_shares.max()),
        )


def family_sigmas(series: Sequence[Array], *, false_alarm_rate: float) -> float:
    """The number of standard deviations that some series of the family exceeds on this share of new days.

    Each series: shape (days,), the same days for all; NaN where there is no value.

    >>> days = np.random.default_rng(0).normal(size=(20, 50))
    >>> 3.0 < family_sigmas(list(days), false_alarm_rate=0.05) < family_sigmas(list(days), false_alarm_rate=0.01) < 5
    True
    """
    scores = [scored for values in series if (scored := _standardised(values)) is not None]
    if not scores:
        return MIN_SIGMAS
    stacked = np.stack(scores)
    usable = stacked[:, np.isfinite(stacked).any(axis=0)]
    maxima = np.nanmax(usable, axis=0)
    quantile = -math.log(-math.log1p(-false_alarm_rate))
    limit = float(maxima.mean() + (quantile - _EULER) * math.sqrt(6) / math.pi * maxima.std(ddof=1))
    # Mean and deviation of the maxima were estimated from these very days; a new day deviates more.
    days = len(maxima)
    return max(MIN_SIGMAS, limit) * math.sqrt((days + 1) / (days - 1))


def control_limit(values: Array, *, sigmas: float) -> float | None:
    """Mean plus so many standard deviations; None for fewer than two finite values."""
    finite = values[np.isfinite(values)]
    return float(finite.mean() + sigmas * finite.std(ddof=1)) if len(finite) > 1 else None


def _standardised(values: Array) -> Array | None:
    """Each day by mean and deviation of the others, as a new day will be: by its own it can't be far out, however far
    it lies. None where there are too few."""
    finite = np.isfinite(values)
    count = int(finite.sum())
    if count < MIN_BLOCKS or not values[finite].std():
        return None
    others = count - 1
    mean = (values[finite].sum() - values) / others
    squares = np.square(values[finite]).sum() - np.square(values) - others * np.square(mean)
    deviation = np.sqrt(np.maximum(squares, 0.0) / (others - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = (values - mean) / (deviation * math.sqrt(1 + 1 / others))
    return np.asarray(np.where(np.isfinite(scores), scores, np.nan))


def _or_nan(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

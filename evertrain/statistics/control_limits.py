"""How far may a day lie from the training window, when days differ anyway? Limits from the window's own days.

Shewhart's three standard deviations are for one series. Of twenty features each beyond its own, some is nearly every
day; so the limit is set for the farthest of a family: the largest of many has Gumbel's distribution (Coles, An
Introduction to Statistical Modeling of Extreme Values, 2001, chapter 3), fitted by its moments.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from evertrain.statistics.distances import Baseline, distances_between, wasserstein_between
from evertrain.statistics.layouts import NumericLayout
from evertrain.statistics.sketch import FeatureSketch

Array = npt.NDArray[np.float64]
Blocks = npt.NDArray[np.int64]
"""Shape (rows,): the block, such as the day, of each row. Blocks ascend in time."""

MIN_BLOCKS = 5
MIN_BLOCK_ROWS = 100
"""A smaller day says little about how far days lie apart."""

MIN_SIGMAS = 3.0
JUMP_SIGMAS = 3.0

MIN_MISSING_INCREASE = 0.1
"""Share of a day's rows more than usual that have no value, before it is unlike any training day: an hour's outage of
a source is no drift, and days without any would allow for none."""

_EULER = 0.5772156649


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """How far single days of the training window lie from the window as a whole, as control limits.

    Rows of one day share their weather and their schedule, so a day always differs from a month by more than chance
    among independent rows allows. `wasserstein` is in standard deviations, None for what has no order.
    `jump`: how far one day lies from the day before, in the same unit. `mode_share`: no limit, but the largest
    share that one value had on any day.
    """

    psi: float
    wasserstein: float | None
    jump: float | None
    missing_share: float
    mode_share: float


@dataclass(frozen=True, eq=False, kw_only=True)
class BlockDistances:
    """How one feature's single days lie from all rows, and from each other. Shapes (days,), or (days - 1,)."""

    psi: Array
    wasserstein: Array
    jumps: Array
    missing_shares: Array
    mode_shares: Array

    @classmethod
    def of(cls, baseline: Baseline, days: Sequence[FeatureSketch]) -> Self:
        distances = [distances_between(baseline, day) for day in days]
        return cls(
            psi=np.array([each.psi for each in distances]),
            wasserstein=_or_nan([each.wasserstein_normalised for each in distances]),
            jumps=_or_nan([_jump(baseline, one, other) for one, other in pairwise(days)]),
            missing_shares=np.array([each.missing_share for each in distances]),
            mode_shares=np.array([baseline.mode_share(day) for day in days]),
        )

    @property
    def has_order(self) -> bool:
        return int(np.isfinite(self.wasserstein).sum()) >= MIN_BLOCKS

    @property
    def decisive_distances(self) -> Array:
        """What decides on drift: where values lie, or, where they have no order, how they are spread over levels."""
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
        )


def each_block(blocks: Blocks) -> Iterator[npt.NDArray[np.bool_]]:
    """In order of time."""
    for block, rows in zip(*np.unique(blocks, return_counts=True), strict=True):
        if rows >= MIN_BLOCK_ROWS:
            yield blocks == block


def family_sigmas(series: Sequence[Array], *, false_alarm_rate: float) -> float:
    """Standard deviations beyond its mean that the farthest of these series goes on this share of new days.

    Each: shape (days,), the same days for all; NaN where there is none.

    >>> days = np.random.default_rng(0).normal(size=(20, 50))
    >>> 3.0 < family_sigmas(list(days), false_alarm_rate=0.05) < family_sigmas(list(days), false_alarm_rate=0.01) < 5
    True
    """
    scores = [scored for values in series if (scored := _standardised(values)) is not None]
    if not scores:
        return MIN_SIGMAS
    stacked = np.stack(scores)
    farthest = stacked[:, np.isfinite(stacked).any(axis=0)]
    maxima = np.nanmax(farthest, axis=0)
    quantile = -math.log(-math.log1p(-false_alarm_rate))
    wanted = float(maxima.mean() + (quantile - _EULER) * math.sqrt(6) / math.pi * maxima.std(ddof=1))
    # The days have a part in the mean and deviation that they are measured by; a new day has none.
    days = len(maxima)
    return max(MIN_SIGMAS, wanted) * math.sqrt((days + 1) / (days - 1))


def control_limit(values: Array, *, sigmas: float) -> float | None:
    """Mean plus so many standard deviations; None where fewer than two values are there."""
    there = values[np.isfinite(values)]
    return float(there.mean() + sigmas * there.std(ddof=1)) if len(there) > 1 else None


def _standardised(values: Array) -> Array | None:
    there = values[np.isfinite(values)]
    if len(there) < 2 or not there.std():
        return None
    return np.asarray((values - there.mean()) / there.std(ddof=1))


def _or_nan(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _jump(baseline: Baseline, one: FeatureSketch, other: FeatureSketch) -> float | None:
    layout, deviation = baseline.layout, baseline.deviation
    if not isinstance(layout, NumericLayout) or not deviation:
        return None
    distance = wasserstein_between(layout, one.counts, other.counts)
    return None if distance is None else distance / deviation

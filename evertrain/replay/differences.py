"""How much better one policy did than another on the same batches, with what chance leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from evertrain.domain.monitoring.estimates import NORMAL_95
from evertrain.domain.project.metric import ModelMetric
from evertrain.replay.result import PolicyResult

BLOCKS = 10
"""Batches that follow each other have weather and models in common: so many runs of them are left out in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of the metric, higher is better. `batches`: on how many."""

    value: float
    standard_error: float
    batches: int

    @property
    def half_interval(self) -> float:
        """Of 90 %: as much to either side."""
        return NORMAL_95 * self.standard_error

    @property
    def interval(self) -> tuple[float, float]:
        return self.value - self.half_interval, self.value + self.half_interval

    @property
    def known_interval(self) -> tuple[float, float] | tuple[None, None]:
        """For a document, which holds no infinite numbers."""
        return self.interval if self.is_known else (None, None)

    def __str__(self) -> str:
        """
        >>> str(Difference(value=0.0652, standard_error=0.012, batches=120))
        '+0.0652 ± 0.0197'
        """
        return f"{self.value:+.3g} ± {self.half_interval:.3g}" if self.is_known else f"{self.value:+.3g}"

    @property
    def is_known(self) -> bool:
        """Whether there were enough batches to tell what chance leaves open."""
        return isfinite(self.standard_error)

    @property
    def is_beyond_chance(self) -> bool:
        low, high = self.interval
        return self.is_known and (low > 0 or high < 0)


def difference_between(
    one: PolicyResult, other: PolicyResult, batches: Sequence[int], metric: ModelMetric
) -> Difference:
    """How much better `one` did, weighted by rows, on those of the batches on which both have a metric.

    The standard error is found by leaving out one run of batches after the other (jackknife; Künsch, Ann. Statist.
    17, 1989, for what depends on its neighbours). Infinite where there are fewer than two runs.
    """
    sign = 1.0 if metric.higher_is_better else -1.0
    pairs = [
        (sign * (first - second), one.rows_by_batch[number])
        for number in batches
        if (first := one.metric_by_batch[number]) is not None
        and (second := other.metric_by_batch[number]) is not None
    ]
    if not pairs:
        return Difference(value=0.0, standard_error=float("inf"), batches=0)
    gains, rows = (np.array(each, dtype=np.float64) for each in zip(*pairs, strict=True))
    runs = np.array_split(np.arange(len(gains)), min(BLOCKS, len(gains)))
    value = float(np.average(gains, weights=rows))
    if len(runs) < 2:
        return Difference(value=value, standard_error=float("inf"), batches=len(gains))
    without = [np.average(np.delete(gains, run), weights=np.delete(rows, run)) for run in runs]
    spread = float(np.square(np.array(without) - np.mean(without)).sum()) * (len(runs) - 1) / len(runs)
    return Difference(value=value, standard_error=sqrt(spread), batches=len(gains))

"""What a champion loses by growing older, learnt from what the last retrainings gained, and when that is worth
another. Pure.

A contender is judged beside the champion on the same rows, and has learnt from rows that are so much newer: what it
gained, per day, is what the champion lost by its age. If it loses as much with each day, then after `age` days
per_day · age² / 2 has been lost on each row per day in all; once that exceeds the cost of a retraining, another one
pays, and no other period is cheaper (the economic order quantity: Harris, Factory 10, 1913). Costs of staleness that
add up until they exceed those of a retraining: Mahadevan & Mathioudakis, Machine Learning, 2024 (CARA).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import sqrt

from evertrain.domain.training.evaluation import Gain

DAY = timedelta(days=1)

MAX_GAINS = 6
"""Of the last retrainings: older ones tell of another time."""

PRIOR_DAYS = 28
"""Before anything is known: a margin is lost in about so many days, or nothing."""

MAX_MARGINS = 2.0
"""More than so many margins are no ageing: something changed, and that has triggers of its own."""

ERROR_OF_DAYS = 0.5
"""Margins by which gains differ from one gate to the next, whatever the rows of one gate say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """What is lost of the metric with each day of age, with its standard error."""

    per_day: float
    standard_error: float

    @property
    def is_known(self) -> bool:
        return self.per_day > self.standard_error

    @property
    def at_most(self) -> "Ageing":
        """What can hardly be exceeded: a standard error more."""
        return replace(self, per_day=max(0.0, self.per_day + self.standard_error))

    def lost(self, age: timedelta) -> float:
        """The metric times days that age has cost since the training."""
        return self.per_day * (age / DAY) ** 2 / 2

    def pays_after(self, cost: float) -> timedelta:
        """The age at which that is as much as `cost`, of the metric times days."""
        return sqrt(2 * cost / self.per_day) * DAY


def measure_ageing(gains: Sequence[Gain], *, margin: float) -> Ageing | None:
    """`gains`: the newest first. A regression of gains on ages through the origin, with a normal prior around
    nothing. None where no retraining has shown anything yet."""
    usable = [gain for gain in gains if gain.newer_by >= DAY][:MAX_GAINS]
    if not usable or not margin:
        return None
    precision, weighted = (PRIOR_DAYS / margin) ** 2, 0.0
    for gain in usable:
        days = gain.newer_by / DAY
        value = max(-MAX_MARGINS * margin, min(MAX_MARGINS * margin, gain.value))
        variance = gain.standard_error**2 + (ERROR_OF_DAYS * margin) ** 2
        precision += days**2 / variance
        weighted += days * value / variance
    return Ageing(per_day=weighted / precision, standard_error=1 / sqrt(precision))

"""Is the newest part of a series of measurements worse than its beginning? The test that `decline` applies to all
rows and to groups of them.

Of each stretch of matured rows it is known how much a mean, or a metric, varies by chance from row to row. Rows of a
day depend on each other, and days on those before, so stretches vary more than that; by how much, the stretches
before the newest ones tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf, sqrt
from statistics import fmean

from evertrain.domain.monitoring.estimates import Estimate
from evertrain.domain.monitoring.performance import DayPerformance, merge_days

BASELINE_STRETCHES = 8
"""Of the first ones after a promotion, beside those of the gate."""

MIN_BASELINE_STRETCHES = 3
MIN_STRETCHES = 3
"""That have to be worse together: what rows of one day have in common is no decline."""

Measure = Callable[[Sequence[DayPerformance]], Estimate | None]
"""Of stretches together; higher is worse. None where it is not defined."""


def put_together(days: Sequence[DayPerformance], *, rows: int) -> list[DayPerformance]:
    """Neighbouring days until they have so many rows; what is left at the end has too few, and waits."""
    found: list[DayPerformance] = []
    waiting: list[DayPerformance] = []
    count = 0
    for day in days:
        waiting.append(day)
        count += day.rows
        if count >= rows:
            found.append(day if len(waiting) == 1 else merge_days(waiting))
            waiting, count = [], 0
    return found


def between_stretches(estimates: Sequence[Estimate]) -> float:
    """By how much stretches that follow each other differ beyond what their numbers of rows explain: the variance
    that the mean of n of them has, times n. Where each is like the one before it, as in a spell of bad weather, that
    is more than the variance of a single one."""
    mean = fmean([one.value for one in estimates])
    apart = [one.value - mean for one in estimates]
    spread = sum([each * each for each in apart]) / (len(apart) - 1)
    between = spread - fmean([one.variance for one in estimates])
    if between <= 0:
        return 0.0
    alike = sum([this * following for this, following in pairwise(apart)]) / (len(apart) - 1)
    # Of few stretches nobody can say how alike neighbours are: then they are taken for strangers.
    correlation = alike / between * len(apart) / (len(apart) + STRETCHES_TO_BELIEVE)
    correlation = min(MAX_CORRELATION, max(0.0, correlation))
    return between * (1 + correlation) / (1 - correlation)


STRETCHES_TO_BELIEVE = 10
STRETCHES_TO_DATE = 60
MAX_CORRELATION = 0.8


@dataclass(frozen=True, kw_only=True)
class Series:
    """Stretches, the earliest first: what was `promised` at the gate, what was `realised` since."""

    promised: Sequence[DayPerformance]
    realised: Sequence[DayPerformance]
    measure: Measure

    def newest(self, length: int) -> Sequence[DayPerformance]:
        return self.realised[len(self.realised) - length :]

    def baseline(self, length: int) -> Sequence[DayPerformance]:
        """What the newest `length` are compared with: none of them is in it."""
        return [*self.promised, *self.realised[: max(0, len(self.realised) - length)][:BASELINE_STRETCHES]]

    def z(self, length: int) -> float | None:
        """By how many standard errors the newest so many are worse than the baseline; None where nobody can tell."""
        return self._z(length, self.newest(length))

    def worse_lengths(self, threshold: float) -> list[int]:
        """Of 3, 4, 5, 6, 7, 8, 10 …, how many of the newest are worse by more than so many standard errors; and by
        half as many without the worst of them, which may be a storm. Each number is larger by a quarter: on whichever
        day one looks, one of them holds a change and hardly anything else."""
        found, length = [], MIN_STRETCHES
        while length <= len(self.realised):
            is_worse = self._is_beyond(threshold, length, self.newest(length))
            if is_worse and self._is_beyond(threshold / 2, length, self._without_worst(length)):
                found.append(length)
            length += max(1, length // 4)
        return found

    def _is_beyond(self, threshold: float, length: int, new: Sequence[DayPerformance]) -> bool:
        """Whether these are worse by more standard errors than the threshold, which is above 0."""
        before, now = self._before(length), self._measured(new)
        if before is None or now is None:
            return False
        # Most are not even if stretches differed by chance alone; how much more they do takes longest to find.
        least_error = sqrt(now.variance + before.variance)
        if least_error and (now.value - before.value) / least_error <= threshold:
            return False
        z = self._z(length, new)
        return z is not None and z > threshold

    def strongest_length(self) -> int:
        """Since which the evidence is strongest: that dates the change. Of those long ago, one in ten is tried."""
        lengths = [
            length
            for length in range(MIN_STRETCHES, len(self.realised) + 1)
            if length <= STRETCHES_TO_DATE or length % 10 == 0
        ]
        found = {length: z for length in lengths if (z := self.z(length)) is not None}
        return max(found, key=lambda length: (found[length], length))

    def _z(self, length: int, new: Sequence[DayPerformance]) -> float | None:
        base = len(self.baseline(length))
        each = [found for found in self._each[: len(self._each) - length] if found is not None]
        before, now = self._before(length), self._measured(new)
        if before is None or now is None or len(each) < MIN_BASELINE_STRETCHES:
            return None
        error = sqrt(now.variance + before.variance + between_stretches(each) * (1 / len(new) + 1 / base))
        return (now.value - before.value) / error if error else None

    def _measured(self, parts: Sequence[DayPerformance]) -> Estimate | None:
        return self.measure(parts) if parts else None

    def _before(self, length: int) -> Estimate | None:
        """Of the baseline, which is the same for most lengths."""
        base = self.baseline(length)
        if len(base) not in self._of_baselines:
            self._of_baselines[len(base)] = self._measured(base)
        return self._of_baselines[len(base)]

    @cached_property
    def _of_baselines(self) -> dict[int, Estimate | None]:
        """By how many stretches they have."""
        return {}

    def _without_worst(self, length: int) -> Sequence[DayPerformance]:
        values = [-inf if found is None else found.value for found in self._each[len(self._each) - length :]]
        worst = values.index(max(values))
        return [part for index, part in enumerate(self.newest(length)) if index != worst]

    @cached_property
    def _each(self) -> Sequence[Estimate | None]:
        """Of every stretch alone."""
        return [self.measure([part]) for part in (*self.promised, *self.realised)]

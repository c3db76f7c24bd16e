"""A metric with its variance, from counts of rows: of two classes, or of one against the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt

NORMAL_95 = 1.645
"""Standard errors: of the one-sided interval of 95 %, and so of the two-sided one of 90 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean loss, or a metric, with the variance of what was estimated."""

    value: float
    variance: float

    def interval(self, *, z: float = NORMAL_95) -> tuple[float, float]:
        """By default of 90 %."""
        half = z * sqrt(self.variance)
        return self.value - half, self.value + half


def share(count: float, rows: float) -> Estimate:
    found = count / rows
    return Estimate(value=found, variance=found * (1 - found) / rows)


def f1(hits: float, either: float) -> Estimate:
    """Of the share J of `hits` among rows that are of a class or taken for it, F1 is 2 J / (1 + J)."""
    found = share(hits, either)
    slope = 2 / (1 + found.value) ** 2
    return Estimate(value=2 * found.value / (1 + found.value), variance=slope**2 * found.variance)


def roc_auc(scores: Mapping[int, tuple[float, float]]) -> Estimate | None:
    """`scores`: by cells of what was predicted, the rows without and with the class. With the variance of DeLong et
    al. (Biometrics 44, 1988). Rows in one cell count as ties."""
    cells = [scores[cell] for cell in sorted(scores)]
    negatives, positives = sum(n for n, _ in cells), sum(p for _, p in cells)
    if not negatives or not positives:
        return None
    negatives_to, positives_to = (list(accumulate(each)) for each in zip(*cells, strict=True))
    of_positive = [(to - n / 2) / negatives for (n, _), to in zip(cells, negatives_to, strict=True)]
    of_negative = [(positives - to + p / 2) / positives for (_, p), to in zip(cells, positives_to, strict=True)]
    area = sum(p * found for (_, p), found in zip(cells, of_positive, strict=True)) / positives
    spread = sum(p * (found - area) ** 2 for (_, p), found in zip(cells, of_positive, strict=True))
    other = sum(n * (found - area) ** 2 for (n, _), found in zip(cells, of_negative, strict=True))
    variance = spread / positives / max(1, positives - 1) + other / negatives / max(1, negatives - 1)
    return Estimate(value=area, variance=variance)

"""How good is a model, and how much better than another? With intervals that allow for dependence within a day.

What a day adds to a metric is found by counting it by half more and by half less, the other days as they are: its
influence (the infinitesimal jackknife of Jaeckel, 1972, with a step wide enough for metrics that move in steps). The
interval is that of clustered errors with few clusters: squared influences, each divided by one minus the day's share
of the rows (CR2), and the t distribution with the degrees of freedom of Bell & McCaffrey (Survey Methodology 28,
2002). How often it holds, beside a bootstrap of days and others: `bench/results/intervals.md`.

`weights`, of shape (rows,): how many rows each stands for; None where each is one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evertrain.domain.project.metric import Guard, GuardMetric
from evertrain.domain.training.evaluation import Difference, GuardComparison, Score, SliceComparison, UnusableRows
from evertrain.statistics.metrics import Judging, LoadedMetric, metric_value, weighted_metric
from evertrain.statistics.student import t_quantile
from evertrain.statistics.weighted import Array, Weighted

STEP = 0.5
"""By which a day counts more and less."""

PARTS_OF_A_DAY = 10
"""Where there is a single day, so many stretches of its rows take the place of days."""

Blocks = npt.NDArray[np.int64]
"""Shape (rows,): the day of each row. Rows are in the order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far a metric, or a difference of two, may lie from what very many days would have."""

    standard_error: float
    degrees: float

    def half_width(self, confidence: float) -> float:
        """Of the two-sided interval."""
        return self.standard_error * t_quantile((1 + confidence) / 2, degrees=self.degrees)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedScores:
    """Two models on the same rows. `days`: how many there are of them."""

    champion: float
    contender: float
    spread: Spread
    days: int

    def difference(self, confidence: float, *, together_with: int = 1) -> Difference:
        """Contender minus champion. `together_with`: so many intervals, this one among them, are all to hold with
        this confidence (Bonferroni)."""
        value = self.contender - self.champion
        half = self.spread.half_width(1 - (1 - confidence) / together_with)
        return Difference(
            value=value,
            low=value - half,
            high=value + half,
            standard_error=self.spread.standard_error,
            days=self.days,
        )


def score(
    metric: Judging,
    truth: Array,
    prediction: Array,
    blocks: Blocks,
    *,
    weights: Array | None = None,
    confidence: float,
) -> Score:
    """The metric with its interval. Raises UnusableRows."""
    value = _require_defined(metric, truth, prediction, weights)
    half = spread_over_days(weighted_metric(metric, truth, prediction), blocks, weights).half_width(confidence)
    declared = metric.metric if isinstance(metric, LoadedMetric) else metric
    return Score(metric=declared, value=value, low=value - half, high=value + half, rows=len(truth))


def compare(
    metric: Judging | GuardMetric,
    truth: Array,
    champion: Array,
    contender: Array,
    blocks: Blocks,
    *,
    weights: Array | None = None,
) -> PairedScores:
    """Raises UnusableRows."""
    of_champion, of_contender = weighted_metric(metric, truth, champion), weighted_metric(metric, truth, contender)
    return PairedScores(
        champion=_require_defined(metric, truth, champion, weights),
        contender=_require_defined(metric, truth, contender, weights),
        spread=spread_over_days(lambda counts: of_contender(counts) - of_champion(counts), blocks, weights),
        days=len(np.unique(blocks)),
    )


def compare_by_guards(
    guards: Collection[Guard],
    truth: Array,
    champion: Array,
    contender: Array,
    blocks: Blocks,
    *,
    weights: Array | None = None,
    confidence: float,
) -> tuple[GuardComparison, ...]:
    """`confidence`: with which all intervals hold together. Raises UnusableRows."""
    found = [(each, compare(each, truth, champion, contender, blocks, weights=weights)) for each in guards]
    return tuple(
        GuardComparison(
            metric=metric,
            champion=paired.champion,
            contender=paired.contender,
            difference=paired.difference(confidence, together_with=len(found)),
        )
        for metric, paired in found
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What to compare two models by the groups of. `of_rows`: shape (rows,), the column's value as text.
    `minimum_rows`: a group with fewer has no interval."""

    column: str
    of_rows: npt.NDArray[np.object_]
    minimum_rows: int


def compare_slices(
    metric: Judging,
    truth: Array,
    champion: Array,
    contender: Array,
    blocks: Blocks,
    *,
    slices: Sequence[Levels],
    weights: Array | None = None,
    confidence: float,
) -> tuple[SliceComparison, ...]:
    """Both models on the rows of each level; levels on which the metric is not defined are left out. `confidence`:
    with which all intervals hold together."""
    found: list[tuple[SliceComparison, PairedScores | None]] = []
    for each in slices:
        for level in sorted(set(each.of_rows.tolist())):
            rows = np.flatnonzero(each.of_rows == level)
            counts = None if weights is None else weights[rows]
            values = [metric_value(metric, truth[rows], model[rows], counts) for model in (champion, contender)]
            if not np.all(np.isfinite(values)):
                continue
            paired = None
            if len(rows) >= max(2, each.minimum_rows):
                paired = compare(metric, truth[rows], champion[rows], contender[rows], blocks[rows], weights=counts)
            comparison = SliceComparison(
                column=each.column,
                level=level,
                rows=len(rows),
                champion=values[0],
                contender=values[1],
                difference=None,
            )
            found.append((comparison, paired))
    judged = sum(paired is not None for _, paired in found)
    return tuple(
        comparison
        if paired is None
        else replace(comparison, difference=paired.difference(confidence, together_with=judged))
        for comparison, paired in found
    )


def spread_over_days(value_of: Weighted, blocks: Blocks, weights: Array | None = None) -> Spread:
    """Of what `value_of` answers for row weights. Two rows at least."""
    counts = np.ones(len(blocks)) if weights is None else weights
    _, day_of_row = np.unique(blocks, return_inverse=True)
    if day_of_row.max() == 0:
        day_of_row = np.arange(len(blocks)) * min(PARTS_OF_A_DAY, len(blocks)) // len(blocks)
    shares = np.bincount(day_of_row, weights=counts) / counts.sum()
    influences = np.array([_influence(value_of, counts, day_of_row == day) for day in range(len(shares))])
    return Spread(
        standard_error=float(np.sqrt(np.sum(influences**2 / (1 - shares)))), degrees=degrees_of_freedom(shares)
    )


def _influence(value_of: Weighted, counts: Array, of_day: npt.NDArray[np.bool_]) -> float:
    """How much the value grows with the day's weight, at the rate of one such day more."""
    more, less = (value_of(np.where(of_day, (1 + step) * counts, counts)) for step in (STEP, -STEP))
    return (more - less) / (2 * STEP)


def degrees_of_freedom(shares: Array) -> float:
    """Of the CR2 variance of a weighted mean over days, were rows independent (Bell & McCaffrey, 2002): the number of
    days less one, where all have the same share of the rows, and fewer where few days have most of them.

    >>> degrees_of_freedom(np.array([0.25, 0.25, 0.25, 0.25]))
    3.0
    >>> degrees_of_freedom(np.array([0.7, 0.1, 0.1, 0.1]))
    1.588
    """
    squares = shares**2 / (1 - shares)
    # With d the days' means about the whole's, the variance is d'd weighted by the squares: a quadratic form Q in the
    # means, whose covariance is diagonal with 1 / share. Its degrees are tr(QC)² / tr(QCQC).
    about_whole = np.eye(len(shares)) - shares
    form = about_whole.T * squares @ about_whole / shares
    degrees = np.trace(form) ** 2 / np.sum(form * form.T)
    return round(float(degrees), 3)


def _require_defined(metric: Judging | GuardMetric, truth: Array, prediction: Array, weights: Array | None) -> float:
    if len(truth) < 2:
        raise UnusableRows(f"{metric} has no interval on {len(truth)} rows: two are needed, better hundreds")
    value = metric_value(metric, truth, prediction, weights)
    if not np.isfinite(value):
        raise UnusableRows(f"{metric} is not defined on these {len(truth)} rows: all have the same truth")
    return value

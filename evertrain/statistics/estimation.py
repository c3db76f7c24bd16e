"""How good predictions probably are whose labels have not come yet.

Of a classifier, from what it is sure of: its probabilities, calibrated on days with labels, say how many rows of each
class lie in each cell of the scores, and so what the metric would be (confidence-based performance estimation, CBPE,
as NannyML describes it). Of a predicted number, from the mean loss of predictions like it; so of more than two
classes, by the loss that the model itself expects of a row. Either sees that rows are
harder than before, and is blind to a world in which the same features mean something else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evertrain.domain.monitoring.estimates import Estimate, share
from evertrain.domain.monitoring.performance import (
    Confusion,
    DayPerformance,
    DayPredictions,
    Sums,
    loss_name,
    metric_of_sums,
    realised_metric,
)
from evertrain.domain.monitoring.series import between_stretches
from evertrain.domain.project.metric import Metric, ModelMetric, Task
from evertrain.statistics.performance import CELLS_PER_UNIT

MAX_KNOWN_DAYS = 14
"""The newest with labels: older ones tell of another base rate."""

MIN_KNOWN_DAYS = 3
MIN_ROWS_OF_A_BIN = 40
NEWTON_STEPS = 50
SMALLEST_STEP = 1e-9
MAX_ODDS = 30.0
"""Beyond these log odds a probability is 0 or 1 in any case."""

PRIOR_PRECISION = 1.0
"""Of a normal prior around a slope of 1 and an intercept of 0: a model is taken to be calibrated until rows tell
otherwise."""

Numbers = npt.NDArray[np.float64]
Cells = Mapping[int, int]


_OF_CONFIDENCE = (Metric.ACCURACY_SCORE, Metric.LOG_LOSS, Metric.BRIER_SCORE_LOSS)
"""What follows, of more than two classes, from how sure the model is of each row."""


def is_estimated(metric: ModelMetric, known: Sequence[DayPerformance]) -> bool:
    """Whether the metric is one of those that can be, of more than two classes."""
    return not known or known[-1].by_class is None or metric in _OF_CONFIDENCE


def estimate_metric(
    metric: ModelMetric, known: Sequence[DayPerformance], predicted: Sequence[DayPredictions]
) -> Estimate | None:
    """The metric of all rows of these days together. None where too few days have labels, or where it can't be
    estimated, as R² can't.

    `known`: days with labels, the newest last. The variance holds how much rows vary by chance, and how far estimates
    of days with labels, each made without its own, lay from what came.
    """
    known = known[-MAX_KNOWN_DAYS:]
    if len(known) < MIN_KNOWN_DAYS or not any(day.rows for day in predicted):
        return None
    estimate = _calibrate(metric, known).metric_of(_add_cells([day.cells for day in predicted]))
    if estimate is None:
        return None
    missed = [
        Estimate(value=one.value - found.value, variance=found.variance)
        for index, day in enumerate(known)
        if (found := realised_metric(metric, day)) is not None
        and (one := _calibrate(metric, [*known[:index], *known[index + 1 :]]).metric_of(_cells_of(day))) is not None
    ]
    if len(missed) < MIN_KNOWN_DAYS:
        return None
    of_days = between_stretches(missed) * (1 / len(predicted) + 1 / len(missed))
    of_calibration = np.mean([each.variance for each in missed]) / len(missed)
    return Estimate(value=estimate.value, variance=estimate.variance + of_days + float(of_calibration))


def estimate_day(metric: ModelMetric, known: Sequence[DayPerformance], predicted: DayPredictions) -> Estimate | None:
    """As `estimate_metric`, of one day, without a look at how earlier estimates did: the variance is that of rows."""
    if len(known) < MIN_KNOWN_DAYS or not predicted.rows:
        return None
    return _calibrate(metric, known[-MAX_KNOWN_DAYS:]).metric_of(predicted.cells)


def estimate_loss(metric: ModelMetric, known: Sequence[DayPerformance], predicted: Sequence[DayPredictions]) -> float:
    """The mean loss of a row. `known`: one day at least."""
    return _calibrate(metric, known[-MAX_KNOWN_DAYS:]).losses_of(_add_cells([day.cells for day in predicted])).mean


@dataclass(frozen=True, kw_only=True)
class _Probabilities:
    """The log odds of class 1 are `intercept + slope * log odds of the prediction` (Platt, 1999)."""

    metric: ModelMetric
    intercept: float
    slope: float

    def metric_of(self, cells: Cells) -> Estimate | None:
        odds = _log_odds(cells)
        positive = self._positive(odds)
        counts = np.array(list(cells.values()), dtype=np.float64)
        negatives, positives = counts * (1 - positive), counts * positive
        taken = np.where(odds > 0, 1.0, np.where(odds < 0, 0.0, 0.5))  # the cell around one half is of both kinds
        confusion = Confusion(
            true_negatives=float(negatives @ (1 - taken)),
            false_positives=float(negatives @ taken),
            false_negatives=float(positives @ (1 - taken)),
            true_positives=float(positives @ taken),
        )
        return metric_of_sums(
            self.metric,
            scores=dict(zip(cells, zip(negatives, positives, strict=True), strict=True)),
            confusion=confusion,
            losses=self.losses_of(cells),
            truth=Sums(),
        )

    def losses_of(self, cells: Cells) -> Sums:
        odds = _log_odds(cells)
        positive, predicted = self._positive(odds), _sigmoid(odds)
        if_negative, if_positive = (
            (predicted**2, (1 - predicted) ** 2)
            if loss_name(self.metric) == "squared error"
            else (-np.log1p(-predicted), -np.log(predicted))
        )
        means = (1 - positive) * if_negative + positive * if_positive
        variances = positive * (1 - positive) * (if_positive - if_negative) ** 2
        return _pool(np.array(list(cells.values())), means, variances)

    def expected(self, cells: Cells) -> float:
        """How many of these rows are of class 1."""
        return float(np.array(list(cells.values()), dtype=np.float64) @ self._positive(_log_odds(cells)))

    def _positive(self, odds: Numbers) -> Numbers:
        return _sigmoid(self.intercept + self.slope * odds)


@dataclass(frozen=True, kw_only=True)
class _LossCurve:
    """The loss by what was predicted, in bins of neighbouring cells. `ends`: the last cell of each bin, ascending."""

    metric: ModelMetric
    ends: npt.NDArray[np.int64]
    means: Numbers
    variances: Numbers

    def metric_of(self, cells: Cells) -> Estimate | None:
        return metric_of_sums(
            self.metric, scores={}, confusion=Confusion(), losses=self.losses_of(cells), truth=Sums()
        )

    def losses_of(self, cells: Cells) -> Sums:
        bins = np.minimum(np.searchsorted(self.ends, list(cells)), len(self.ends) - 1)
        return _pool(np.array(list(cells.values())), self.means[bins], self.variances[bins])


@dataclass(frozen=True, kw_only=True)
class _Confidence:
    """Of more than two classes: how often the most probable one is right, and the loss, by how sure the model is. The
    other metrics follow from neither."""

    metric: ModelMetric
    right: _Probabilities
    losses: _LossCurve

    def metric_of(self, cells: Cells) -> Estimate | None:
        if self.metric is Metric.ACCURACY_SCORE:
            counts = np.array(list(cells.values()), dtype=np.float64)
            return share(self.right.expected(cells), float(counts.sum()))
        return self.losses.metric_of(cells) if self.metric in _OF_CONFIDENCE else None

    def losses_of(self, cells: Cells) -> Sums:
        return self.losses.losses_of(cells)


def _calibrate(metric: ModelMetric, known: Sequence[DayPerformance]) -> _Probabilities | _LossCurve | _Confidence:
    if known[-1].by_class is not None:
        return _Confidence(
            metric=metric, right=_fit_probabilities(metric, known), losses=_fit_loss_curve(metric, known)
        )
    if metric.task is Task.CLASSIFICATION:
        return _fit_probabilities(metric, known)
    return _fit_loss_curve(metric, known)


def _fit_probabilities(metric: ModelMetric, known: Sequence[DayPerformance]) -> _Probabilities:
    """By Newton's method on the counts, with a weak prior."""
    cells = sorted({cell for day in known for cell in day.scores})
    positives, rows = np.zeros(len(cells)), np.zeros(len(cells))
    place = {cell: index for index, cell in enumerate(cells)}
    for day in known:
        for cell, (negative, positive) in day.scores.items():
            positives[place[cell]] += positive
            rows[place[cell]] += negative + positive
    odds = np.array(cells) / CELLS_PER_UNIT
    design = np.stack([np.ones(len(odds)), odds])
    prior = np.array([0.0, 1.0])
    found = prior.copy()
    for _ in range(NEWTON_STEPS):
        expected = _sigmoid(found @ design)
        gradient = design @ (positives - rows * expected) - PRIOR_PRECISION * (found - prior)
        curvature = (design * (rows * expected * (1 - expected))) @ design.T + PRIOR_PRECISION * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        length = float(np.abs(step).max())
        found = found + step / max(1.0, length)  # a long one would overshoot where classes are nearly separable
        if length < SMALLEST_STEP:
            break
    return _Probabilities(metric=metric, intercept=float(found[0]), slope=float(found[1]))


def _fit_loss_curve(metric: ModelMetric, known: Sequence[DayPerformance]) -> _LossCurve:
    of_cells: dict[int, Sums] = {}
    for day in known:
        for cell, losses in day.loss_by_prediction.items():
            of_cells[cell] = of_cells.get(cell, Sums()) + losses
    ends, bins, waiting = [], [], Sums()
    for cell in sorted(of_cells):
        waiting += of_cells[cell]
        if waiting.count >= MIN_ROWS_OF_A_BIN:
            ends.append(cell)
            bins.append(waiting)
            waiting = Sums()
    if waiting.count and bins:
        bins[-1] += waiting
    elif waiting.count:
        ends, bins = [max(of_cells)], [waiting]
    return _LossCurve(
        metric=metric,
        ends=np.array(ends, dtype=np.int64),
        means=np.array([each.mean for each in bins]),
        variances=np.array([each.variance for each in bins]),
    )


def _cells_of(day: DayPerformance) -> Cells:
    if day.scores:
        return {cell: negative + positive for cell, (negative, positive) in day.scores.items()}
    return {cell: losses.count for cell, losses in day.loss_by_prediction.items()}


def _add_cells(several: Sequence[Cells]) -> Cells:
    found: dict[int, int] = {}
    for cells in several:
        for cell, count in cells.items():
            found[cell] = found.get(cell, 0) + count
    return found


def _pool(counts: npt.NDArray[np.int64], means: Numbers, variances: Numbers) -> Sums:
    """Of rows whose numbers, means and variances are known in groups."""
    rows = int(counts.sum())
    mean = float(np.average(means, weights=counts))
    return Sums(count=rows, mean=mean, spread=float((counts * (variances + (means - mean) ** 2)).sum()))


def _log_odds(cells: Cells) -> Numbers:
    return np.array(list(cells), dtype=np.float64) / CELLS_PER_UNIT


def _sigmoid(odds: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -MAX_ODDS, MAX_ODDS))))

"""How good a model's predictions turned out to be, day by day: sums that add, so that any stretch of days is the sum
of its parts. Values only: `statistics.performance` makes them from rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from math import sqrt
from operator import add
from statistics import fmean

from evertrain.domain.monitoring.class_counts import ClassCounts, metric_of_counts
from evertrain.domain.monitoring.estimates import Estimate, f1, roc_auc, share
from evertrain.domain.project.metric import OF_MORE_CLASSES, Metric, ModelMetric, OwnMetric, PinballLoss, Task

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Of some numbers: how many there are, their mean, and the sum of their squared distances from it. Merged as by
    Chan, Golub & LeVeque (Stanford STAN-CS-79-773, 1979): also where the mean is large, nothing is lost."""

    count: int = 0
    mean: float = 0.0
    spread: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return total_of((self, other))

    @property
    def variance(self) -> float:
        """Of a single number, estimated without bias; 0 for one."""
        return self.spread / (self.count - 1) if self.count > 1 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Rows by their class and by what they are taken for; estimated ones are no whole numbers."""

    true_negatives: float = 0
    false_positives: float = 0
    false_negatives: float = 0
    true_positives: float = 0

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(
            true_negatives=self.true_negatives + other.true_negatives,
            false_positives=self.false_positives + other.false_positives,
            false_negatives=self.false_negatives + other.false_negatives,
            true_positives=self.true_positives + other.true_positives,
        )

    @property
    def negatives(self) -> float:
        return self.true_negatives + self.false_positives

    @property
    def positives(self) -> float:
        return self.true_positives + self.false_negatives


NOBODY = Confusion()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLoss:
    """The losses of the rows in which a column has one level, such as `origin` and `JFK`."""

    column: str
    level: str
    losses: Sums

    @property
    def name(self) -> str:
        return f"{self.column}={self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLoss:
    """One row that was predicted badly, for a person to look at. `key`: of its entity. Of more than two classes,
    `prediction` is the probability of the class that the row was taken for."""

    key: str
    event_time: datetime
    prediction: float
    truth: float
    loss: float
    taken_for: str = ""
    true_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPerformance:
    """One model version on the matured rows of one UTC day of event time.

    `until`: the label watermark then; the day is complete if it is over by then. `losses`: of single rows, by
    `loss_name(metric)`. `truth`: of the labels. `scores`: for a classifier, by cells of its log odds (see
    `statistics.performance.prediction_cells`), the rows of class 0 and of class 1; `confusion`: by
    class, for which class they are taken, for 1 above one half. `loss_by_prediction`: where a
    number is predicted, by cells of it, the losses. Of more than two classes, `by_class` says what `confusion` does
    of two; `loss_by_prediction` is by cells of the loss that the model itself expects of a row; for accuracy by its
    highest probability, and `scores` by the same are the rows that are not of that class and those that are.
    `groups`: of frequent levels.
    `worst`: a few rows with the largest losses, the largest first; none of several days together.
    """

    day: datetime
    until: datetime
    losses: Sums
    truth: Sums
    scores: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    confusion: Confusion = NOBODY
    loss_by_prediction: Mapping[int, Sums] = field(default_factory=dict)
    by_class: ClassCounts | None = None
    groups: tuple[GroupLoss, ...] = ()
    worst: tuple[RowLoss, ...] = ()

    @property
    def rows(self) -> int:
        return self.losses.count

    @property
    def is_complete(self) -> bool:
        return self.until >= self.day + DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPredictions:
    """What one model version predicts for the rows of one UTC day, be their labels known or not.

    `until`: the newest row then; the day is complete if it is over by then. `cells`: how many rows by cells of the
    prediction (see `statistics.performance.prediction_cells`), of more than two classes as `DayPerformance` has it.
    """

    day: datetime
    until: datetime
    cells: Mapping[int, int]

    @property
    def rows(self) -> int:
        return sum(self.cells.values())

    @property
    def is_complete(self) -> bool:
        return self.until >= self.day + DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Of one model version, the earliest day first. `promised`: on the gate's rows, by what the gate judged.
    `realised`: on rows that it has not learnt from, as their labels came in. `predicted`: on the same, and on those
    that have no labels yet."""

    model: str
    version: str
    promised: tuple[DayPerformance, ...]
    realised: tuple[DayPerformance, ...]
    predicted: tuple[DayPredictions, ...] = ()

    @property
    def labelled(self) -> tuple[DayPerformance, ...]:
        return (*self.promised, *self.realised)

    @property
    def awaited(self) -> tuple[DayPredictions, ...]:
        """The days that no labels are known of yet."""
        labelled = self.labelled
        return tuple(day for day in self.predicted if not labelled or day.day > labelled[-1].day)


def loss_name(metric: ModelMetric) -> str:
    """By which single rows are judged where the metric is one of many rows together."""
    if isinstance(metric, PinballLoss):
        return "pinball loss"
    if isinstance(metric, OwnMetric):
        return "squared error" if metric.task is Task.CLASSIFICATION else "absolute error"
    return _LOSSES[metric]


_LOSSES = {
    Metric.ROC_AUC_SCORE: "squared error",
    Metric.AVERAGE_PRECISION_SCORE: "squared error",
    Metric.ACCURACY_SCORE: "squared error",
    Metric.BALANCED_ACCURACY_SCORE: "squared error",
    Metric.F1_SCORE: "squared error",
    Metric.F1_MACRO_SCORE: "squared error",
    Metric.F1_WEIGHTED_SCORE: "squared error",
    Metric.ROC_AUC_OVR_SCORE: "squared error",
    Metric.ROC_AUC_OVR_WEIGHTED_SCORE: "squared error",
    Metric.BRIER_SCORE_LOSS: "squared error",
    Metric.LOG_LOSS: "log loss",
    Metric.MEAN_ABSOLUTE_ERROR: "absolute error",
    Metric.MEAN_ABSOLUTE_PERCENTAGE_ERROR: "absolute percentage error",
    Metric.ROOT_MEAN_SQUARED_ERROR: "squared error",
    Metric.R2_SCORE: "squared error",
}


def merge_days(days: Sequence[DayPerformance], *, with_groups: bool = True) -> DayPerformance:
    """One stretch of days: its `day` is the first one's, its `until` the last one's."""
    scores: dict[int, tuple[int, int]] = {}
    groups: dict[tuple[str, str], Sums] = {}
    for each in days:
        for cell, (negatives, positives) in each.scores.items():
            before = scores.get(cell, (0, 0))
            scores[cell] = (before[0] + negatives, before[1] + positives)
        for group in each.groups if with_groups else ():
            key = (group.column, group.level)
            groups[key] = groups.get(key, Sums()) + group.losses
    return DayPerformance(
        day=days[0].day,
        until=days[-1].until,
        losses=total_of(each.losses for each in days),
        truth=total_of(each.truth for each in days),
        scores=scores,
        confusion=sum((each.confusion for each in days if each.confusion is not NOBODY), start=NOBODY),
        by_class=reduce(add, counts) if (counts := [each.by_class for each in days if each.by_class]) else None,
        groups=tuple(GroupLoss(column=key[0], level=key[1], losses=losses) for key, losses in groups.items()),
    )


def losses_of_group(days: Sequence[DayPerformance], name: str) -> Sums:
    """`name`: of a `GroupLoss`, such as `origin=JFK`."""
    return total_of(group.losses for day in days for group in day.groups if group.name == name)


def mean_loss(losses: Sums) -> Estimate:
    return Estimate(value=losses.mean, variance=losses.variance / losses.count)


def metric_over_days(metric: ModelMetric, days: Sequence[DayPerformance]) -> Estimate | None:
    """The metric of all rows of these days. Its variance is found by leaving out one day after the other, since rows
    of a day have something in common (jackknife; Tukey, Ann. Math. Statist. 29, 1958)."""
    pooled = realised_metric(metric, merge_days(days, with_groups=False)) if days else None
    if pooled is None or len(days) < MIN_DAYS_TO_COMPARE:
        return pooled
    without_each = (merge_days([*days[:index], *days[index + 1 :]], with_groups=False) for index in range(len(days)))
    values = [found.value for part in without_each if (found := realised_metric(metric, part)) is not None]
    mean = fmean(values)
    spread = sum((value - mean) ** 2 for value in values) * (len(days) - 1) / len(days)
    return Estimate(value=pooled.value, variance=max(pooled.variance, spread))


MIN_DAYS_TO_COMPARE = 3


def realised_metric(metric: ModelMetric, part: DayPerformance) -> Estimate | None:
    """The metric of a stretch of days; None where it is not defined, as ROC AUC is for rows of one class.

    Its variance is that of so many independent rows.
    """
    if not part.rows:
        return None
    return metric_of_sums(
        metric,
        scores=part.scores,
        confusion=part.confusion,
        losses=part.losses,
        truth=part.truth,
        by_class=part.by_class,
    )


def metric_of_sums(
    metric: ModelMetric,
    *,
    scores: Mapping[int, tuple[float, float]],
    confusion: Confusion,
    losses: Sums,
    truth: Sums,
    by_class: ClassCounts | None = None,
) -> Estimate | None:
    """`scores`, `confusion`, `losses`, `truth`, `by_class`: as of a `DayPerformance`. None where the metric is not
    defined, and of a model's own: its function is where models are trained, and what it answers need not add."""
    if metric in OF_MORE_CLASSES or (by_class is not None and metric in _OF_CONFUSION):
        return None if by_class is None else metric_of_counts(metric, by_class)
    if metric is Metric.ROC_AUC_SCORE:
        return roc_auc(scores)
    if metric is Metric.AVERAGE_PRECISION_SCORE:
        return _average_precision(scores)
    if isinstance(metric, Metric) and metric in _OF_CONFUSION:
        return _OF_CONFUSION[metric](confusion)
    return None if isinstance(metric, OwnMetric) else _metric_of_losses(metric, losses, truth)


def _metric_of_losses(metric: Metric | PinballLoss, losses: Sums, truth: Sums) -> Estimate | None:
    loss = mean_loss(losses)
    if metric is Metric.ROOT_MEAN_SQUARED_ERROR:
        root = sqrt(loss.value)
        return Estimate(value=root, variance=loss.variance / (4 * loss.value) if root else 0.0)
    if metric is Metric.R2_SCORE:
        spread = truth.spread / truth.count if truth.count else 0.0
        return Estimate(value=1 - loss.value / spread, variance=loss.variance / spread**2) if spread else None
    return loss


def total_of(several: Iterable[Sums]) -> Sums:
    """Without a value for each sum in between: decisions ask for many."""
    count, mean, spread = 0, 0.0, 0.0
    for each in several:
        if not each.count:
            continue
        if not count:
            count, mean, spread = each.count, each.mean, each.spread
            continue
        both, apart = count + each.count, each.mean - mean
        spread = spread + each.spread + apart * apart * count * each.count / both
        mean = mean + apart * each.count / both
        count = both
    return Sums(count=count, mean=mean, spread=spread)


def _average_precision(scores: Mapping[int, tuple[float, float]]) -> Estimate | None:
    """Its variance as that of a share of so many positives: a bound, near enough to compare stretches by."""
    positives = sum(p for _, p in scores.values())
    if not positives:
        return None
    found = predicted = total = 0.0
    for cell in sorted(scores, reverse=True):
        negative, positive = scores[cell]
        found, predicted = found + positive, predicted + negative + positive
        total += positive * found / predicted
    value = total / positives
    return Estimate(value=value, variance=value * (1 - value) / positives)


def _accuracy(found: Confusion) -> Estimate | None:
    rows = found.negatives + found.positives
    return share(found.true_negatives + found.true_positives, rows) if rows else None


def _balanced_accuracy(found: Confusion) -> Estimate | None:
    if not found.negatives or not found.positives:
        return None
    of_negatives = share(found.true_negatives, found.negatives)
    of_positives = share(found.true_positives, found.positives)
    return Estimate(
        value=(of_negatives.value + of_positives.value) / 2,
        variance=(of_negatives.variance + of_positives.variance) / 4,
    )


def _f1(found: Confusion) -> Estimate | None:
    if not found.positives:
        return None
    return f1(found.true_positives, found.positives + found.false_positives)


_OF_CONFUSION: Mapping[Metric, Callable[[Confusion], Estimate | None]] = {
    Metric.ACCURACY_SCORE: _accuracy,
    Metric.BALANCED_ACCURACY_SCORE: _balanced_accuracy,
    Metric.F1_SCORE: _f1,
}

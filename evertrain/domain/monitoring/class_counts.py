"""What adds from day to day of a model of more than two classes, and the metrics that follow from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evertrain.domain.monitoring.estimates import Estimate, f1, roc_auc, share
from evertrain.domain.project.metric import Metric, ModelMetric

Cells = Mapping[int, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """`confusion`: how many rows of each class, the first index, are taken for each. `scores`: of each class, by
    cells of its probability (`statistics.performance.prediction_cells`), the rows of the others and its own; empty
    unless the metric needs them, since of many classes they are many."""

    confusion: tuple[tuple[float, ...], ...]
    scores: tuple[Cells, ...] = ()

    def __add__(self, other: "ClassCounts") -> "ClassCounts":
        """A class that one of them does not know has no rows there."""
        size = max(len(self.confusion), len(other.confusion))
        return ClassCounts(
            confusion=tuple(
                tuple(self._at(truth, taken) + other._at(truth, taken) for taken in range(size))
                for truth in range(size)
            ),
            scores=tuple(_add(self._cells(each), other._cells(each)) for each in range(size))
            if self.scores or other.scores
            else (),
        )

    @property
    def rows_of_class(self) -> list[float]:
        return [sum(row) for row in self.confusion]

    @property
    def taken_for_class(self) -> list[float]:
        return [sum(column) for column in zip(*self.confusion, strict=True)]

    @property
    def hits(self) -> list[float]:
        return [row[place] for place, row in enumerate(self.confusion)]

    def _at(self, truth: int, taken: int) -> float:
        return self.confusion[truth][taken] if max(truth, taken) < len(self.confusion) else 0

    def _cells(self, number: int) -> Cells:
        return self.scores[number] if number < len(self.scores) else {}


def _add(one: Cells, other: Cells) -> Cells:
    found = dict(one)
    for cell, (others, own) in other.items():
        before = found.get(cell, (0, 0))
        found[cell] = (before[0] + others, before[1] + own)
    return found


def metric_of_counts(metric: ModelMetric, counts: ClassCounts) -> Estimate | None:
    """None of what does not follow from them, or is not defined: of rows of one class alone. A variance is that of so
    many independent rows, with classes taken as independent too."""
    if not any(counts.rows_of_class):
        return None
    found = _OF_COUNTS.get(metric) if isinstance(metric, Metric) else None
    return None if found is None else found(counts)


def _accuracy(counts: ClassCounts) -> Estimate | None:
    return share(sum(counts.hits), sum(counts.rows_of_class))


def _balanced_accuracy(counts: ClassCounts) -> Estimate | None:
    there = [(hits, rows) for hits, rows in zip(counts.hits, counts.rows_of_class, strict=True) if rows]
    return _mean([share(hits, rows) for hits, rows in there], [1.0] * len(there))


def _f1(*, by_rows: bool) -> Callable[[ClassCounts], Estimate | None]:
    def of_counts(counts: ClassCounts) -> Estimate | None:
        several = zip(counts.hits, counts.rows_of_class, counts.taken_for_class, strict=True)
        there = [(hits, rows, rows + taken - hits) for hits, rows, taken in several if rows or taken]
        return _mean(
            [f1(hits, either) for hits, _, either in there], [rows if by_rows else 1 for _, rows, _ in there]
        )

    return of_counts


def _roc_auc_ovr(*, by_rows: bool) -> Callable[[ClassCounts], Estimate | None]:
    def of_counts(counts: ClassCounts) -> Estimate | None:
        several = zip(map(roc_auc, counts.scores), counts.rows_of_class, strict=False)
        there = [(area, rows) for area, rows in several if area is not None]
        return _mean([area for area, _ in there], [rows if by_rows else 1 for _, rows in there])

    return of_counts


def _mean(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate | None:
    total = sum(weights)
    if not total:
        return None
    shares = [weight / total for weight in weights]
    return Estimate(
        value=sum(part * each.value for part, each in zip(shares, estimates, strict=True)),
        variance=sum(part**2 * each.variance for part, each in zip(shares, estimates, strict=True)),
    )


NEEDS_SCORES = (Metric.ROC_AUC_OVR_SCORE, Metric.ROC_AUC_OVR_WEIGHTED_SCORE)

_OF_COUNTS: Mapping[Metric, Callable[[ClassCounts], Estimate | None]] = {
    Metric.ACCURACY_SCORE: _accuracy,
    Metric.BALANCED_ACCURACY_SCORE: _balanced_accuracy,
    Metric.F1_MACRO_SCORE: _f1(by_rows=False),
    Metric.F1_WEIGHTED_SCORE: _f1(by_rows=True),
    Metric.ROC_AUC_OVR_SCORE: _roc_auc_ovr(by_rows=False),
    Metric.ROC_AUC_OVR_WEIGHTED_SCORE: _roc_auc_ovr(by_rows=True),
}

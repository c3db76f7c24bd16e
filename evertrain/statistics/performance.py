"""Realised performance from rows: for each day sums that add, in place of the rows.

ROC AUC and average precision come from counts of scores by class, in cells that are fixed for all models and times,
so that they add too: a twelfth of a unit of log odds moves ROC AUC by less than a thousandth.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.monitoring.class_counts import NEEDS_SCORES, ClassCounts
from evertrain.domain.monitoring.performance import (
    DAY,
    Confusion,
    DayPerformance,
    DayPredictions,
    GroupLoss,
    RowLoss,
    Sums,
    loss_name,
)
from evertrain.domain.project.metric import Metric, ModelMetric, PinballLoss, Task
from evertrain.statistics.class_metrics import log_losses, most_probable, squared_errors
from evertrain.statistics.layouts import Categories, Column
from evertrain.statistics.metrics import HALF, pinball_losses

CELLS_PER_UNIT = 12
"""Of log odds."""

MAX_LOG_ODDS = 12.0

MANTISSA_BITS = 3
"""Of a predicted number: eight cells from each power of two to the next."""

MIN_EXPECTED_LOSS = 2.0**-10
"""Of a row's classes, as the model has it: below, it is sure, and cells need not tell how sure."""

MAX_LEVELS = 20
"""Of a column, the most frequent ones of a day: what is rarer says little of itself."""

ROWS_NAMED = 3
"""Of a day: what a person can look at."""

_TINY = np.finfo(np.float64).eps

Numbers = npt.NDArray[np.float64]


def performance_by_day(
    metric: ModelMetric,
    *,
    truth: Numbers,
    predictions: Numbers,
    days: npt.NDArray[np.int64],
    columns: Mapping[str, Column],
    until: datetime,
    name_row: Callable[[int], tuple[str, datetime]] | None = None,
    classes: Sequence[str] = (),
) -> Iterator[DayPerformance]:
    """The earliest day first. `truth`, `predictions`, `days`: shape (rows,), of more than two classes `predictions`
    (rows, classes); a day is counted from 1970. `columns`:
    by whose levels losses are told apart: text, or flags as 0 and 1. `until`: before which labels are complete.
    `name_row`: of a row's place, its key and time; without it no row is named. `classes`: how more than two are."""
    losses = row_losses(metric, truth, predictions)
    for number in np.unique(days):
        rows = np.flatnonzero(days == number)
        day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(number))
        yield DayPerformance(
            day=day,
            until=min(until, day + DAY),
            losses=_sums(losses[rows]),
            truth=_sums(truth[rows]),
            **_by_prediction(metric, truth[rows], predictions[rows], losses[rows]),
            groups=tuple(_groups(columns, rows, losses[rows])),
            worst=()
            if name_row is None
            else tuple(_worst(rows, losses, truth, predictions, name_row=name_row, classes=classes)),
        )


def _by_prediction(metric: ModelMetric, truth: Numbers, predictions: Numbers, losses: Numbers) -> dict[str, Any]:
    """The fields that tell rows apart by what was predicted of them."""
    if predictions.ndim > 1:
        counts = _class_counts(truth.astype(np.int64), predictions, with_scores=metric in NEEDS_SCORES)
        right = (most_probable(predictions) == truth).astype(np.float64)
        return {
            "scores": _scores(right, predictions.max(axis=1)) if metric is Metric.ACCURACY_SCORE else {},
            "by_class": counts,
            "loss_by_prediction": _loss_by_cell(_certainty_cells(metric, predictions), losses),
        }
    if metric.task is Task.CLASSIFICATION:
        return {"scores": _scores(truth, predictions), "confusion": _confusion(truth, predictions)}
    return {"loss_by_prediction": _loss_by_cell(prediction_cells(metric.task, predictions), losses)}


def _class_counts(truth: npt.NDArray[np.int64], probabilities: Numbers, *, with_scores: bool) -> ClassCounts:
    classes = range(probabilities.shape[1])
    cells = len(classes) * truth + most_probable(probabilities)
    confusion = np.bincount(cells, minlength=len(classes) ** 2).reshape(len(classes), -1)
    scores = (_scores((truth == each).astype(np.float64), probabilities[:, each]) for each in classes)
    return ClassCounts(
        confusion=tuple(map(tuple, confusion.astype(np.float64).tolist())),
        scores=tuple(scores) if with_scores else (),
    )


def _worst(
    rows: npt.NDArray[np.intp],
    losses: Numbers,
    truth: Numbers,
    predictions: Numbers,
    *,
    name_row: Callable[[int], tuple[str, datetime]],
    classes: Sequence[str],
) -> Iterator[RowLoss]:
    for row in rows[np.argsort(-losses[rows], kind="stable")[:ROWS_NAMED]]:
        key, event_time = name_row(int(row))
        yield RowLoss(
            key=key,
            event_time=event_time,
            prediction=float(np.max(predictions[row])),
            truth=float(truth[row]),
            loss=float(losses[row]),
            taken_for=classes[int(np.argmax(predictions[row]))] if classes else "",
            true_class=classes[int(truth[row])] if classes else "",
        )


def row_losses(metric: ModelMetric, truth: Numbers, predictions: Numbers) -> Numbers:
    """Shape (rows,): what each row adds to the metric, or to its stand-in where the metric is one of many rows."""
    if isinstance(metric, PinballLoss):
        return pinball_losses(truth, predictions, metric.quantile)
    name = loss_name(metric)
    if predictions.ndim > 1:
        return (log_losses if name == "log loss" else squared_errors)(truth.astype(np.int64), predictions)
    if name == "squared error":
        return np.asarray((truth - predictions) ** 2)
    if name == "absolute error":
        return np.asarray(np.abs(truth - predictions))
    if name == "absolute percentage error":
        return np.asarray(np.abs(truth - predictions) / np.maximum(np.abs(truth), _TINY))
    clipped = np.clip(predictions, _TINY, 1 - _TINY)
    return np.asarray(-(truth * np.log(clipped) + (1 - truth) * np.log(1 - clipped)))


def _confusion(truth: Numbers, predictions: Numbers) -> Confusion:
    positive, taken = truth > 0, predictions > HALF
    return Confusion(
        true_negatives=int(np.sum(~positive & ~taken)),
        false_positives=int(np.sum(~positive & taken)),
        false_negatives=int(np.sum(positive & ~taken)),
        true_positives=int(np.sum(positive & taken)),
    )


def _sums(values: Numbers) -> Sums:
    mean = float(values.mean())
    return Sums(count=len(values), mean=mean, spread=float(((values - mean) ** 2).sum()))


def prediction_cells(task: Task, predictions: Numbers) -> npt.NDArray[np.int64]:
    """Shape (rows,): the cell of each prediction, the same for all models and times, ascending with it: of a
    probability by its log odds, of a number by sign, exponent and the first bits of its mantissa."""
    if task is Task.CLASSIFICATION:
        clipped = np.clip(predictions, _TINY, 1 - _TINY)
        odds = np.clip(np.log(clipped) - np.log1p(-clipped), -MAX_LOG_ODDS, MAX_LOG_ODDS)
        return np.asarray(np.rint(odds * CELLS_PER_UNIT).astype(np.int64))
    magnitude = np.abs(predictions).astype(np.float32).view(np.int32) >> (23 - MANTISSA_BITS)
    return np.asarray(np.where(predictions < 0, -1 - magnitude, magnitude).astype(np.int64))


def _certainty_cells(metric: ModelMetric, probabilities: Numbers) -> npt.NDArray[np.int64]:
    """Shape (rows,): the cell of how good a row's prediction can be expected to be, by the model itself: the
    probability of the most probable class, or the loss to be expected. From that alone it follows how good it will
    be, if the model is calibrated, whatever else is in the row."""
    if metric is Metric.ACCURACY_SCORE:
        return prediction_cells(Task.CLASSIFICATION, probabilities.max(axis=1))
    if loss_name(metric) == "log loss":
        expected = -(probabilities * np.log(np.maximum(probabilities, _TINY))).sum(axis=1)
    else:
        expected = 1 - (probabilities**2).sum(axis=1)
    return prediction_cells(Task.REGRESSION, np.maximum(expected, MIN_EXPECTED_LOSS))


def count_predictions(
    metric: ModelMetric, predictions: Numbers, days: npt.NDArray[np.int64], *, until: datetime
) -> Iterator[DayPredictions]:
    """The earliest day first. `predictions`, `days`: shape (rows,); a day is counted from 1970. Of more than two
    classes, `predictions` of shape (rows, classes), by how sure they are."""
    if predictions.ndim > 1:
        cells = _certainty_cells(metric, predictions)
    else:
        cells = prediction_cells(metric.task, predictions)
    for number in np.unique(days):
        day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(number))
        found, counts = np.unique(cells[days == number], return_counts=True)
        by_cell = dict(zip(found.tolist(), counts.tolist(), strict=True))
        yield DayPredictions(day=day, until=min(until, day + DAY), cells=by_cell)


def _loss_by_cell(cells: npt.NDArray[np.int64], losses: Numbers) -> dict[int, Sums]:
    return {int(cell): _sums(losses[cells == cell]) for cell in np.unique(cells)}


def _scores(truth: Numbers, predictions: Numbers) -> dict[int, tuple[int, int]]:
    cells, index = np.unique(prediction_cells(Task.CLASSIFICATION, predictions), return_inverse=True)
    positives = np.bincount(index, weights=truth, minlength=len(cells)).astype(np.int64)
    negatives = np.bincount(index, minlength=len(cells)) - positives
    counted = zip(cells.tolist(), negatives.tolist(), positives.tolist(), strict=True)
    return {cell: (negative, positive) for cell, negative, positive in counted}


def _groups(columns: Mapping[str, Column], rows: npt.NDArray[np.intp], losses: Numbers) -> Iterator[GroupLoss]:
    """`losses`: of these rows."""
    for name, column in columns.items():
        if isinstance(column, Categories):
            codes, levels = column.codes[rows], column.levels
        else:
            flags = column[rows]
            codes, levels = np.where(np.isnan(flags), -1, flags).astype(np.int32), ("False", "True")
        there = codes >= 0
        counts = np.bincount(codes[there], minlength=len(levels))
        means = np.bincount(codes[there], weights=losses[there], minlength=len(levels)) / np.maximum(counts, 1)
        apart = (losses[there] - means[codes[there]]) ** 2
        spreads = np.bincount(codes[there], weights=apart, minlength=len(levels))
        for code in np.argsort(-counts, kind="stable")[:MAX_LEVELS]:
            if counts[code]:
                sums = Sums(count=int(counts[code]), mean=float(means[code]), spread=float(spreads[code]))
                yield GroupLoss(column=name, level=levels[code], losses=sums)

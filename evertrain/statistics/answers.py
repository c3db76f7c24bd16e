"""What was answered to callers, or predicted for rows, as counts that add: `domain.release.answers`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

import numpy as np
import numpy.typing as npt

from evertrain.domain.landing.predictions import FAILED, REFUSED, AnsweredRequest
from evertrain.domain.monitoring.performance import Sums
from evertrain.domain.project.metric import Task
from evertrain.domain.project.prediction import Answer
from evertrain.domain.release.answers import AnswerCounts, GroupAnswers, duration_cell
from evertrain.domain.release.health import kolmogorov_smirnov
from evertrain.statistics.class_metrics import most_probable
from evertrain.statistics.performance import MAX_LEVELS, prediction_cells

MIN_ROWS_APART = 50
"""Of the gate's: how far two models lie apart in a group of fewer is chance."""

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Levels = Mapping[str, Sequence[str]]
"""By column, the level of each row."""


CLASS_STRIDE = 1 << 10
"""Of more than two classes, cells of a probability are counted apart for each class that a row is taken for."""


def count_answers(
    task: Task, answered: Sequence[AnsweredRequest], *, columns: Sequence[str], classes: Sequence[str] = ()
) -> AnswerCounts:
    """`columns`: by whose levels rows are told apart. `classes`: as the model names them. A request that came in
    parts counts once."""
    whole, good = [each for each in answered if not each.first_row], [each for each in answered if not each.trouble]
    rows = [row for each in good for row in each.rows]
    predictions = _as_array([value for each in good for value in each.predictions], classes)
    requests = np.repeat(np.arange(len(good)), [len(each.rows) for each in good])
    durations = (each.milliseconds for each in whole if not each.trouble and each.milliseconds is not None)
    levels = {column: [str(row.get(column)) for row in rows] for column in columns}
    return AnswerCounts(
        requests=len(whole),
        refused=sum(each.trouble == REFUSED for each in whole),
        failed=sum(each.trouble == FAILED for each in whole),
        durations=Counter(duration_cell(each) for each in durations if isfinite(each)),
        whole=_group(task, predictions, requests),
        groups=dict(_groups(task, predictions, requests, levels)),
        log_share=answered[-1].log_share if answered else 1.0,
    )


def predictions_apart(task: Task, first: Numbers, second: Numbers, levels: Levels) -> dict[str, float]:
    """How far the predictions of two models for the same rows lie apart, 0 to 1: of all rows under "", and of each
    frequent level. `first`, `second`: shape (rows,), or (rows, classes) of more than two."""
    alone = np.arange(len(first))
    of_first, of_second = (dict(_groups(task, each, alone, levels)) for each in (first, second))
    apart = {"": kolmogorov_smirnov(_group(task, first, alone).cells, _group(task, second, alone).cells)}
    return apart | {
        name: kolmogorov_smirnov(group.cells, of_second[name].cells)
        for name, group in of_first.items()
        if group.rows >= MIN_ROWS_APART
    }


def _as_array(answers: Sequence[Answer], classes: Sequence[str]) -> Numbers:
    """Shape (rows,), or (rows, classes) of more than two: what a version of two answered becomes that, too."""
    if len(classes) <= 2:
        return np.array([max(each.values()) if isinstance(each, Mapping) else each for each in answers], np.float64)
    rows = [
        [each.get(name, 0.0) for name in classes]
        if isinstance(each, Mapping)
        else [1 - each, each, *[0.0] * (len(classes) - 2)]
        for each in answers
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(classes))


def _groups(task: Task, predictions: Numbers, requests: Places, levels: Levels) -> Iterator[tuple[str, GroupAnswers]]:
    for column, of_rows in levels.items():
        values = np.array(of_rows, dtype=object)
        for level, _ in Counter(of_rows).most_common(MAX_LEVELS):
            rows = values == level
            yield f"{column}={level}", _group(task, predictions[rows], requests[rows])


def _group(task: Task, predictions: Numbers, requests: Places) -> GroupAnswers:
    if not len(predictions):
        return GroupAnswers()
    cells = prediction_cells(task, predictions if predictions.ndim == 1 else predictions.max(axis=1))
    if predictions.ndim > 1:
        cells, predictions = cells + CLASS_STRIDE * most_probable(predictions), predictions.max(axis=1)
    mean = float(predictions.mean())
    found, counts = np.unique(cells, return_counts=True)
    return GroupAnswers(
        squares=int((np.unique(requests, return_counts=True)[1] ** 2).sum()),
        predictions=Sums(count=len(predictions), mean=mean, spread=float(((predictions - mean) ** 2).sum())),
        cells={int(cell): int(count) for cell, count in zip(found, counts, strict=True)},
    )

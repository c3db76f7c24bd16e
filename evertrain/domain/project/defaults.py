"""How a model is trained, judged and retrained where it says nothing of it: from how often batches come, how many
rows they have, and how late labels are.

Lengths are in batches, since a daily feed and a weekly one age alike by batches, and slices need rows, not days. The
figures behind them: `bench/results/decisions.md`.
"""

from datetime import timedelta
from math import ceil

from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.policies import DriftPolicy, MovingWindow, TrainingPolicy, TriggerPolicy

USUAL_BATCH = timedelta(days=1)
"""How often a batch comes, where it is not declared."""

ROWS_OF_A_SLICE = 500
"""For choosing and for judging: so many, where three to eight batches have them."""

MINIMUM_ROWS = 150


def default_metric(task: Task, *, is_multiclass: bool = False) -> Metric:
    """Of more than two classes one that is defined where a rare class has no row, and that a single probability of 0
    cannot decide, as forests give it: ADR 33."""
    if is_multiclass:
        return Metric.BRIER_SCORE_LOSS
    return Metric.ROC_AUC_SCORE if task is Task.CLASSIFICATION else Metric.MEAN_ABSOLUTE_ERROR


def default_triggers(batch: timedelta, *, latency: timedelta, rows: float | None = None) -> TriggerPolicy:
    """`batch`: how often one comes. `rows`: of one, where it is known."""
    drift = DriftPolicy() if rows is None else DriftPolicy(minimum_rows=min(200, max(30, int(rows / 2))))
    return TriggerPolicy(
        drift=drift,
        every=32 * batch,
        cooldown=4 * batch,
        labels_overdue_after=max(timedelta(days=14), 8 * batch) + latency,
    )


def default_training(batch: timedelta, *, latency: timedelta, rows: float | None = None) -> TrainingPolicy:
    """As of `default_triggers`."""
    slices = 5 if rows is None else min(8, max(3, ceil(ROWS_OF_A_SLICE / max(1.0, rows))))
    return TrainingPolicy(
        windows=(8 * batch, 32 * batch),
        moving_windows=(MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE),
        validation=slices * batch,
        gate=slices * batch,
        embargo=latency,
        minimum_rows=MINIMUM_ROWS if rows is None else min(MINIMUM_ROWS, max(50, int(3 * rows))),
    )

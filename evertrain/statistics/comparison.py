"""How good is a model, and how much better than another? With intervals that allow for dependence within a day.

Block bootstrap: whole days are drawn with replacement, the same for both models (Künsch, Ann. Statist. 17, 1989).
`weights`, of shape (rows,): how many rows each stands for; None where each is one.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.metric import Metric
from evertrain.domain.training.evaluation import Score, SliceComparison
from evertrain.statistics.metrics import Array, metric_value, weighted_metric

RESAMPLES = 1000
RESAMPLES_FOR_ERROR = 200
"""A standard error needs fewer than the ends of an interval."""

Blocks = npt.NDArray[np.int64]
"""Shape (rows,): rows with the same integer are drawn together."""


class UndefinedMetric(EvertrainError):
    """The metric is not defined on these rows, such as ROC AUC on rows of one class."""


def score(
    metric: Metric,
    truth: Array,
    prediction: Array,
    blocks: Blocks,
    *,
    weights: Array | None = None,
    rng: np.random.Generator,
    confidence: float,
    resamples: int = RESAMPLES,
) -> Score:
    """The metric with its percentile interval. Raises UndefinedMetric."""
    value = _require_defined(metric, truth, prediction, weights)
    of_weights = weighted_metric(metric, truth, prediction)
    low, high = _percentile_interval(
        [of_weights(w) for w in _bootstrap_weights(blocks, weights, rng, resamples)], value, confidence
    )
    return Score(metric=metric, value=value, low=low, high=high, rows=len(truth))


def compare(
    metric: Metric,
    truth: Array,
    champion: Array,
    contender: Array,
    blocks: Blocks,
    *,
    weights: Array | None = None,
    rng: np.random.Generator,
    confidence: float,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """Contender minus champion in units of the metric, and the interval's two ends. Raises UndefinedMetric."""
    value_of_contender = _require_defined(metric, truth, contender, weights)
    difference = value_of_contender - _require_defined(metric, truth, champion, weights)
    of_contender, of_champion = weighted_metric(metric, truth, contender), weighted_metric(metric, truth, champion)
    resampled = [of_contender(w) - of_champion(w) for w in _bootstrap_weights(blocks, weights, rng, resamples)]
    return difference, *_percentile_interval(resampled, difference, confidence)


def standard_error_of_difference(
    metric: Metric,
    truth: Array,
    first: Array,
    second: Array,
    blocks: Blocks,
    *,
    weights: Array | None = None,
    rng: np.random.Generator,
    resamples: int = RESAMPLES_FOR_ERROR,
) -> float:
    """Of the metric's difference between two models on the same rows, in units of the metric.

    Resampling k blocks sees too little by (k - 1) / k of the variance, which is made up for; infinite for one block.
    """
    count = len(np.unique(blocks))
    of_first, of_second = weighted_metric(metric, truth, first), weighted_metric(metric, truth, second)
    drawn = _bootstrap_weights(blocks, weights, rng, resamples)
    differences = np.array([of_second(w) - of_first(w) for w in drawn])
    differences = differences[np.isfinite(differences)]
    if count < 2 or len(differences) < 2:
        return float("inf")
    return float(np.std(differences, ddof=1) * np.sqrt(count / (count - 1)))


def slice_scores(
    metric: Metric,
    truth: Array,
    champion: Array,
    contender: Array,
    *,
    column: str,
    levels: npt.NDArray[np.object_],
    weights: Array | None = None,
) -> Iterator[SliceComparison]:
    """Both models on the rows of each level; levels on which the metric is not defined are skipped."""
    for level in sorted(set(levels.tolist())):
        rows = levels == level
        counts = None if weights is None else weights[rows]
        values = [metric_value(metric, truth[rows], prediction[rows], counts) for prediction in (champion, contender)]
        if np.all(np.isfinite(values)):
            yield SliceComparison(
                column=column, level=level, rows=int(rows.sum()), champion=values[0], contender=values[1]
            )


def _require_defined(metric: Metric, truth: Array, prediction: Array, weights: Array | None) -> float:
    value = metric_value(metric, truth, prediction, weights) if len(truth) else float("nan")
    if not np.isfinite(value):
        raise UndefinedMetric(f"{metric} is not defined on these {len(truth)} rows: all have the same truth")
    return value


def _bootstrap_weights(
    blocks: Blocks, weights: Array | None, rng: np.random.Generator, resamples: int
) -> Iterator[Array]:
    """For each resample, how much each row counts: as often as it is drawn, times its weight. Shape (rows,)."""
    _, block_of_row = np.unique(blocks, return_inverse=True)
    count = int(block_of_row.max()) + 1
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)
        counts = drawn[block_of_row].astype(np.float64)
        yield counts if weights is None else counts * weights


def _percentile_interval(resampled: list[float], value: float, confidence: float) -> tuple[float, float]:
    """Of the resamples on which the metric is defined; the value itself where it is on none."""
    values = np.asarray(resampled)
    values = values[np.isfinite(values)]
    if not len(values):
        return value, value
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)

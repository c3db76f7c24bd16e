"""How good is a model, and how much better than another? With intervals that know that rows of a day belong together.

Block bootstrap: whole days are drawn with replacement, the same for both models (Künsch, Ann. Statist. 17, 1989).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.metric import Metric
from evertrain.domain.training.evaluation import Score, SliceComparison
from evertrain.statistics.metrics import Array, metric_value, weighted_metric

RESAMPLES = 1000

Blocks = npt.NDArray[np.int64]
"""Shape (rows,): which rows are drawn together; any integers."""


class UndefinedMetric(EvertrainError):
    """The rows do not define the metric, such as a ROC curve of one class."""


def score(
    metric: Metric,
    truth: Array,
    prediction: Array,
    blocks: Blocks,
    *,
    rng: np.random.Generator,
    confidence: float,
    resamples: int = RESAMPLES,
) -> Score:
    """The metric with its percentile interval. Raises UndefinedMetric."""
    value = _defined(metric, truth, prediction)
    of_weights = weighted_metric(metric, truth, prediction)
    low, high = _interval([of_weights(w) for w in _weights(blocks, rng, resamples)], value, confidence)
    return Score(metric=metric, value=value, low=low, high=high, rows=len(truth))


def compare(
    metric: Metric,
    truth: Array,
    champion: Array,
    contender: Array,
    blocks: Blocks,
    *,
    rng: np.random.Generator,
    confidence: float,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """Contender minus champion in units of the metric, and the interval's two ends. Raises UndefinedMetric."""
    difference = _defined(metric, truth, contender) - _defined(metric, truth, champion)
    of_contender, of_champion = weighted_metric(metric, truth, contender), weighted_metric(metric, truth, champion)
    resampled = [of_contender(w) - of_champion(w) for w in _weights(blocks, rng, resamples)]
    return difference, *_interval(resampled, difference, confidence)


def slice_scores(
    metric: Metric,
    truth: Array,
    champion: Array,
    contender: Array,
    *,
    column: str,
    levels: npt.NDArray[np.object_],
) -> Iterator[SliceComparison]:
    """Both models on the rows of each level; levels whose rows do not define the metric are passed over."""
    for level in sorted(set(levels.tolist())):
        rows = levels == level
        values = [metric_value(metric, truth[rows], prediction[rows]) for prediction in (champion, contender)]
        if np.all(np.isfinite(values)):
            yield SliceComparison(
                column=column, level=level, rows=int(rows.sum()), champion=values[0], contender=values[1]
            )


def _defined(metric: Metric, truth: Array, prediction: Array) -> float:
    value = metric_value(metric, truth, prediction) if len(truth) else float("nan")
    if not np.isfinite(value):
        raise UndefinedMetric(f"{metric} is not defined on these {len(truth)} rows: all have the same truth")
    return value


def _weights(blocks: Blocks, rng: np.random.Generator, resamples: int) -> Iterator[Array]:
    """How often each row is drawn, shape (rows,), for each resample."""
    _, block_of_row = np.unique(blocks, return_inverse=True)
    count = int(block_of_row.max()) + 1
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)
        yield drawn[block_of_row].astype(np.float64)


def _interval(resampled: list[float], value: float, confidence: float) -> tuple[float, float]:
    """Resamples of one class only say nothing and are left out; with none left the value is all that is known."""
    values = np.asarray(resampled)
    values = values[np.isfinite(values)]
    if not len(values):
        return value, value
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)

"""Days of made-up predictions: good ones, or, from some day on, bad ones."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from evertrain.domain.monitoring.performance import DayPerformance, Performance
from evertrain.domain.project.metric import Metric
from evertrain.statistics.layouts import Categories
from evertrain.statistics.performance import performance_by_day
from tests.builders.models import NOW, days

GROUPS = ("UA", "DL", "WN")


def performance_days(
    quality: Sequence[float],
    *,
    first: datetime,
    rows: int = 100,
    only: str | None = None,
    day_to_day: float = 0.0,
    seed: int = 0,
    metric: Metric = Metric.ROC_AUC_SCORE,
) -> tuple[DayPerformance, ...]:
    """A day for each of `quality`, by which the log odds of the truth follow the prediction: 1 is calibrated, 0 is
    worthless, -1 is the wrong way round. `only`: the group whose quality that is; the others' is 1. `day_to_day`: how
    much the log odds of a whole day vary."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(len(quality)), rows)
    x, group = rng.normal(size=len(day)), rng.integers(0, len(GROUPS), len(day))
    slope = np.repeat(np.asarray(quality, dtype=np.float64), rows)
    if only is not None:
        slope = np.where(group == GROUPS.index(only), slope, 1.0)
    odds = 1.5 * slope * x + np.repeat(rng.normal(0, day_to_day, len(quality)), rows)
    truth = (rng.random(len(day)) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    number = (first.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    return tuple(
        performance_by_day(
            metric,
            truth=truth,
            predictions=1 / (1 + np.exp(-1.5 * x)),
            days=day + number,
            columns={"carrier": Categories(codes=group.astype(np.int32), levels=GROUPS)},
            until=first + days(len(quality)),
        )
    )


def a_performance(
    quality: Sequence[float], *, promised: int = 7, newest_days_ago: float = 3, rows: int = 100, **made: object
) -> Performance:
    """Of the champion of `a_state()`: `promised` calibrated days, then a day for each of `quality`."""
    several = performance_days(
        [*[1.0] * promised, *quality],
        first=NOW - days(newest_days_ago + promised + len(quality)),
        rows=rows,
        **made,  # type: ignore[arg-type]  # options of performance_days
    )
    return Performance(model="trips", version="v1", promised=several[:promised], realised=several[promised:])

"""What a champion turned out to be worth, as people are told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.monitoring.decline import Decline, find_decline, has_baseline, newest_days
from evertrain.domain.monitoring.performance import (
    DayPerformance,
    Performance,
    loss_name,
    merge_days,
    metric_over_days,
)
from evertrain.domain.project.metric import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDays:
    """A stretch of days, from `start` to `end`: the declared metric with its 90 % interval, None where it is not
    defined, and the mean loss of a row."""

    start: datetime
    end: datetime
    rows: int
    metric: float | None
    low: float | None
    high: float | None
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceStatus:
    """`promised`: at the gate. `newest`: the last days with enough rows to say something. `can_tell`: whether there
    are enough days to tell a decline from chance."""

    model: str
    version: str
    metric: Metric
    loss: str
    promised: MeasuredDays | None
    newest: MeasuredDays | None
    can_tell: bool
    decline: Decline | None
    days: tuple[MeasuredDays, ...]


def performance_status(performance: Performance, metric: Metric) -> PerformanceStatus:
    promised, newest = performance.promised, newest_days(performance)
    return PerformanceStatus(
        model=performance.model,
        version=performance.version,
        metric=metric,
        loss=loss_name(metric),
        promised=_measured(promised, metric) if promised else None,
        newest=_measured(newest, metric) if newest else None,
        can_tell=has_baseline(performance),
        decline=find_decline(performance, metric),
        days=tuple(_measured([day], metric) for day in performance.realised),
    )


def _measured(days: Sequence[DayPerformance], metric: Metric) -> MeasuredDays:
    merged = merge_days(days)
    found = metric_over_days(metric, days)
    low, high = (None, None) if found is None else found.interval()
    return MeasuredDays(
        start=merged.day,
        end=merged.until,
        rows=merged.rows,
        metric=None if found is None else found.value,
        low=low,
        high=high,
        loss=merged.losses.mean,
    )

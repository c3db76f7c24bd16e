"""What a champion turned out to be worth, as people are told of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evertrain.domain.monitoring.decline import Decline, find_decline, has_baseline, newest_days
from evertrain.domain.monitoring.performance import (
    DayPerformance,
    Performance,
    loss_name,
    merge_days,
    metric_over_days,
)
from evertrain.domain.project.metric import ModelMetric
from evertrain.statistics.estimation import estimate_day, estimate_loss, estimate_metric, is_estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDays:
    """A stretch of days, from `start` to `end`: the declared metric with its 90 % interval, None where it is not
    defined, and the mean loss of a row. `estimated`: the metric, by the days before, before there were labels."""

    start: datetime
    end: datetime
    rows: int
    metric: float | None
    low: float | None
    high: float | None
    loss: float
    estimated: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceStatus:
    """`promised`: at the gate. `newest`: the last days with enough rows to say something. `awaited`: estimated, the
    days that no labels are known of yet; None where there are none, or too few to estimate from. `can_tell`: whether
    there are enough days to tell a decline from chance. `is_estimated`: whether such a metric can be."""

    model: str
    version: str
    metric: ModelMetric
    loss: str
    promised: MeasuredDays | None
    newest: MeasuredDays | None
    awaited: MeasuredDays | None
    can_tell: bool
    decline: Decline | None
    is_estimated: bool
    days: tuple[MeasuredDays, ...]


def performance_status(performance: Performance, metric: ModelMetric) -> PerformanceStatus:
    promised, newest = performance.promised, newest_days(performance)
    return PerformanceStatus(
        model=performance.model,
        version=performance.version,
        metric=metric,
        loss=loss_name(metric),
        promised=_measured(promised, metric) if promised else None,
        newest=_measured(newest, metric) if newest else None,
        awaited=_awaited(performance, metric),
        can_tell=has_baseline(performance),
        decline=find_decline(performance, metric),
        is_estimated=is_estimated(metric, performance.labelled),
        days=tuple(_realised_days(performance, metric)),
    )


def _realised_days(performance: Performance, metric: ModelMetric) -> Iterator[MeasuredDays]:
    predicted = {each.day: each for each in performance.predicted}
    for index, day in enumerate(performance.realised, start=len(performance.promised)):
        counted = predicted.get(day.day)
        found = None if counted is None else estimate_day(metric, performance.labelled[:index], counted)
        yield replace(_measured([day], metric), estimated=None if found is None else found.value)


def _awaited(performance: Performance, metric: ModelMetric) -> MeasuredDays | None:
    known, days = performance.labelled, performance.awaited
    if not known or not days:
        return None
    found = estimate_metric(metric, known, days)
    low, high = (None, None) if found is None else found.interval()
    return MeasuredDays(
        start=days[0].day,
        end=days[-1].until,
        rows=sum(day.rows for day in days),
        metric=None if found is None else found.value,
        low=low,
        high=high,
        loss=estimate_loss(metric, known, days),
    )


def _measured(days: Sequence[DayPerformance], metric: ModelMetric) -> MeasuredDays:
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

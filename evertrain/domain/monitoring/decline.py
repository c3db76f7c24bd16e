"""Has a model become worse than it was promised to be? Looked at after each day, without false alarms by looking.

The newest 3, 4, 5, 6, 7, 8, 10 … stretches of days are compared with what the model scored at the gate and in its
first days: an abrupt change is seen within days, a slow one in time, and with a threshold of four standard errors the
many looks cost little. Measured in `bench/decline.py`; why this test and no other: ADR 22.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import NormalDist

from evertrain.domain.monitoring.estimates import Estimate
from evertrain.domain.monitoring.performance import (
    DAY,
    DayPerformance,
    Performance,
    Sums,
    loss_name,
    mean_loss,
    merge_days,
    realised_metric,
    total_of,
)
from evertrain.domain.monitoring.series import (
    MIN_BASELINE_STRETCHES,
    MIN_STRETCHES,
    Measure,
    Series,
    put_together,
)
from evertrain.domain.project.metric import ModelMetric, OwnMetric

THRESHOLD = 4.0
"""Standard errors. One look in 30,000 is beyond, if nothing changed."""

CONFIRMED = 1.0
"""Standard errors by which the declared metric has to be worse too, where it is not the mean loss itself."""

MIN_ROWS = 30
"""Of a stretch: days with fewer are put together."""

MIN_GROUP_ROWS = 15
NAMED_GROUPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDecline:
    """A group of rows whose mean loss has grown. `z`: in standard errors."""

    name: str
    since: datetime
    before: float
    now: float
    rows: int
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Since when a model is worse, by how much, and who carries it.

    `loss_before`, `loss_now`: means. `metric_before`, `metric_now`: None where it is not defined on those rows.
    `rows`: since then. `z`: in standard errors, of all rows; below the threshold where only groups are worse.
    `groups`: whose loss has grown more than that of all.
    """

    since: datetime
    rows: int
    z: float
    loss_before: float
    loss_now: float
    metric_before: float | None
    metric_now: float | None
    groups: tuple[GroupDecline, ...] = ()


def find_decline(performance: Performance, metric: ModelMetric, *, threshold: float = THRESHOLD) -> Decline | None:
    """None where nothing is worse, or where there is too little to compare with (`has_baseline`)."""
    losses = _loss_series(performance)
    scores = replace(losses, measure=_measure_of(metric))
    groups = sorted(_declining_groups(losses, scores, threshold), key=lambda group: -group.z)
    length = _length_of_decline(losses, scores, threshold)
    if length is None and groups:
        length = max(_stretches_since(losses, group.since) for group in groups)
    return None if length is None else _describe(losses, metric, length=length, groups=groups)


def has_baseline(performance: Performance) -> bool:
    """Whether there are enough days to know how much they differ when nothing changes."""
    return len(_loss_series(performance).baseline(MIN_STRETCHES)) >= MIN_BASELINE_STRETCHES


def standard_errors_since(performance: Performance, since: datetime) -> float | None:
    """By how many the mean loss of the days from `since` on is above the baseline. None where there are fewer than
    three stretches since then, or before."""
    losses = _loss_series(performance)
    length = sum(each.day + DAY > since for each in losses.realised)
    return losses.z(length) if length >= MIN_STRETCHES else None


def describe_decline(decline: Decline, metric: ModelMetric) -> str:
    """Since when, by how much and where a model is worse."""
    if decline.metric_before is not None and decline.metric_now is not None:
        measured = f"{metric} {decline.metric_now:.4g} against {decline.metric_before:.4g} before"
    else:
        measured = f"{loss_name(metric)} {decline.loss_now:.4g} against {decline.loss_before:.4g} before"
    where = "".join(
        f"; {group.name}: {loss_name(metric)} {group.now:.4g} against {group.before:.4g}" for group in decline.groups
    )
    return f"{measured}, since {decline.since:%Y-%m-%d}, on {decline.rows:,} rows{where}"


def newest_days(performance: Performance, *, rows: int = 8 * MIN_ROWS) -> Sequence[DayPerformance]:
    """The newest realised days that together have so many rows; all there are, where they have fewer."""
    count = 0
    for index in reversed(range(len(performance.realised))):
        count += performance.realised[index].rows
        if count >= rows:
            return performance.realised[index:]
    return performance.realised


# --- what is looked at ----------------------------------------------------------------------------


def _loss_series(performance: Performance) -> Series:
    return Series(
        promised=put_together(performance.promised, rows=MIN_ROWS),
        realised=put_together(performance.realised, rows=MIN_ROWS),
        measure=_loss,
    )


def _measure_of(metric: ModelMetric) -> Measure:
    if isinstance(metric, OwnMetric):
        return _loss  # which stands for it
    sign = -1 if metric.higher_is_better else 1

    def measure(parts: Sequence[DayPerformance]) -> Estimate | None:
        found = realised_metric(metric, merge_days(parts, with_groups=False))
        return None if found is None else Estimate(value=sign * found.value, variance=found.variance)

    return measure


def _loss(parts: Sequence[DayPerformance]) -> Estimate | None:
    losses = total_of(part.losses for part in parts)
    return mean_loss(losses) if losses.count else None


def _length_of_decline(losses: Series, scores: Series, threshold: float) -> int | None:
    """Of all rows: the number of stretches since which the model is worse, None where it is not.

    By the declared metric alone, or by the mean loss with the metric at least leaning the same way: a loss also moves
    with the share of a class, and then no retraining mends it.
    """
    worse = losses.worse_lengths(threshold)
    if any((z := scores.z(length)) is not None and z > CONFIRMED for length in worse):
        return losses.strongest_length()
    return scores.strongest_length() if scores.worse_lengths(threshold) else None


def _declining_groups(losses: Series, scores: Series, threshold: float) -> Iterator[GroupDecline]:
    """Groups beyond the threshold, which grows with how many there are. None while the declared metric of all rows is
    no worse than before."""
    groups = _group_series(losses)
    if not groups:
        return
    threshold *= -NormalDist().inv_cdf(NormalDist().cdf(-THRESHOLD) / len(groups)) / THRESHOLD
    for name, own in groups.items():
        if not own.worse_lengths(threshold):
            continue
        length = own.strongest_length()
        new = own.newest(length)
        before, now, z = _loss(own.baseline(length)), _loss(new), own.z(length)
        leaning = scores.z(_stretches_since(losses, new[0].day))
        if before is None or now is None or z is None or leaning is None or leaning <= 0:
            continue
        rows = sum(part.rows for part in new)
        yield GroupDecline(name=name, since=new[0].day, before=before.value, now=now.value, rows=rows, z=z)


def _group_series(losses: Series) -> dict[str, Series]:
    """By name, such as `origin=JFK`."""
    promised, realised = _stretches_by_group(losses.promised), _stretches_by_group(losses.realised)
    return {
        name: Series(promised=promised.get(name, ()), realised=stretches, measure=_loss)
        for name, stretches in realised.items()
    }


_NONE = Sums()


def _stretches_by_group(parts: Sequence[DayPerformance]) -> dict[str, list[DayPerformance]]:
    """Of each group, what `put_together` makes of its rows: asked for with each decision, so only what is full is put
    together."""
    found: dict[str, list[DayPerformance]] = {}
    waiting: dict[str, list[tuple[DayPerformance, Sums]]] = {}
    for part in parts:
        for group in part.groups:
            name = group.name
            own = waiting.setdefault(name, [])
            own.append((part, group.losses))
            stretches = found.setdefault(name, [])
            if sum([losses.count for _, losses in own]) >= MIN_GROUP_ROWS:
                losses = total_of(losses for _, losses in own)
                stretches.append(
                    DayPerformance(day=own[0][0].day, until=own[-1][0].until, losses=losses, truth=_NONE)
                )
                own.clear()
    return found


def _stretches_since(losses: Series, since: datetime) -> int:
    return max(MIN_STRETCHES, sum(part.until > since for part in losses.realised))


def _describe(losses: Series, metric: ModelMetric, *, length: int, groups: Sequence[GroupDecline]) -> Decline:
    base, new = (merge_days(each, with_groups=False) for each in (losses.baseline(length), losses.newest(length)))
    before, now = realised_metric(metric, base), realised_metric(metric, new)
    grown = new.losses.mean - base.losses.mean
    carriers = [group for group in groups if group.now - group.before > grown]
    return Decline(
        since=new.day,
        rows=new.rows,
        z=losses.z(length) or 0.0,
        loss_before=base.losses.mean,
        loss_now=new.losses.mean,
        metric_before=None if before is None else before.value,
        metric_now=None if now is None else now.value,
        groups=tuple(carriers[:NAMED_GROUPS]),
    )

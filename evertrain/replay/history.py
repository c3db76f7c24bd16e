"""One's own rows as the loop would have got them: cut into batches, each label at the time at which it became known.

Every batch passes the checks that a landed one does; one that does not is set aside with the same faults.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.landing.checks import (
    ColumnChecker,
    count_repeats,
    describe_repeats,
    find_repeated,
    missing_faults,
    volume_faults,
)
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Fault
from evertrain.domain.landing.feeds import EVENT_TIME, FeedSchema, feed_schema, label_feed, own_group_feed
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.replay.raw_rows import RawRows
from evertrain.statistics.metrics import Judging, LoadedMetric, declared_metric
from evertrain.tables.columns import TIMESTAMP, concat_in_one_chunk, is_text, with_ages

MAX_STEPS = 20_000
"""Batches of a history. More are a mistake in `--batch`, or in a year."""

USUAL_BATCHES = (timedelta(days=1), timedelta(days=7), timedelta(days=28))
MIN_ROWS_OF_A_BATCH = 30

Times = npt.NDArray[np.datetime64]
"""Shape (rows,), in microseconds, UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidHistory(EvertrainError):
    """The file cannot be replayed; what is wrong with it, in one sentence."""

    exit_status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How rows become batches. `batch`: their length, None where it follows from the rows. `offset`: how long after
    midnight UTC a day's first batch begins."""

    batch: timedelta | None = None
    offset: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One batch. At `now` its rows have landed: `first` to `end` of the history's table, none where nothing came or
    where `faults` were found."""

    number: int
    start: datetime
    now: datetime
    first: int
    end: int
    faults: tuple[Fault, ...] = ()

    @property
    def rows(self) -> slice:
        return slice(self.first, self.end)

    @property
    def is_empty(self) -> bool:
        return self.end == self.first and not self.faults


@dataclass(frozen=True, kw_only=True)
class History:
    """`table`: rows of good batches by event time: the key, `event_time`, the features as the model sees them (a time
    is an age) and the label, null where it never became known. `known_at`: shape (rows,), when each label did.
    `batch`: the length of each. `own_metric`: the function by which the model is judged, where it has one."""

    spec: ModelSpec
    table: pa.Table
    known_at: Times
    batch: timedelta
    steps: tuple[Step, ...]
    own_metric: LoadedMetric | None = None

    @property
    def metric(self) -> Judging:
        """By which models are judged."""
        return self.own_metric or declared_metric(self.spec.metric)

    @cached_property
    def event_times(self) -> Times:
        """Shape (rows,), ascending, UTC."""
        return as_datetimes(self.table[EVENT_TIME])

    @cached_property
    def truth(self) -> npt.NDArray[np.float64]:
        """Shape (rows,): NaN where the label never became known."""
        label = self.table[self.spec.label.name]
        return np.asarray(pc.fill_null(label, float("nan")).to_numpy(), dtype=np.float64)

    def first_steps(self, count: int) -> "History":
        """As if nothing had come after so many batches."""
        steps = self.steps[:count]
        rows = max((step.end for step in steps), default=0)
        return replace(self, table=self.table.slice(0, rows), known_at=self.known_at[:rows], steps=steps)

    def known_by(self, moment: datetime, rows: slice = slice(None)) -> npt.NDArray[np.bool_]:
        """Shape (rows,): whether a row's label was known then. `rows`: which are asked for."""
        return (self.known_at[rows] <= as_datetime64(moment)) & ~np.isnan(self.truth[rows])


def as_datetime64(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def read_history(raw: RawRows, spec: ModelSpec, rhythm: Rhythm, *, label_time: str | None = None) -> History:
    """`label_time`: the column that says when a label became known; by default a label does when its latency has
    passed. Raises InvalidHistory."""
    project = Project(groups={spec.group.name: spec.group}, models={spec.name: spec})
    schema = feed_schema(own_group_feed(spec), project)
    require_columns(
        raw, [spec.group.entity_key, spec.group.event_time, *spec.feature_names, spec.label.name, label_time]
    )
    times = read_times(raw, schema, spec.group.event_time)
    order = _stored_order(raw, spec, times)
    batch = rhythm.batch or usual_batch(as_datetimes(times))
    raw, times = raw.take(order), times.take(order)
    _require_unique(raw, spec, times)
    labels = _labels(raw, spec, project)
    known_at = as_datetimes(times) + np.timedelta64(spec.label.latency)
    if label_time is not None:
        known_at = as_datetimes(read_times(raw, schema, label_time, nullable=True))
        _require_later(raw, known_at, spec, label_time, events=as_datetimes(times), labels=labels)
    steps, tables, kept = _cut(raw, schema, as_datetimes(times), batch, rhythm.offset)
    if not tables:
        first = next(step.faults[0].message for step in steps if step.faults)
        raise InvalidHistory(f"no batch of {raw.name} can be used: {first}")
    table = _as_seen_by_models(concat_in_one_chunk(tables), spec)
    table = table.append_column(spec.label.name, labels.take(pa.array(kept)))
    history = History(spec=spec, table=table, known_at=known_at[kept], batch=batch, steps=tuple(steps))
    _require_learnable(history, raw)
    return history


def require_columns(raw: RawRows, wanted: Sequence[str | None]) -> None:
    """None is no column. Raises InvalidHistory."""
    missing = [name for name in wanted if name is not None and name not in raw.names]
    if missing:
        plain = {name.strip().casefold() for name in missing}
        alike = [repr(name) for name in raw.names if name.strip().casefold() in plain]
        there = ", ".join(alike or raw.names[:30])
        raise InvalidHistory(f"{raw.name} has no column {', '.join(missing)}; it has {there}")


def read_times(raw: RawRows, schema: FeedSchema, name: str, *, nullable: bool = False) -> pa.ChunkedArray:
    """A column of times, as the monitor reads them. Raises InvalidHistory."""
    return _values(raw, schema, Column(name=name, kind=FeatureKind.TIMESTAMP, nullable=nullable))


def _values(raw: RawRows, schema: FeedSchema, column: Column) -> pa.ChunkedArray:
    checked = ColumnChecker(schema=schema, now=_EPOCH, spelling=raw.spelling, is_text=raw.is_text).check_one(
        raw.table, column
    )
    if checked.faults:
        raise InvalidHistory(f"{raw.name}: {checked.faults[0].message}")
    return checked.columns[column.name]


def _stored_order(raw: RawRows, spec: ModelSpec, times: pa.ChunkedArray) -> pa.Array:
    """By time and key, as batches are kept in the feature store."""
    keys = pc.cast(raw.table[spec.group.entity_key], pa.string())
    return pc.sort_indices(
        pa.table({"time": times, "key": keys}), sort_keys=[("time", "ascending"), ("key", "ascending")]
    )


def _require_unique(raw: RawRows, spec: ModelSpec, times: pa.ChunkedArray) -> None:
    key = spec.group.entity_key
    keys = pa.table({key: raw.table[key], EVENT_TIME: times})
    repeats = count_repeats(find_repeated(keys, keys.column_names))
    if repeats:
        description = describe_repeats(repeats, key, spec.group.event_time)
        raise InvalidHistory(f"{raw.name}: {description}; leave out the repeats, or name another --key")


def _labels(raw: RawRows, spec: ModelSpec, project: Project) -> pa.ChunkedArray:
    """Shape (rows,): float64, null where there is none."""
    name = spec.label.name
    kind = raw.table[name].type
    if not spec.label.classes and raw.kinds_inferred and is_text(kind):
        raise InvalidHistory(f"{raw.name}: {name} is text; name its classes in label.classes, or write numbers")
    schema = feed_schema(label_feed(spec), project)
    return _values(raw, schema, replace(schema.columns[0], nullable=True))


def _require_later(
    raw: RawRows, known: Times, spec: ModelSpec, label_time: str, *, events: Times, labels: pa.ChunkedArray
) -> None:
    """Raises InvalidHistory for a label that was known before its event, or at no time."""
    labelled = np.asarray(pc.is_valid(labels).to_numpy(zero_copy_only=False), dtype=bool)
    early = int((labelled & (known < events)).sum())
    if early:
        raise InvalidHistory(
            f"{raw.name}: {early:,} labels were known before their event: {label_time} is earlier than "
            f"{spec.group.event_time}"
        )
    never = int((labelled & np.isnat(known)).sum())
    if never:
        raise InvalidHistory(f"{raw.name}: {never:,} rows have a label but no {label_time}")


def usual_batch(times: Times) -> timedelta:
    """A day, unless it has too few rows; then a week, or four weeks. `times`: ascending."""
    length: timedelta = (times[-1] - times[0]).item()
    for batch in USUAL_BATCHES:
        if len(times) >= MIN_ROWS_OF_A_BATCH * (length / batch):
            return batch
    return USUAL_BATCHES[-1]


def _cut(
    raw: RawRows, schema: FeedSchema, times: Times, batch: timedelta, offset: timedelta
) -> tuple[list[Step], list[pa.Table], npt.NDArray[np.int64]]:
    """The steps, the tables of the good ones, and which rows of the file are in them."""
    steps: list[Step] = []
    tables: list[pa.Table] = []
    kept: list[npt.NDArray[np.int64]] = []
    good = 0
    for number, (start, first, end) in enumerate(batches_of(times, batch, offset, raw.name)):
        now = start + batch
        faults: tuple[Fault, ...] = ()
        rows = 0
        if end > first:
            rows_of_file = raw.table.slice(first, end - first)
            checker = ColumnChecker(schema=schema, now=now, spelling=raw.spelling, is_text=raw.is_text)
            checked = checker.check(rows_of_file, first_row=first)
            faults = tuple(checked.faults)
            if not faults:
                missing = {name: values.null_count for name, values in checked.columns.items()}
                faults = (*volume_faults(end - first, schema), *missing_faults(missing, end - first, schema))
            if not faults:
                rows = end - first
                tables.append(pa.table(checked.columns))
                kept.append(np.arange(first, end))
        steps.append(Step(number=number, start=start, now=now, first=good, end=good + rows, faults=faults))
        good += rows
    return steps, tables, np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)


def batches_of(times: Times, batch: timedelta, offset: timedelta, name: str) -> Iterator[tuple[datetime, int, int]]:
    """When each begins, and its rows: the first, and the one after the last. `times`: ascending. `name`: of the file.
    Raises InvalidHistory for too many of them."""
    oldest, newest = (each.item().replace(tzinfo=UTC) for each in (times[0], times[-1]))
    start = oldest - (oldest - _EPOCH - offset) % batch
    if (newest - start) // batch >= MAX_STEPS:
        raise InvalidHistory(
            f"{name} reaches from {oldest:%Y-%m-%d} to {newest:%Y-%m-%d}, more than {MAX_STEPS:,} batches; "
            "declare a longer --batch"
        )
    while start <= newest:
        first, end = (
            int(each) for each in np.searchsorted(times, [as_datetime64(start), as_datetime64(start + batch)])
        )
        yield start, first, end
        start += batch


def _as_seen_by_models(table: pa.Table, spec: ModelSpec) -> pa.Table:
    table = with_ages(table, spec.features, event_time=EVENT_TIME)
    return table.select([spec.group.entity_key, EVENT_TIME, *spec.feature_names])


def _require_learnable(history: History, raw: RawRows) -> None:
    name, truth = history.spec.label.name, history.truth
    known = truth[~np.isnan(truth)]
    if not len(known):
        raise InvalidHistory(f"{raw.name}: no row has a {name}, so nothing can be learnt")
    if (known == known[0]).all() and history.spec.label.absent in (None, known[0]):
        what = "class" if history.spec.task is Task.CLASSIFICATION else "value"
        raise InvalidHistory(f"{raw.name}: every {name} is the same {what}, so nothing can be learnt")


def as_datetimes(times: pa.ChunkedArray) -> Times:
    """Shape (rows,): UTC, NaT where missing."""
    plain = pc.cast(pc.cast(times, TIMESTAMP), pa.timestamp("us"))
    return np.asarray(plain.to_numpy(), dtype="datetime64[us]")

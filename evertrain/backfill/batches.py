"""Cuts a file of history into the batches that would have landed, features first, each label when it was known."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evertrain.adapters.landing.checks import MISSING_CELLS
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.feeds import feed_schema, label_feed, own_group_feed
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.replay.history import (
    InvalidHistory,
    Times,
    as_datetimes,
    batches_of,
    read_times,
    require_columns,
    usual_batch,
)
from evertrain.replay.raw_rows import RawRows


@dataclass(frozen=True, slots=True, kw_only=True)
class PastBatch:
    """`known_at`: when it would have landed. `rows`: how many."""

    feed: Feed
    name: str
    body: bytes
    rows: int
    known_at: datetime


def past_batches(
    spec: ModelSpec, rows: RawRows, labels: RawRows | None, *, batch: timedelta | None, now: datetime
) -> list[PastBatch]:
    """In the order in which they would have landed. `labels`: None where they are in a column of the rows, as far as
    they are known. `batch`: how long one is, where it does not follow from the group or the rows.

    Raises InvalidHistory.
    """
    features = _rows_of(spec, own_group_feed(spec), rows)
    length = batch or spec.group.batch.every or usual_batch(features.times)
    found = list(_cut(features, length, now=now))
    if labels is not None or spec.label.name in rows.names:
        known = _rows_of(spec, label_feed(spec), rows if labels is None else labels)
        found += _cut(known, length, now=now, later_by=spec.label.latency)
    # Labels after features of the same time: they name rows that are there.
    return sorted(found, key=lambda each: (each.known_at, each.feed.kind is not FeedKind.FEATURES))


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What lands of a file, by time. `times`: shape (rows,), ascending."""

    feed: Feed
    file: str
    table: pa.Table
    times: Times


def _rows_of(spec: ModelSpec, feed: Feed, raw: RawRows) -> _Rows:
    schema = feed_schema(feed, Project(groups={spec.group.name: spec.group}, models={spec.name: spec}))
    wanted = [schema.key, schema.event_time_column, *(column.name for column in schema.columns)]
    require_columns(raw, wanted)
    times = read_times(raw, schema, schema.event_time_column)
    table = raw.table.select(wanted)
    if schema.label:
        is_known = pc.invert(
            pc.is_in(pc.cast(table[schema.label], pa.string()), pa.array([None, "nan", *MISSING_CELLS]))
        )
        table, times = table.filter(is_known), times.filter(is_known)
    order = pc.sort_indices(times)
    numbers = {column.name for column in schema.columns if column.kind is FeatureKind.NUMERIC}
    table = _with_points(table.take(order), raw, numbers)
    return _Rows(feed=feed, file=raw.name, table=table, times=as_datetimes(times.take(order)))


def _cut(rows: _Rows, length: timedelta, *, now: datetime, later_by: timedelta = timedelta()) -> Iterator[PastBatch]:
    if not len(rows.times):
        raise InvalidHistory(f"{rows.file} has no rows of {rows.feed}")
    for start, first, end in batches_of(rows.times, length, timedelta(), rows.file):
        if end > first:
            yield PastBatch(
                feed=rows.feed,
                name=f"backfill/{start:%Y-%m-%dT%H%M}.parquet",
                body=_parquet(rows.table.slice(first, end - first)),
                rows=end - first,
                known_at=min(start + length + later_by, now),
            )


def _with_points(table: pa.Table, raw: RawRows, numbers: set[str]) -> pa.Table:
    """A decimal comma is certain of a whole file only, not of each of its batches."""
    if raw.text is None or raw.text.decimal_point == ".":
        return table
    for name in numbers:
        if pc.any(pc.match_substring(table[name], ".")).as_py():
            raise InvalidHistory(f"{raw.name}: {name} has numbers with a comma and with a point; write one of them")
        column = pc.replace_substring(table[name], ",", ".")
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _parquet(table: pa.Table) -> bytes:
    file = BytesIO()
    pq.write_table(table.combine_chunks(), file, compression="zstd")
    return file.getvalue()

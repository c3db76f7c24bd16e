"""Cuts a file of history into the batches that would have landed, features first, each label when it was known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evertrain.adapters.monitoring.written_columns import why_unclear
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.feeds import feed_schema, label_feed, own_group_feed
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.replay import history
from evertrain.replay.history import (
    InvalidHistory,
    Times,
    as_datetimes,
    batches_of,
    require_columns,
    usual_batch,
)
from evertrain.replay.raw_rows import RawRows
from evertrain.tables.columns import is_text
from evertrain.tables.written_values import (
    MISSING_CELLS,
    Ambiguous,
    NotReadable,
    Spelling,
    Values,
    read_numbers,
    read_times,
    settle,
)


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
    """What lands of a file, by time. `times`: shape (rows,), ascending. `written`: by column of text that holds
    numbers or times, how it is read."""

    feed: Feed
    file: str
    table: pa.Table
    times: Times
    written: Mapping[str, Callable[[Values], Values]]


def _rows_of(spec: ModelSpec, feed: Feed, raw: RawRows) -> _Rows:
    schema = feed_schema(feed, Project(groups={spec.group.name: spec.group}, models={spec.name: spec}))
    wanted = [schema.key, schema.event_time_column, *(column.name for column in schema.columns)]
    require_columns(raw, wanted)
    times = history.read_times(raw, schema, schema.event_time_column)
    table = raw.table.select(wanted)
    if schema.label:
        is_known = pc.invert(
            pc.is_in(pc.cast(table[schema.label], pa.string()), pa.array([None, "nan", *MISSING_CELLS]))
        )
        table, times = table.filter(is_known), times.filter(is_known)
    order = pc.sort_indices(times)
    table = table.take(order)
    readers: dict[str, Reader] = {schema.event_time_column: read_times} | {
        column.name: _READERS[column.kind] for column in schema.columns if column.kind in _READERS
    }
    return _Rows(
        feed=feed,
        file=raw.name,
        table=table,
        times=as_datetimes(times.take(order)),
        written=_written(table, readers, raw),
    )


def _cut(rows: _Rows, length: timedelta, *, now: datetime, later_by: timedelta = timedelta()) -> Iterator[PastBatch]:
    if not len(rows.times):
        raise InvalidHistory(f"{rows.file} has no rows of {rows.feed}")
    for start, first, end in batches_of(rows.times, length, timedelta(), rows.file):
        if end > first:
            yield PastBatch(
                feed=rows.feed,
                name=f"backfill/{start:%Y-%m-%dT%H%M}.parquet",
                body=_parquet(_read(rows.table.slice(first, end - first), rows.written)),
                rows=end - first,
                known_at=min(start + length + later_by, now),
            )


Reader = Callable[[Values, Spelling], Values]

_READERS: Mapping[FeatureKind, Reader] = {FeatureKind.NUMERIC: read_numbers, FeatureKind.TIMESTAMP: read_times}


def _written(table: pa.Table, readers: Mapping[str, Reader], raw: RawRows) -> dict[str, Callable[[Values], Values]]:
    """By column of text that holds numbers or times, how it is read: what is certain of the file may not be of a
    batch. Raises InvalidHistory where it is not even certain of the file."""
    found: dict[str, Callable[[Values], Values]] = {}
    for name, reader in readers.items():
        if is_text(table[name].type):
            spelling = _certain_spelling(f"{raw.name}: {name}", table[name], reader, raw.spelling)
            found[name] = partial(_read_or_leave, reader=reader, spelling=spelling)
    return found


def _certain_spelling(name: str, values: Values, reader: Reader, spelling: Spelling) -> Spelling:
    spelling = settle([pc.cast(values, pa.string())], spelling)
    try:
        reader(values, spelling)
    except Ambiguous as error:
        raise InvalidHistory(f"{name}: {why_unclear(error)}") from error
    except NotReadable:
        pass  # the batches that have such rows will be set aside
    return spelling


def _read_or_leave(values: Values, *, reader: Reader, spelling: Spelling) -> Values:
    try:
        return reader(values, spelling)
    except (NotReadable, Ambiguous):
        return values


def _read(batch: pa.Table, written: Mapping[str, Callable[[Values], Values]]) -> pa.Table:
    for name, read in written.items():
        batch = batch.set_column(batch.column_names.index(name), name, read(batch[name]))
    return batch


def _parquet(table: pa.Table) -> bytes:
    file = BytesIO()
    pq.write_table(table.combine_chunks(), file, compression="zstd")
    return file.getvalue()

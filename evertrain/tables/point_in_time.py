"""As-of join: which row of a table was valid at a row's time? Never a row from the future and, on request, none that
was ingested later.

Sorted once, then looked up by bisection: n rows of the table and m rows of `left` take O((n + m) log n).
"""

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT
from evertrain.domain.project.feature_group import KnownBy

NO_ROW = -1

_PACK_LIMIT = 1 << 62

Integers = npt.NDArray[np.int64]


def as_of_indices(
    left: pa.Table,
    table: pa.Table,
    *,
    left_key: str,
    key: str,
    maximum_age: timedelta | None = None,
    known_by: KnownBy = KnownBy.TRAINING,
) -> Integers:
    """Shape (rows of `left`,): the index of the row of `table` that was valid then, or NO_ROW.

    That is, of the rows with the same key, the one with the latest `event_time` at or before the left row's, unless
    it is older than `maximum_age`. Where several have this `event_time`, they are corrections, and the one that was
    ingested last counts; of the same instant, the later in `table`. With `KnownBy.EVENT` rows that were ingested
    after the left row's `event_time` do not exist. Both tables have `event_time`; `table` has `ingested_at`.
    """
    codes, left_codes = _codes(table[key], left[left_key])
    event, left_event = _to_microseconds(table[EVENT_TIME]), _to_microseconds(left[EVENT_TIME])
    ingested = _to_microseconds(table[INGESTED_AT])
    if not len(codes) or not len(left_codes):
        return np.full(len(left_codes), NO_ROW, dtype=np.int64)
    available = np.maximum(event, ingested) if known_by is KnownBy.EVENT else event

    by_validity = np.lexsort((ingested, event))
    time_ranks, left_time_ranks = _compress_times(
        available, left_event, codes=int(max(codes.max(), left_codes.max())) + 1
    )
    span = int(time_ranks.max()) + 1
    packed = codes * span + time_ranks
    order = by_validity[np.argsort(packed[by_validity], kind="stable")]
    best = order
    if known_by is KnownBy.EVENT:  # what was ingested last need not be what is valid
        best = by_validity[_running_maximum(codes[order], _ranks(by_validity)[order])]

    position = _last_at_or_before(packed[order], left_codes * span + left_time_ranks)
    there = (left_codes != NO_ROW) & (left_time_ranks != NO_ROW) & (position != NO_ROW)
    there &= codes[order][position] == left_codes
    indices = np.where(there, best[position], NO_ROW)
    if maximum_age is not None:
        too_old = left_event - event[indices] > _microseconds(maximum_age)
        indices = np.where(too_old, NO_ROW, indices)
    return indices


def sort_by_time(table: pa.Table, *, key: str) -> pa.Table:
    """By `event_time`, key, `ingested_at`, and then by content: the same rows are the same table however they lie."""
    by_content = [name for name in table.column_names if name not in (EVENT_TIME, key, INGESTED_AT)]
    return table.sort_by([(name, "ascending") for name in (EVENT_TIME, key, INGESTED_AT, *by_content)])


def latest_known(table: pa.Table, *, key: str) -> pa.Table:
    """One row for each key and `event_time`: the last of those `sort_by_time`."""
    ordered = sort_by_time(table, key=key)
    if not ordered.num_rows:
        return ordered
    return _filter_rows(
        np.append(_differs_from_next(ordered[EVENT_TIME]) | _differs_from_next(ordered[key]), True), ordered
    )


def latest_known_by_key(table: pa.Table, *, key: str) -> pa.Table:
    """One row for each key, whatever its `event_time`: the last by `ingested_at`, `event_time` and content."""
    by_content = [name for name in table.column_names if name not in (EVENT_TIME, key, INGESTED_AT)]
    ordered = table.sort_by([(name, "ascending") for name in (key, INGESTED_AT, EVENT_TIME, *by_content)])
    if not ordered.num_rows:
        return ordered
    return _filter_rows(np.append(_differs_from_next(ordered[key]), True), ordered)


def take_or_null(table: pa.Table, rows: Integers) -> pa.Table:
    """The table's rows in this order, all missing where there is NO_ROW."""
    return table.take(pa.array(rows, mask=rows == NO_ROW))


def _ranks(order: Integers) -> Integers:
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


def _running_maximum(codes: Integers, values: Integers) -> Integers:
    """Within runs of equal codes, which ascend; `values` are below the number of rows."""
    raised = np.maximum.accumulate(codes * len(values) + values)
    return np.asarray(raised - codes * len(values))


def _compress_times(instants: Integers, asked: Integers, *, codes: int) -> tuple[Integers, Integers]:
    """Both as integers from 0 on, in the same order, small enough to be packed together with a code. A time before
    the first instant gets NO_ROW."""
    first, last = instants.min(), instants.max()
    if codes * (int(last - first) + 1) < _PACK_LIMIT:
        return instants - first, np.clip(asked, first - 1, last) - first
    ordered = np.sort(instants)
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return np.searchsorted(distinct, instants), np.searchsorted(distinct, asked, side="right") - 1


def _last_at_or_before(ascending: Integers, asked: Integers) -> Integers:
    """For each that is asked, the last position whose value is not above it, or NO_ROW."""
    order = np.argsort(asked)  # neighbours are then looked up in the same part of memory
    position = np.empty_like(asked)
    position[order] = np.searchsorted(ascending, asked[order], side="right") - 1
    return position


def _codes(keys: Any, left_keys: Any) -> tuple[Integers, Integers]:
    """Equal keys get equal numbers, none gets NO_ROW."""
    both = pa.chunked_array([*keys.chunks, *pc.cast(left_keys, keys.type).chunks], keys.type)
    encoded = both.dictionary_encode().unify_dictionaries()
    indices = pa.chunked_array([chunk.indices for chunk in encoded.chunks], pa.int32())
    codes = pc.cast(pc.fill_null(indices, NO_ROW), pa.int64()).to_numpy()
    return codes[: len(keys)], codes[len(keys) :]


def _filter_rows(is_kept: npt.NDArray[np.bool_], table: pa.Table) -> pa.Table:
    return table if is_kept.all() else table.filter(pa.array(is_kept))


def _differs_from_next(column: Any) -> npt.NDArray[np.bool_]:
    """Shape (rows - 1,): whether the next value differs. A null differs from every value, and from another null."""
    changes = pc.fill_null(pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)), True)
    return np.asarray(changes.to_numpy(zero_copy_only=False))


def _to_microseconds(times: Any) -> Integers:
    return np.asarray(pc.cast(times, pa.int64()).to_numpy())


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)

"""Which row of a table was valid at a row's time? Never one from the future, and, if asked for, none that came late.

Sorted once, looked up by bisection: n rows of the table and m that ask take O((n + m) log n).
"""

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.feeds import EVENT_TIME, INGESTED_AT
from evertrain.domain.model_spec import KnownBy

NONE = -1

Integers = npt.NDArray[np.int64]


def valid_rows(
    asking: pa.Table,
    table: pa.Table,
    *,
    asking_key: str,
    key: str,
    maximum_age: timedelta | None = None,
    known_by: KnownBy = KnownBy.TRAINING,
) -> Integers:
    """Shape (rows of `asking`,): the index of the row of `table` that was valid then, or NONE.

    That is, of the rows with the same key, the one with the latest `event_time` at or before the asking row's, unless
    it is older than `maximum_age`. Where several have this `event_time`, they are corrections, and the one that was
    ingested last counts; of the same instant, the later in `table`. With `KnownBy.EVENT` rows that were ingested
    after the asking row's `event_time` do not exist. Both tables have `event_time`; `table` has `ingested_at`.
    """
    codes, asking_codes = _codes(table[key], asking[asking_key])
    event, asked_at = _instants(table[EVENT_TIME]), _instants(asking[EVENT_TIME])
    ingested = _instants(table[INGESTED_AT])
    if not len(codes) or not len(asking_codes):
        return np.full(len(asking_codes), NONE, dtype=np.int64)
    available = np.maximum(event, ingested) if known_by is KnownBy.EVENT else event

    by_validity = np.lexsort((ingested, event))
    order = by_validity[np.lexsort((available[by_validity], codes[by_validity]))]
    best = by_validity[_running_maximum(codes[order], _ranks(by_validity)[order])]

    moments = np.unique(available)
    place = _places(
        codes[order], np.searchsorted(moments, available[order]),
        asking_codes, np.searchsorted(moments, asked_at, side="right") - 1,
    )  # fmt: skip
    found = np.where(place == NONE, NONE, best[place])
    if maximum_age is not None:
        too_old = asked_at - event[found] > _microseconds(maximum_age)
        found = np.where(too_old, NONE, found)
    return found


def in_order(table: pa.Table, *, key: str) -> pa.Table:
    """By `event_time`, key, `ingested_at`, and then by content: the same rows are the same table however they lie."""
    by_content = [name for name in table.column_names if name not in (EVENT_TIME, key, INGESTED_AT)]
    return table.sort_by([(name, "ascending") for name in (EVENT_TIME, key, INGESTED_AT, *by_content)])


def latest_known(table: pa.Table, *, key: str) -> pa.Table:
    """One row for each key and `event_time`: the last of those `in_order`."""
    ordered = in_order(table, key=key)
    if not ordered.num_rows:
        return ordered
    moments, codes = _instants(ordered[EVENT_TIME]), _codes(ordered[key], ordered[key])[0]
    is_last = np.append((moments[1:] != moments[:-1]) | (codes[1:] != codes[:-1]), True)
    return ordered.filter(pa.array(is_last))


def newest_known(table: pa.Table, *, key: str) -> pa.Table:
    """One row for each key, whatever its `event_time`: the last by `ingested_at`, `event_time` and content."""
    by_content = [name for name in table.column_names if name not in (EVENT_TIME, key, INGESTED_AT)]
    ordered = table.sort_by([(name, "ascending") for name in (key, INGESTED_AT, EVENT_TIME, *by_content)])
    codes = _codes(ordered[key], ordered[key])[0]
    return ordered.filter(pa.array(np.append(codes[1:] != codes[:-1], True)[: len(codes)]))


def take(table: pa.Table, rows: Integers) -> pa.Table:
    """The table's rows in this order, all missing where there is NONE."""
    return table.take(pa.array(rows, mask=rows == NONE))


def _ranks(order: Integers) -> Integers:
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


def _running_maximum(codes: Integers, values: Integers) -> Integers:
    """Within runs of equal codes, which ascend; `values` are below the number of rows."""
    raised = np.maximum.accumulate(codes * len(values) + values)
    return np.asarray(raised - codes * len(values))


def _places(codes: Integers, moments: Integers, asking_codes: Integers, asking_moments: Integers) -> Integers:
    """The last place with the same code and a moment that is not later; codes and, within them, moments ascend."""
    span = int(moments.max()) + 1
    place = np.searchsorted(codes * span + moments, asking_codes * span + asking_moments, side="right") - 1
    there = (asking_codes != NONE) & (asking_moments != NONE) & (place != NONE)
    there &= codes[place] == asking_codes
    return np.where(there, place, NONE)


def _codes(keys: Any, asking_keys: Any) -> tuple[Integers, Integers]:
    """Equal keys get equal numbers; a key that the table lacks, or none, gets NONE."""
    known = pc.unique(keys.drop_null())
    return tuple(
        pc.fill_null(pc.cast(pc.index_in(column, value_set=known), pa.int64()), NONE).to_numpy()
        for column in (keys, asking_keys)
    )


def _instants(times: Any) -> Integers:
    return np.asarray(pc.cast(times, pa.int64()).to_numpy())


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)

"""The point-in-time join against a loop that tries every row, on random ties, late rows and corrections."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from evertrain.domain.project.feature_group import KnownBy
from evertrain.tables import point_in_time
from evertrain.tables.point_in_time import NO_ROW, as_of_indices, latest_known, sort_by_time, take_or_null

START = datetime(2013, 4, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Row:
    """Times in hours after START: few of them, so that ties are the rule."""

    key: str | None
    event: int
    ingested: int = 0
    value: float | None = 0.0


keys = st.sampled_from(["JFK", "EWR", "LGA", "Łódź"])
hours = st.integers(0, 6)
values = st.one_of(st.none(), st.integers(0, 3).map(float))
left_rows = st.lists(st.builds(Row, key=st.one_of(st.none(), keys, st.just("BOS")), event=hours), max_size=12)
table_rows = st.lists(st.builds(Row, key=keys, event=hours, ingested=hours, value=values), max_size=25)


def table(rows: list[Row]) -> pa.Table:
    times = {name: [START + timedelta(hours=getattr(row, name)) for row in rows] for name in ("event", "ingested")}
    return pa.table(
        {
            "key": pa.array([row.key for row in rows], pa.string()),
            "event_time": pa.array(times["event"], TIME),
            "ingested_at": pa.array(times["ingested"], TIME),
            "value": pa.array([row.value for row in rows], pa.float64()),
        }
    )


def by_trying_every_row(asked: Row, rows: list[Row], maximum_age: int | None, known_by: KnownBy) -> int:
    best, best_rank = NO_ROW, (-1, -1)
    for index, row in enumerate(rows):
        if row.key != asked.key or row.event > asked.event:
            continue
        if known_by is KnownBy.EVENT and row.ingested > asked.event:
            continue
        if (row.event, row.ingested) >= best_rank:
            best, best_rank = index, (row.event, row.ingested)
    if best != NO_ROW and maximum_age is not None and asked.event - rows[best].event > maximum_age:
        return NO_ROW
    return best


@given(left_rows, table_rows, st.one_of(st.none(), hours), st.sampled_from(KnownBy), st.sampled_from([1, 1 << 62]))
def test_each_row_gets_what_was_valid_then(
    left: list[Row], rows: list[Row], maximum_age: int | None, known_by: KnownBy, packable: int
) -> None:
    """Also where so many keys over so long a time do not fit into one number."""
    with patch.object(point_in_time, "_PACK_LIMIT", packable):
        found = as_of_indices(
            table(left),
            table(rows),
            left_key="key",
            key="key",
            maximum_age=None if maximum_age is None else timedelta(hours=maximum_age),
            known_by=known_by,
        )
    assert found.tolist() == [by_trying_every_row(asked, rows, maximum_age, known_by) for asked in left]


@given(table_rows, st.randoms(use_true_random=False))
def test_of_corrections_the_last_known_counts_in_whatever_order_they_lie(rows: list[Row], random: object) -> None:
    known = latest_known(table(rows), key="key")
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert latest_known(table(shuffled), key="key").equals(known)
    assert sort_by_time(table(shuffled), key="key").equals(sort_by_time(table(rows), key="key"))
    expected = {}
    for row in sorted(rows, key=lambda row: (row.ingested, np.inf if row.value is None else row.value)):
        expected[(START + timedelta(hours=row.event), row.key)] = row.value
    found = {(row["event_time"], row["key"]): row["value"] for row in known.to_pylist()}
    assert found == expected
    assert list(found) == sorted(found)


def test_a_correction_that_came_later_is_used_unless_it_had_to_be_known_at_the_event() -> None:
    rows = table([Row("JFK", 1, 1, 10.0), Row("JFK", 1, 5, 20.0), Row("JFK", 3, 6, 30.0)])
    left = table([Row("JFK", 4)])
    options = {"left_key": "key", "key": "key"}
    assert take_or_null(rows, as_of_indices(left, rows, **options))["value"].to_pylist() == [30.0]  # type: ignore[arg-type]
    then = as_of_indices(left, rows, **options, known_by=KnownBy.EVENT)  # type: ignore[arg-type]
    assert take_or_null(rows, then)["value"].to_pylist() == [10.0]


def test_without_a_valid_row_every_value_is_missing() -> None:
    rows = table([Row("JFK", 3, 3, 30.0)])
    left = table([Row("JFK", 2), Row("BOS", 4), Row(None, 4), Row("JFK", 4)])
    found = take_or_null(rows, as_of_indices(left, rows, left_key="key", key="key"))
    assert found["value"].to_pylist() == [None, None, None, 30.0]
    assert found["key"].to_pylist() == [None, None, None, "JFK"]

"""Rows of excluded times are left out, and no others."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from evertrain.domain.project.interval import Interval
from evertrain.tables.exclusion import without_times

START = datetime(2024, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


TABLE = pa.table({"event_time": pa.array([at(hour) for hour in range(6)], pa.timestamp("us", "UTC")), "x": range(6)})


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    kept = without_times(TABLE, [Interval(start=at(1), end=at(3)), Interval(start=at(4.5), end=at(9))])
    assert kept["x"].to_pylist() == [0, 3, 4]


def test_where_nothing_is_excluded_the_table_is_the_same() -> None:
    assert without_times(TABLE, []) is TABLE
    assert without_times(TABLE.slice(0, 0), [Interval(start=at(0), end=at(1))]).num_rows == 0

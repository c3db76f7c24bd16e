"""An interval of a table in parts: nothing is left out or there twice, and none has many more rows than asked for."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evertrain.adapters.store.delta.log import DataFile
from evertrain.adapters.store.delta.parts import split_interval
from evertrain.domain.project.interval import Interval

START = datetime(2013, 4, 1, tzinfo=UTC)
LONG_BEFORE, LONG_AFTER = START - timedelta(days=99), START + timedelta(days=99)

minutes = st.integers(-500, 500)


@st.composite
def data_files(draw: st.DrawFn) -> DataFile:
    first = draw(minutes)
    return a_file(first=first, last=draw(st.integers(first, 500)), rows=draw(st.integers(1, 2_000)))


def a_file(*, first: float, last: float, rows: int) -> DataFile:
    """Times in minutes after START."""
    return DataFile(
        path="x.parquet",
        size=1,
        rows=rows,
        event_time_min=START + timedelta(minutes=first),
        event_time_max=START + timedelta(minutes=last),
        ingested_at_min=LONG_BEFORE,
        ingested_at_max=LONG_BEFORE,
    )


def times_of(file: DataFile) -> list[datetime]:
    """As if its rows were evenly spread."""
    step = (file.event_time_max - file.event_time_min) / max(1, file.rows - 1)
    return [file.event_time_min + number * step for number in range(file.rows)]


def rows_of_each(parts: list[Interval], files: list[DataFile]) -> list[int]:
    times = sorted(moment for file in files for moment in times_of(file))
    return [bisect_left(times, part.end) - bisect_left(times, part.start) for part in parts]


@given(st.lists(data_files(), max_size=6), minutes, st.integers(1, 900), st.integers(50, 9_000))
def test_parts_follow_each_other_and_are_the_interval_together(
    files: list[DataFile], first: int, length: int, max_rows: int
) -> None:
    start = START + timedelta(minutes=first)
    whole = Interval(start=start, end=start + timedelta(minutes=length))
    parts = split_interval(files, whole, max_rows=max_rows)
    assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
    assert all(one.end == other.start for one, other in pairwise(parts))


@given(st.lists(data_files(), min_size=1, max_size=4), st.integers(100, 1_000))
def test_no_part_has_many_more_rows_than_asked_for(files: list[DataFile], max_rows: int) -> None:
    parts = split_interval(files, Interval(start=LONG_BEFORE, end=LONG_AFTER), max_rows=max_rows)
    found = rows_of_each(parts, files)
    assert sum(found) == sum(file.rows for file in files)
    # A row more of each file at either end; and of files of one instant all rows.
    at_once = sum(file.rows for file in files if file.event_time_min == file.event_time_max)
    assert max(found) <= max_rows + 2 * len(files) + at_once


def test_many_rows_of_one_instant_are_one_part() -> None:
    whole = Interval(start=LONG_BEFORE, end=LONG_AFTER)
    files = [a_file(first=0, last=0, rows=900)]
    assert rows_of_each(split_interval(files, whole, max_rows=100), files) == [0, 900]


def test_what_lies_outside_does_not_count() -> None:
    files = [a_file(first=-400, last=-1, rows=9_000), a_file(first=0, last=100, rows=101)]
    inside = Interval(start=START, end=START + timedelta(minutes=101))
    assert split_interval(files, inside, max_rows=200) == [inside]
    assert split_interval([], inside, max_rows=1) == [inside]
    assert sorted(rows_of_each(split_interval(files, inside, max_rows=60), files)) == [50, 51]

"""Rows are told apart by key and time, in every process alike."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertrain.adapters.landing.row_keys import count_contradicting_labels, count_duplicate_rows, hash_row_keys

ROWS = st.lists(st.tuples(st.text(max_size=12), st.integers(-(2**62), 2**62)), max_size=60)


def table(rows: list[tuple[str, int]], *, chunks: int = 1) -> pa.Table:
    names, times = [name for name, _ in rows], [time for _, time in rows]
    whole = pa.table(
        {"trip": pa.array(names, pa.string()), "event_time": pa.array(times, pa.timestamp("us", tz="UTC"))}
    )
    step = max(1, -(-len(rows) // chunks))
    return pa.concat_tables([whole.slice(start, step) for start in range(0, max(1, len(rows)), step)])


@given(ROWS)
@settings(max_examples=300)
def test_rows_are_alike_exactly_where_key_and_time_are(rows: list[tuple[str, int]]) -> None:
    keys = hash_row_keys(table(rows), "trip")
    assert count_duplicate_rows(keys.copy()) == len(rows) - len(set(rows))
    assert [int(key) for key in keys] == [int(hash_row_keys(table([row]), "trip")[0]) for row in rows]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from([0.0, 1.0, 2.5])), max_size=30))
def test_labels_contradict_exactly_where_a_row_has_different_ones(labels: list[tuple[str, int, float]]) -> None:
    rows = [(key, time) for key, time, _ in labels]
    labelled = table(rows).append_column("late", pa.chunked_array([[late for *_, late in labels]], pa.float64()))
    keys = hash_row_keys(labelled, "trip", label="late")
    assert count_contradicting_labels(keys) == len(set(labels)) - len(set(rows))


@given(ROWS, st.integers(1, 5))
def test_how_a_table_is_cut_changes_nothing(rows: list[tuple[str, int]], chunks: int) -> None:
    assert np.array_equal(hash_row_keys(table(rows, chunks=chunks), "trip"), hash_row_keys(table(rows), "trip"))


def test_many_rows_that_differ_a_little_are_all_apart() -> None:
    rows = 200_000
    names = pa.array([f"2013-01-{each % 28:02d}-UA{each}" for each in range(rows)])
    times = pa.array(np.repeat(np.arange(rows // 100), 100), pa.timestamp("us", tz="UTC"))
    assert count_duplicate_rows(hash_row_keys(pa.table({"trip": names, "event_time": times}), "trip")) == 0
    assert (
        count_duplicate_rows(hash_row_keys(pa.table({"trip": pa.array(["x"] * rows), "event_time": times}), "trip"))
        > 0
    )


@pytest.mark.parametrize("seed", ["1", "2"])
def test_every_process_makes_the_same(seed: str) -> None:
    code = (
        "import pyarrow as pa; from evertrain.adapters.landing.row_keys import hash_row_keys;"
        "t = pa.table({'trip': ['a', 'ü', ''], 'event_time': pa.array([1, 2, 3], pa.timestamp('us', tz='UTC'))});"
        "print(hash_row_keys(t, 'trip').tolist())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    assert told.stdout == f"{hash_row_keys(table([('a', 1), ('ü', 2), ('', 3)]), 'trip').tolist()}\n"

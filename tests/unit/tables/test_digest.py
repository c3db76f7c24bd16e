"""A digest tells rows apart, not how a library keeps them; and it is the same in every release."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from evertrain.tables.digest import table_digest

NOON, SECOND = datetime(2013, 4, 1, 12, tzinfo=UTC), datetime(2013, 4, 2, tzinfo=UTC)

ROWS = {
    "key": ["a", "Łódź", None, ""],
    "at": [
        datetime(2013, 4, 1, 12, tzinfo=UTC),
        datetime(1969, 1, 1, tzinfo=UTC),
        None,
        datetime(2013, 4, 2, tzinfo=UTC),
    ],
    "x": [1.5, None, -0.25, float("nan")],
    "flag": [True, None, False, True],
}
TIME = pa.timestamp("us", tz="UTC")
TYPES = {"key": pa.string(), "at": TIME, "x": pa.float64(), "flag": pa.bool_()}
KEPT = "bfa83f11e5b6b735060cc70cf3a5f3088f348a19e50d3e10e8bd176f3c8724fc"
"""Written down once: what a registered version says of its rows must be found again by every later release."""


def table(**changes: object) -> pa.Table:
    return pa.table({name: pa.array(values, TYPES[name]) for name, values in (ROWS | changes).items()})


def test_a_digest_stays_what_it_was() -> None:
    assert table_digest(table()) == KEPT


def test_rows_that_are_kept_otherwise_are_the_same_rows() -> None:
    rows = table()
    in_chunks = pa.concat_tables([rows.slice(0, 1), rows.slice(1, 0), rows.slice(1)])
    large = rows.set_column(0, "key", rows["key"].cast(pa.large_string()))
    with_other_nan = table(x=[1.5, float("nan"), -0.25, None])
    for other in (in_chunks, large, with_other_nan, pa.concat_tables([rows, rows]).slice(4)):
        assert table_digest(other) == KEPT


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ["a", "Łódź", "", None]},
        {"key": ["aŁ", "ódź", None, ""]},
        {"x": [1.5, 0.0, -0.25, None]},
        {"flag": [True, False, False, True]},
        {"at": [*ROWS["at"][:3], SECOND.replace(microsecond=1)]},
    ],
)
def test_other_rows_have_another_digest(changes: dict[str, object]) -> None:
    assert table_digest(table(**changes)) != KEPT


def test_the_order_and_the_names_count() -> None:
    rows = table()
    assert table_digest(rows.take([1, 0, 2, 3])) != KEPT
    assert table_digest(rows.rename_columns(["key", "at", "y", "flag"])) != KEPT
    assert table_digest(rows.slice(0, 3)) != KEPT

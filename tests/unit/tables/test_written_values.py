"""Numbers and dates are read from text where only one reading is possible; where two are, both are said."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from evertrain.tables.written_values import (
    Ambiguous,
    NotReadable,
    Spelling,
    as_levels,
    look_like,
    read_numbers,
    read_times,
    settle,
)

moment = partial(datetime, tzinfo=UTC)


def text(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def numbers(*values: str | None, **declared: Any) -> list[float | None]:
    found: list[float | None] = read_numbers(text(*values), Spelling(**declared)).to_pylist()
    return found


def times(*values: str | None, **declared: Any) -> list[datetime | None]:
    read = read_times(text(*values), Spelling(**declared)).cast(pa.timestamp("us"))
    return [None if each is None else each.replace(tzinfo=UTC) for each in read.to_pylist()]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1.234,56", "2,5", None, ""], [1234.56, 2.5, None, None]),
        (["1,234.56", "950", "-12,000"], [1234.56, 950, -12000]),
        (["1.234.567", "950"], [1234567, 950]),
        (["1 234", "5"], [1234, 5]),
        (["1\u00a0234,5", "1\u202f000"], [1234.5, 1000]),
        (["1'234.5", "1\u2019000"], [1234.5, 1000]),
        (["1,234", "1234"], [1.234, 1234]),  # whoever separates thousands does so everywhere
        (["0,126", "1,500"], [0.126, 1.5]),  # no thousand begins with a zero
        (["0.126", "1.500", "NaN", "null"], [0.126, 1.5, None, None]),
        (["1,5e3", ",5"], [1500, 0.5]),
        (["12", "5"], [12, 5]),
    ],
)
def test_numbers_are_read_where_one_reading_is_possible(
    written: list[str | None], expected: list[float | None]
) -> None:
    assert numbers(*written) == expected


@pytest.mark.parametrize(
    ("written", "declared", "told"),
    [
        (["950", "1,234"], {}, "1,234 is 1234 if the comma separates thousands, or 1.234 if it is decimal"),
        (
            ["950", "1.234"],
            {"points_may_group": True},
            "1.234 is 1234 if the point separates thousands, or 1.234 if it is decimal",
        ),
    ],
)
def test_numbers_with_two_readings_are_told_with_both(
    written: list[str], declared: dict[str, Any], told: str
) -> None:
    with pytest.raises(Ambiguous) as raised:
        numbers(*written, **declared)
    assert raised.value.describe(raised.value.example) == told
    assert raised.value.choices == (".", ",")
    assert numbers(*written, decimal=".") == ([950, 1234] if "," in written[1] else [950, 1.234])
    assert numbers(*written, decimal=",") == ([950, 1.234] if "," in written[1] else [950, 1234])


@pytest.mark.parametrize(
    ("written", "declared", "row"),
    [
        (["1,5", "x", "2"], {}, 1),
        (["1.234,5", "2.000,5", "1,234.5"], {}, 2),
        (["10.19,5"], {"decimal": ","}, 0),
        (["1.5"], {"decimal": ","}, 0),
        (["1,234.5"], {"thousands": "none"}, 0),
    ],
)
def test_what_is_no_number_is_named_by_its_row(written: list[str], declared: dict[str, Any], row: int) -> None:
    with pytest.raises(NotReadable) as raised:
        numbers(*written, **declared)
    assert raised.value.row == row


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["31/12/2024", "01/02/2024", ""], [moment(2024, 12, 31), moment(2024, 2, 1), None]),
        (["12/31/2024 2:05 PM", "1/2/2024 12:30 AM"], [moment(2024, 12, 31, 14, 5), moment(2024, 1, 2, 0, 30)]),
        (["31.12.2024 08:15", "1.2.2024 8:15:30"], [moment(2024, 12, 31, 8, 15), moment(2024, 2, 1, 8, 15, 30)]),
        (["2024/01/31 10:00", "2024.2.1"], [moment(2024, 1, 31, 10), moment(2024, 2, 1)]),
        (["05/05/2024", "06/06/2024"], [moment(2024, 5, 5), moment(2024, 6, 6)]),  # the same in both orders
        (["2024-01-31T10:00:00+02:00"], [moment(2024, 1, 31, 8)]),
        (["31.12.2024 10:00+0100"], [moment(2024, 12, 31, 9)]),
    ],
)  # fmt: skip
def test_dates_are_read_where_one_reading_is_possible(written: list[str], expected: list[datetime]) -> None:
    assert times(*written) == expected


def test_dates_with_two_readings_are_told_with_both() -> None:
    with pytest.raises(Ambiguous) as raised:
        times("03/03/2024", "01/02/2024")
    assert raised.value.describe(raised.value.example) == "01/02/2024 is 1 February or 2 January"
    assert raised.value.form == "01/02/2024"
    assert times("01/02/2024", dates="day_first") == [moment(2024, 2, 1)]
    assert times("01/02/2024", dates="month_first") == [moment(2024, 1, 2)]


def test_two_digits_of_a_year_are_not_certain() -> None:
    with pytest.raises(Ambiguous) as raised:
        times("1/31/24")
    assert "two digits for its year" in raised.value.describe(raised.value.example)
    assert times("1/31/24", "12/1/68", "12/1/69", dates="month_first") == [
        moment(2024, 1, 31),
        moment(2068, 12, 1),
        moment(1969, 12, 1),
    ]


@pytest.mark.parametrize("written", [["31/02/2024"], ["31/12/2024", "12/31/2024"], ["31/12/2024", "soon"]])
def test_what_is_no_date_is_named_by_its_row(written: list[str]) -> None:
    with pytest.raises(NotReadable) as raised:
        times(*written)
    assert raised.value.row == len(written) - 1 or "12/31/2024" in written


def test_a_pattern_is_read_beside_iso_8601_and_takes_no_day_that_is_not() -> None:
    assert times("31-Jan-2024", None, dates="%d-%b-%Y") == [moment(2024, 1, 31), None]
    assert times("2024-01-31", dates="%d-%b-%Y") == [moment(2024, 1, 31)]
    with pytest.raises(NotReadable):
        times("31-Feb-2024", dates="%d-%b-%Y")
    zoned = read_times(text("31.01.2024 10:00 +0100"), Spelling(dates="%d.%m.%Y %H:%M %z"))
    assert zoned.to_pylist()[0] == moment(2024, 1, 31, 9)


def test_what_is_certain_of_one_column_holds_for_the_others_unless_they_contradict() -> None:
    assert settle([text("1.234,5"), text("1,234"), text("13/02/2024")], Spelling()) == Spelling(
        decimal=",", dates="day_first"
    )
    assert settle([text("0.5", "1.5"), text("1,234")], Spelling()).decimal == "."
    assert settle([text("1.234,5"), text("1,234.5")], Spelling()).decimal is None
    assert settle([text("13/02/2024"), text("02/13/2024")], Spelling()).dates is None
    assert settle([text("1,234"), text("01/02/2024"), text("1-2", "A")], Spelling()) == Spelling()
    assert settle([text(*["01/02/2024"] * 500, "13/02/2024")], Spelling()).dates == "day_first"
    declared = Spelling(decimal=".", dates="month_first")
    assert settle([text("1.234,5"), text("13/02/2024")], declared) == declared


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1,5", "2"], "numbers"),
        (["31/12/2024", None], "times"),
        (["2024/12/31"], "times"),
        (["12", "007"], ""),
        (["a, b", "1"], ""),
        (["2024-12-31"], ""),  # that a file's reader knows itself
        ([None, ""], ""),
        (["192.168.0.1", "1.2.3"], ""),
        (["12-34-5678"], ""),
    ],
)
def test_what_text_looks_like(written: list[str | None], expected: str) -> None:
    assert look_like(text(*written), Spelling()) == expected


def test_levels_are_spelled_as_typed_values_would_be() -> None:
    assert as_levels(text("12.0", None, "7.0", "")).to_pylist() == ["12", None, "7", ""]
    assert as_levels(text("True", "False", None)).to_pylist() == ["true", "false", None]
    for kept in (text("1.0", "1.1"), text("007.0"), text("True", "maybe"), text("12"), text(None)):
        assert as_levels(kept) is kept

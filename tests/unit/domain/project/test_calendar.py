"""Quiet days of each year, also across the new year."""

from datetime import UTC, datetime

import pytest

from evertrain.domain.project.calendar import parse_quiet_days

HOLIDAYS = parse_quiet_days("12-20 to 01-06")


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (datetime(2013, 12, 19, 23, 59, tzinfo=UTC), None),
        (datetime(2013, 12, 20, tzinfo=UTC), datetime(2014, 1, 7, tzinfo=UTC)),
        (datetime(2014, 1, 6, 23, 59, tzinfo=UTC), datetime(2014, 1, 7, tzinfo=UTC)),
        (datetime(2014, 1, 7, tzinfo=UTC), None),
    ],
)
def test_days_across_the_new_year_end_in_it(moment: datetime, end: datetime | None) -> None:
    assert HOLIDAYS.end_after(moment) == end


def test_the_29th_of_february_is_there_in_leap_years() -> None:
    leap = parse_quiet_days("02-29 to 02-29")
    assert leap.end_after(datetime(2024, 2, 29, 12, tzinfo=UTC)) == datetime(2024, 3, 1, tzinfo=UTC)
    assert leap.end_after(datetime(2023, 3, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("text", ["", "20 Dec to 6 Jan", "12-20", "13-01 to 13-02", "02-30 to 03-01"])
def test_what_is_no_pair_of_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quiet days are such as"):
        parse_quiet_days(text)


def test_most_of_a_year_cannot_be_quiet() -> None:
    with pytest.raises(ValueError, match="at most 180 in a row"):
        parse_quiet_days("01-02 to 01-01")

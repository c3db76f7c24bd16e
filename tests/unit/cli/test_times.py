"""Times as options name them."""

from datetime import UTC, datetime, timedelta

import pytest

from evertrain.cli.store import InvalidTime, parse_past_time

NOW = datetime(2013, 4, 1, 12, tzinfo=UTC)


def test_who_answers_in_the_future_is_not_told() -> None:
    expected = r"^--at 2030-01-01: is in the future; name a time before 2013-04-01 12:00 UTC$"
    with pytest.raises(InvalidTime, match=expected):
        parse_past_time("--at", "2030-01-01", now=NOW)


def test_any_time_until_now_can_be_asked_for_also_by_a_clock_that_is_fast() -> None:
    assert parse_past_time("--at", None, now=NOW) is None
    assert parse_past_time("--at", "2013-04-01T12:00Z", now=NOW) == NOW
    assert parse_past_time("--at", "2013-03-31T12:00Z", now=NOW) == NOW - timedelta(days=1)
    assert parse_past_time("--at", "2013-04-01T12:05Z", now=NOW) == NOW + timedelta(minutes=5)


def test_what_is_no_time_is_named_with_its_option() -> None:
    with pytest.raises(InvalidTime, match=r"^--at gestern: an ISO 8601 time such as 2013-04-01"):
        parse_past_time("--at", "gestern", now=NOW)

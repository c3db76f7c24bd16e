"""Days of each year on which nothing is retrained, such as those around the new year."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietDays:
    """From `first` to `last`, both included, as (month, day) in UTC. `last` before `first` is in the next year."""

    first: tuple[int, int]
    last: tuple[int, int]

    def end_after(self, moment: datetime) -> datetime | None:
        """When they are over, if the moment is one of them."""
        day = moment.astimezone(UTC).date()
        if not self._contains(day):
            return None
        while self._contains(day):
            day += timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    def _contains(self, day: date) -> bool:
        today = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last

    def __str__(self) -> str:
        return " to ".join(f"{month:02}-{day:02}" for month, day in (self.first, self.last))


def parse_quiet_days(text: str) -> QuietDays:
    """
    >>> str(parse_quiet_days("12-20 to 01-06"))
    '12-20 to 01-06'
    >>> parse_quiet_days("02-30 to 03-01")
    Traceback (most recent call last):
    ValueError: quiet days are such as "12-20 to 01-06", month and day; not '02-30 to 03-01'
    """
    matched = re.fullmatch(r"(\d\d)-(\d\d) to (\d\d)-(\d\d)", text)
    try:
        if matched is None:
            raise ValueError
        numbers = [int(each) for each in matched.groups()]
        first, last = (date(LEAP_YEAR, month, day) for month, day in (numbers[:2], numbers[2:]))
    except ValueError:
        raise ValueError(f'quiet days are such as "12-20 to 01-06", month and day; not {text!r}') from None
    found = QuietDays(first=(first.month, first.day), last=(last.month, last.day))
    if (last - first).days % 366 >= MAX_QUIET_DAYS:
        raise ValueError(f"quiet days are at most {MAX_QUIET_DAYS} in a row; {text} are more")
    return found


MAX_QUIET_DAYS = 180

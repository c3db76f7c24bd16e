"""Axes of plots: values and times in, positions in pixels and round ticks out. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor, log10

PLAIN_NUMBERS = (1e-6, 1e6)
"""Between these a tick is written out, with the decimals that its step has; beyond, with an exponent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Values from `low` to `high` lie on pixels from `begin` to `end`; `end` is the lesser one where values grow
    upwards."""

    low: float
    high: float
    begin: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], *, begin: float, end: float) -> "Axis":
        """With some room on both sides."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        largest = max(abs(low), abs(high))
        is_one_value = high - low <= 1e-9 * largest
        room = (0.05 * largest or 0.5) if is_one_value else 0.06 * (high - low)
        return cls(low=low - room, high=high + room, begin=begin, end=end)

    def at(self, value: float) -> float:
        return self.begin + (self.end - self.begin) * (value - self.low) / (self.high - self.low)

    def ticks(self, *, signed: bool = False, count: int = 5) -> list[Tick]:
        """At multiples of 1, 2 or 5 times a power of ten.

        >>> [tick.text for tick in Axis(low=0.31, high=0.52, begin=0, end=100).ticks()]
        ['0.35', '0.40', '0.45', '0.50']
        """
        step = round_step((self.high - self.low) / count)
        first = -(-self.low // step)
        values = [step * (first + each) for each in range(int((self.high - first * step) // step) + 1)]
        return [
            Tick(at=self.at(value), text="0" if abs(value) < step / 2 else _text(value, step, signed))
            for value in values
        ]


def round_step(least: float) -> float:
    """
    >>> [round_step(each) for each in (0.013, 0.2, 3.4, 60)]
    [0.02, 0.2, 5.0, 100.0]
    """
    power = 10.0 ** int(f"{least:e}".partition("e")[2])
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least * 0.999)


def round_times(first: datetime, last: datetime, *, count: int) -> Iterator[tuple[datetime, str]]:
    """At most `count` round times between these, both in UTC, and how each is written.

    >>> first, last = datetime(2024, 1, 3, tzinfo=UTC), datetime(2024, 4, 20, tzinfo=UTC)
    >>> [text for _, text in round_times(first, last, count=5)]
    ['2024-02', '2024-03', '2024-04']
    >>> [text for _, text in round_times(first, first + timedelta(days=4), count=5)]
    ['2024-01-03', '2024-01-04', '2024-01-05', '2024-01-06', '2024-01-07']
    """
    for minutes in (5, 15, 60, 3 * 60, 6 * 60, 12 * 60, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY):
        step = timedelta(minutes=minutes)
        if (last - first) / step <= count:
            # Weeks begin on a Monday, as the first of 2001 was.
            moment = _MONDAY + -(-(first - _MONDAY) // step) * step
            while moment <= last:
                yield moment, f"{moment:%m-%d %H:%M}" if minutes < _DAY else f"{moment:%Y-%m-%d}"
                moment += step
            return
    span = (last.year - first.year) * 12 + last.month - first.month
    months = next((each for each in (1, 2, 3, 6) if span / each <= count), 0)
    months = months or 12 * max(1, int(round_step(span / 12 / count)))
    for number in range(-(-(first.year * 12 + first.month - 1) // months) * months, 12 * (last.year + 1), months):
        moment = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        if first <= moment <= last:
            yield moment, f"{moment:%Y-%m}" if months < 12 else f"{moment:%Y}"


_DAY = 24 * 60
_MONDAY = datetime(2001, 1, 1, tzinfo=UTC)


def _text(value: float, step: float, signed: bool) -> str:
    sign = "+" if signed else ""
    if PLAIN_NUMBERS[0] <= step and abs(value) < PLAIN_NUMBERS[1]:
        return format(value, f"{sign},.{max(0, -floor(log10(step * 1.001)))}f")
    return format(value, f"{sign}.4g")

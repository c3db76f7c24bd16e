"""Durations as they are written in TOML files and shown to people: `28d`, `36h`, `90m`."""

import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def parse_duration(text: str) -> timedelta:
    """Raises ValueError.

    >>> parse_duration("28d"), parse_duration("36h")
    (datetime.timedelta(days=28), datetime.timedelta(days=1, seconds=43200))
    """
    matched = re.fullmatch(r"([1-9]\d*)([dhm])", text)
    if matched is None:
        raise ValueError('a duration is text such as "28d", "36h" or "90m"')
    return timedelta(**{_UNITS[matched[2]]: int(matched[1])})


def format_duration(length: timedelta) -> str:
    """
    >>> format_duration(timedelta(days=28)), format_duration(timedelta(hours=36))
    ('28d', '36h')
    """
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

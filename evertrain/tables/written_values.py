"""Numbers and times that stand somewhere as text, in the spellings of people and spreadsheets.

A spelling is found where it is certain: all values of a column can be read in one way, and in one way only. Where two
readings are possible, `Ambiguous` says which. What is declared, or certain of another column, is not asked again.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.project.file_format import DECIMALS, NO_SEPARATOR, DateOrder, FileFormat
from evertrain.tables.columns import is_text

MISSING_CELLS = ["", "null", "NULL", "NaN"]
"""How a text file writes that a value is missing."""

_MISSING = rf"^({'|'.join(MISSING_CELLS)})$"
_NO_TEXT = pa.nulls(1, pa.string())[0]  # `pa.scalar` would import pandas, wherever it is installed

HEAD = 200
"""Values of a column that tell whether it is worth looking at all of them."""

Values = Any
"""A pyarrow column; pyarrow has no types of its own to check by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """As of `FileFormat`: what is declared or certain of numbers and times.

    `points_may_group`: whether 1.234 may be a thousand, as in files whose cells are separated by semicolons;
    elsewhere a point begins a fraction unless something speaks against it.
    """

    decimal: str | None = None
    thousands: str | None = None
    dates: str | None = None
    points_may_group: bool = False

    @property
    def date_pattern(self) -> str | None:
        """Of strptime, where one is declared."""
        return None if self.dates is None or self.dates in tuple(DateOrder) else self.dates

    @property
    def takes_points(self) -> bool:
        """Whether what is a number with a point is that number."""
        return self.decimal == "." or (self.decimal is None and not self.points_may_group)


UNKNOWN_SPELLING = Spelling()


def declared_spelling(declared: FileFormat, *, points_may_group: bool = False) -> Spelling:
    return Spelling(
        decimal=declared.decimal,
        thousands=declared.thousands,
        dates=declared.dates,
        points_may_group=points_may_group,
    )


class NotReadable(ValueError):
    """`row`: the index of the first value that cannot be read; None where each can, but not all in one way."""

    def __init__(self, row: int | None) -> None:
        super().__init__("not readable")
        self.row = row


class Ambiguous(ValueError):
    """Two readings are possible. `example`: a value that has both. `form`: as it is written, with other digits.
    `key`: of a format, what decides it."""

    def __init__(self, *, key: str, example: str, form: str, row: int) -> None:
        super().__init__(form)
        self.key, self.example, self.form, self.row = key, example, form, row

    def describe(self, example: str) -> str:
        """In half a sentence, of a value that is written so."""
        if self.key == "dates":
            first, second, year = (int(each) for each in re.findall(r"\d+", example)[:3])
            if max(first, second) > 12 or year < 100:
                return f"{example} has two digits for its year, and may begin with any part"
            return f"{example} is {first} {_MONTHS[second - 1]} or {second} {_MONTHS[first - 1]}"
        mark = "," if "," in example else "."
        name = "comma" if mark == "," else "point"
        whole = example.replace(mark, "")
        plain = example.replace(",", ".")
        return f"{example} is {whole} if the {name} separates thousands, or {plain} if it is decimal"

    @property
    def choices(self) -> tuple[str, str]:
        """What may be declared of the key."""
        return (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST) if self.key == "dates" else DECIMALS


_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def read_numbers(values: Values, spelling: Spelling) -> Values:
    """Text as float64. Raises NotReadable, Ambiguous."""
    # Without thousands Arrow reads them by itself, ten times as fast.
    if spelling.takes_points or not pc.any(pc.match_substring(values, ".")).as_py():
        with suppress(pa.ArrowInvalid):
            plain = pc.replace_substring(values, ",", ".") if spelling.decimal == "," else values
            return pc.cast(plain, pa.float64())
    filled = without_blanks(values)
    readings = _possible_readings(filled, spelling)
    if not readings:
        raise NotReadable(_first_other(filled, _likeliest_reading(filled, spelling)))
    if len(readings) > 1:
        raise _ambiguous_number(filled)
    return pc.cast(readings[0].plain(filled), pa.float64())


def read_times(values: Values, spelling: Spelling) -> Values:
    """Text as timestamps: of UTC where it has offsets, without a zone where it has none. Raises NotReadable,
    Ambiguous."""
    if spelling.date_pattern is not None:
        with suppress(NotReadable):
            return _by_pattern(without_blanks(values), spelling.date_pattern)
    with suppress(pa.ArrowInvalid):
        return _iso_times(values)
    filled = without_blanks(values)
    as_iso = _year_last(filled, spelling)
    with suppress(pa.ArrowInvalid):
        return _iso_times(as_iso)
    for value in as_iso.drop_null().unique().to_pylist():
        try:
            _iso_times(pa.array([value]))
        except pa.ArrowInvalid:
            raise NotReadable(pc.index(as_iso, value).as_py()) from None
    raise NotReadable(None)


def settle(columns: Iterable[Values], spelling: Spelling) -> Spelling:
    """What is certain of some text columns of a file, and contradicted by none, holds for all of them."""
    marks: set[str] = set()
    orders: set[str] = set()
    for values in columns:
        head = without_blanks(values[:HEAD])
        if spelling.decimal is None and _may_be_separated(head):
            marks |= _first_certain(lambda cells: _implied_decimals(cells, spelling), head, values)
        if spelling.dates is None and _may_be_dates(head):
            orders |= _first_certain(_possible_orders, head, values)
    return replace(
        spelling,
        decimal=spelling.decimal or (marks.pop() if len(marks) == 1 else None),
        dates=spelling.dates or (orders.pop() if len(orders) == 1 else None),
    )


def _first_certain(find: Callable[[Values], set[str]], head: Values, values: Values) -> set[str]:
    """The only one that is found in the head, or else in all values; none where it is not certain."""
    found = find(head)
    if len(found) > 1:
        found = find(without_blanks(values))
    return found if len(found) == 1 else set()


def _implied_decimals(values: Values, spelling: Spelling) -> set[str]:
    readings = _possible_readings(values, spelling)
    if not spelling.points_may_group and len(readings) > 1:
        readings = [each for each in readings if each.thousands != "."]
    return {each.implied_decimal for each in readings if each.implied_decimal}


def look_like(values: Values, spelling: Spelling) -> str:
    """What a text column holds beside levels: "numbers", "times", or empty for neither. By its first values; numbers
    without anything between their digits are the file's own affair."""
    head = without_blanks(values[:HEAD])
    if not head.null_count < len(head):
        return ""
    if _may_be_dates(head) or (spelling.date_pattern and _fits_pattern(head, spelling.date_pattern)):
        return "times"
    return "numbers" if _may_be_separated(head) else ""


def as_levels(values: Values) -> Values:
    """Text, as the levels that a typed column of the same values has: data frames write a column of whole numbers
    with gaps as 12.0, and flags as True. The same object where that changes nothing."""
    head = values[:HEAD].drop_null().unique().to_pylist()
    first = next((each for each in head if each not in MISSING_CELLS), "")
    if first in ("True", "False", "TRUE", "FALSE"):
        return pc.utf8_lower(values) if _hold_all(values, r"^(True|False|TRUE|FALSE|)$") else values
    if first.endswith(".0") and _hold_all(values, r"^(-?(0|[1-9]\d*)\.0|)$"):
        return pc.replace_substring_regex(values, r"\.0$", "")
    return values


# --- numbers ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reading:
    """A number's decimal mark and what stands between its thousands; empty where it has none."""

    decimal: str
    thousands: str

    @property
    def pattern(self) -> str:
        between = _BETWEEN[self.thousands]
        whole = rf"(\d{{1,3}}|[1-9]\d{{0,2}}({between}\d{{3}})+)" if between else r"\d+"
        mark = re.escape(self.decimal)
        return rf"^\s*[-+]?({whole}({mark}\d*)?|{mark}\d+)([eE][-+]?\d+)?\s*$"

    @property
    def implied_decimal(self) -> str | None:
        """Where only one decimal mark goes with it."""
        return self.decimal or {",": ".", ".": ","}.get(self.thousands)

    def plain(self, values: Values) -> Values:
        values = pc.utf8_trim_whitespace(values)
        if self.thousands:
            values = pc.replace_substring_regex(values, _BETWEEN[self.thousands], "")
        return pc.replace_substring(values, ",", ".") if self.decimal == "," else values


_BETWEEN = {"": "", ",": ",", ".": r"\.", " ": r"[ \x{a0}\x{202f}]", "'": r"['\x{2019}]"}


def _allowed_readings(spelling: Spelling) -> list[_Reading]:
    decimals = DECIMALS if spelling.decimal is None else (spelling.decimal,)
    betweens = tuple(_BETWEEN)
    if spelling.thousands is not None:
        betweens = ("",) if spelling.thousands == NO_SEPARATOR else ("", spelling.thousands)
    return [_Reading(decimal, between) for decimal in decimals for between in betweens if decimal != between]


def _possible_readings(values: Values, spelling: Spelling) -> list[_Reading]:
    """Those in which each value is a number; one of such that come to the same."""
    found: dict[_Reading, None] = {}
    for reading in _allowed_readings(spelling):
        if _hold_all(values[:HEAD], reading.pattern) and _hold_all(values, reading.pattern):
            found[_used(reading, values)] = None
    return list(found)


def _used(reading: _Reading, values: Values) -> _Reading:
    """Without a mark that no value has."""
    has_decimal = _some_hold(values, re.escape(reading.decimal))
    has_thousands = reading.thousands and _some_hold(values, _BETWEEN[reading.thousands])
    return _Reading(reading.decimal if has_decimal else "", reading.thousands if has_thousands else "")


def _likeliest_reading(values: Values, spelling: Spelling) -> _Reading:
    """In which most of the values are numbers."""
    counts = {
        reading: pc.sum(pc.match_substring_regex(values, reading.pattern)).as_py() or 0
        for reading in _allowed_readings(spelling)
    }
    return max(counts, key=lambda each: counts[each])


def _ambiguous_number(values: Values) -> Ambiguous:
    row = pc.index(pc.match_substring_regex(values, r"\d[.,]\d"), True).as_py()
    example = values[row].as_py().strip()
    return Ambiguous(key="decimal", example=example, form="1,234" if "," in example else "1.234", row=row)


def _may_be_separated(head: Values) -> bool:
    """Most are numbers in some reading, and some have marks. Not all: one that is none is told, if nothing else
    speaks against it."""
    there = head.drop_null()
    return (
        len(there) > 0
        and _some_hold(pc.utf8_trim_whitespace(there), _MARKS)
        and _hold_most(there, _DIGITS)
        and any(_hold_most(there, reading.pattern) for reading in _allowed_readings(UNKNOWN_SPELLING))
    )


_DIGITS = r"^\s*[-+]?[\d.,'\x{2019} \x{a0}\x{202f}]*\d([eE][-+]?\d+)?\s*$"
_MARKS = r"[.,'\x{2019} \x{a0}\x{202f}]"


# --- times --------------------------------------------------------------------------------------------

_CLOCK = (
    r"(?:,?[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d{1,9})?))?\s*(?P<half>[AaPp][Mm])?)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?\s*$"
)
_TO_31 = r"0?[1-9]|[12]\d|3[01]"
_YEAR_LAST = rf"^\s*(?P<first>{_TO_31})[./-](?P<next>{_TO_31})[./-](?P<year>\d{{4}}|\d{{2}})" + _CLOCK
_YEAR_FIRST = rf"^\s*(?P<year>\d{{4}})[./-](?P<first>{_TO_31})[./-](?P<next>{_TO_31})" + _CLOCK

_DATES_OF_PEOPLE = (_YEAR_LAST, _YEAR_FIRST.replace("[./-]", "[./]"))

_CENTURY_TURNS = 69
"""POSIX: of two digits, 69 to 99 are years of the last century."""


def _may_be_dates(head: Values) -> bool:
    there = head.drop_null()
    return len(there) > 0 and any(_hold_most(there, pattern) for pattern in _DATES_OF_PEOPLE)


def _possible_orders(values: Values) -> set[str]:
    """Of dates whose year is last: which orders they can be in. Of years with two digits none is certain."""
    parts = pc.extract_regex(values, pattern=_YEAR_LAST)
    if not parts.null_count < len(parts):
        return set()
    first, second = (pc.cast(pc.struct_field(parts, name), pa.int32()) for name in ("first", "next"))
    largest, other = pc.max(first).as_py(), pc.max(second).as_py()
    if pc.min(pc.utf8_length(pc.struct_field(parts, "year"))).as_py() == 2:
        return {*DateOrder}
    orders = {DateOrder.DAY_FIRST.value} if other <= 12 else set()
    orders |= {DateOrder.MONTH_FIRST.value} if largest <= 12 else set()
    if len(orders) == 2 and pc.all(pc.equal(first, second)).as_py():
        return {DateOrder.DAY_FIRST.value}  # both are the same day
    return orders


def _year_last(values: Values, spelling: Spelling) -> Values:
    """Dates of people as ISO 8601; what is none stays as it is. Raises Ambiguous, NotReadable."""
    order = None if spelling.date_pattern else spelling.dates
    if order is None:
        orders = _possible_orders(values)
        if len(orders) > 1:
            raise _ambiguous_date(values)
        order = next(iter(orders), DateOrder.DAY_FIRST)
    for pattern in (_YEAR_LAST, _YEAR_FIRST):
        parts = pc.extract_regex(values, pattern=pattern)
        if parts.null_count == len(parts):
            continue
        is_day_first = pattern == _YEAR_LAST and order == DateOrder.DAY_FIRST
        values = pc.if_else(pc.is_valid(parts), _iso_of(parts, is_day_first=is_day_first), values)
    return values


def _iso_of(parts: Values, *, is_day_first: bool) -> Values:
    part = {field.name: pc.struct_field(parts, field.name) for field in parts.type}
    day, month = ("first", "next") if is_day_first else ("next", "first")
    year = _four_digits(part["year"])
    date = pc.binary_join_element_wise(year, _two_digits(part[month]), _two_digits(part[day]), "-")
    has_clock = pc.greater(pc.binary_length(part["hour"]), 0)
    second = pc.if_else(pc.equal(part["second"], ""), "00", part["second"])
    clock = pc.binary_join_element_wise(_hours(part["hour"], part["half"]), part["minute"], second, ":")
    zone = pc.replace_substring_regex(part["zone"], r"([+-]\d{2})(\d{2})$", r"\1:\2")
    with_clock = pc.binary_join_element_wise(pc.binary_join_element_wise(date, clock, "T"), zone, "")
    return pc.if_else(has_clock, with_clock, date)


def _two_digits(texts: Values) -> Values:
    return pc.utf8_lpad(texts, 2, "0")


def _four_digits(years: Values) -> Values:
    numbers = pc.cast(years, pa.int32())
    century = pc.if_else(pc.less(numbers, _CENTURY_TURNS), 2000, 1900)
    short = pc.equal(pc.utf8_length(years), 2)
    return pc.utf8_lpad(pc.cast(pc.if_else(short, pc.add(numbers, century), numbers), pa.string()), 4, "0")


def _hours(hours: Values, half: Values) -> Values:
    """Of 24, where they were of 12."""
    number = pc.cast(pc.if_else(pc.equal(hours, ""), "0", hours), pa.int32())
    half = pc.utf8_lower(half)
    twelve = pc.if_else(pc.equal(number, 12), 0, number)
    of_day = pc.if_else(pc.equal(half, "pm"), pc.add(twelve, 12), pc.if_else(pc.equal(half, "am"), twelve, number))
    return _two_digits(pc.cast(of_day, pa.string()))


def _iso_times(values: Values) -> Values:
    """Raises ArrowInvalid. Data frames write nanoseconds, with a zone or without."""
    with suppress(pa.ArrowInvalid):
        return pc.cast(values, pa.timestamp("ns", tz="UTC"))
    return pc.cast(values, pa.timestamp("ns"))


def _ambiguous_date(values: Values) -> Ambiguous:
    parts = pc.extract_regex(values, pattern=_YEAR_LAST)
    differ = pc.not_equal(*(pc.cast(pc.struct_field(parts, name), pa.int32()) for name in ("first", "next")))
    small = pc.less_equal(pc.cast(pc.struct_field(parts, "first"), pa.int32()), 12)
    small = pc.and_(small, pc.less_equal(pc.cast(pc.struct_field(parts, "next"), pa.int32()), 12))
    row = max(0, pc.index(pc.and_(differ, small), True).as_py())
    example = values[row].as_py().strip()
    mark = next(each for each in example if each in "./-")
    year = "2024" if re.search(r"\d{4}", example) else "24"
    return Ambiguous(key="dates", example=example, form=mark.join(("01", "02", year)), row=row)


def _by_pattern(values: Values, pattern: str) -> Values:
    """Of each different text once, by Python's own strptime: Arrow's takes the 31st of February. Raises
    NotReadable."""
    different = values.unique().to_pylist()
    read: list[datetime | None] = []
    for text in different:
        try:
            read.append(None if text is None else datetime.strptime(text.strip(), pattern))  # noqa: DTZ007  # as written
        except ValueError:
            raise NotReadable(pc.index(values, text).as_py()) from None
    zoned = [each for each in read if each is not None and each.tzinfo is not None]
    kind = pa.timestamp("us", tz="UTC" if zoned else None)
    moments = pa.array([each.astimezone(UTC) if each is not None and zoned else each for each in read], kind)
    return moments.take(pc.index_in(values, value_set=pa.array(different, values.type)))


def _fits_pattern(head: Values, pattern: str) -> bool:
    try:
        _by_pattern(head, pattern)
    except NotReadable:
        return False
    return True


# --- text ---------------------------------------------------------------------------------------------


def written_columns(table: pa.Table) -> Iterator[Values]:
    """The columns of text, as text."""
    for values in table.columns:
        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        if is_text(kind):
            yield pc.cast(values, pa.string())


def without_blanks(values: Values) -> Values:
    """Of text that is none of a category: what a CSV file's cell is missing by is missing."""
    values = pc.cast(values, pa.string())
    return pc.if_else(pc.match_substring_regex(values, _MISSING), _NO_TEXT, values)


def _hold_all(values: Values, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(values, pattern)).as_py() is not False


def _hold_most(values: Values, pattern: str) -> bool:
    return bool(pc.sum(pc.match_substring_regex(values, pattern)).as_py() > _MOST * len(values))


_MOST = 0.9


def _some_hold(values: Values, pattern: str) -> bool:
    return pc.any(pc.match_substring_regex(values, pattern)).as_py() is True


def _first_other(values: Values, reading: _Reading) -> int:
    return int(pc.index(pc.match_substring_regex(values, reading.pattern), False).as_py())

"""Checks each column of a landed batch against its feed's declaration: casts it to the stored type, names every
fault, with the row where it is first found. What a row holds is never told: faults travel to logs, events and mail.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.store.schema import PLAIN_TIMESTAMP
from evertrain.domain.landing.batches import Fault
from evertrain.domain.landing.feeds import CLOCK_SKEW, EVENT_TIME, MIN_EVENT_TIME, FeedSchema
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.prediction import describe_classes
from evertrain.tables.columns import ARROW_TYPES, TIMESTAMP, is_text
from evertrain.tables.written_values import (
    UNKNOWN_SPELLING,
    Ambiguous,
    NotReadable,
    Spelling,
    Values,
    as_levels,
    read_numbers,
    read_times,
    without_blanks,
)

_MAX_MESSAGE_LENGTH = 240
"""Characters. A table has names of any length, and faults travel in events of at most 256 KB."""

_BYTES_OF_A_UUID = 16

_EXACT = 2.0**53
"""Up to here each whole number has a float of its own."""

_TRUE, _FALSE = ["true", "True", "TRUE", "1", "1.0"], ["false", "False", "FALSE", "0", "0.0"]


@dataclass
class CheckedColumns:
    """The columns that could be cast, by the names that the store uses, and everything that is wrong.

    `first_row`: how many rows of the object came before these.
    """

    first_row: int
    columns: dict[str, Values] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def row(self, index: int) -> str:
        """The name of a row, as people count them: the first is 1, a header is none."""
        return f"row {self.first_row + index + 1:,}"

    def add_fault(self, code: str, column: str, message: str) -> None:
        message += f" (rows from {self.first_row + 1:,} on)" if self.first_row else ""
        shown = message if len(message) <= _MAX_MESSAGE_LENGTH else f"{message[: _MAX_MESSAGE_LENGTH - 1]}…"
        self.faults.append(Fault(code=code, column=column, message=shown))


@dataclass(frozen=True, kw_only=True)
class ColumnChecker:
    """`spelling`: how numbers and times are written, where they are text. `is_text`: all cells are such text."""

    schema: FeedSchema
    now: datetime
    spelling: Spelling = UNKNOWN_SPELLING
    is_text: bool = False

    def check(self, raw: pa.Table, *, first_row: int = 0) -> CheckedColumns:
        """Of a part of a batch; `first_row`: how many rows came before it."""
        checked = CheckedColumns(first_row=first_row)
        self._check_column(raw, checked, self.schema.key, self._as_key, stored_as=self.schema.key)
        self._check_column(raw, checked, self.schema.event_time_column, self._as_time, stored_as=EVENT_TIME)
        for column in self.schema.columns:
            self._check_feature(raw, checked, column)
        self._check_event_times(checked)
        self._check_duplicates(checked)
        return checked

    def check_one(self, raw: pa.Table, column: Column, *, first_row: int = 0) -> CheckedColumns:
        """A column by itself, declared by the schema or not."""
        checked = CheckedColumns(first_row=first_row)
        self._check_feature(raw, checked, column)
        return checked

    def _check_feature(self, raw: pa.Table, checked: CheckedColumns, column: Column) -> None:
        if column.name in self.schema.may_be_left_out and column.name not in raw.column_names:
            checked.columns[column.name] = pa.nulls(raw.num_rows, ARROW_TYPES[column.kind])
            return
        convert = {
            FeatureKind.NUMERIC: self._as_number,
            FeatureKind.BOOLEAN: self._as_boolean,
            FeatureKind.CATEGORICAL: self._as_text,
            FeatureKind.TIMESTAMP: self._as_time,
        }[column.kind]
        if column.name == self.schema.label and self.schema.classes:
            convert = self._as_class
        self._check_column(raw, checked, column.name, convert, stored_as=column.name, nullable=column.nullable)
        if column.name in checked.columns:
            self._check_values(checked, column)

    def _check_column(
        self,
        raw: pa.Table,
        checked: CheckedColumns,
        name: str,
        convert: Callable[[Values], Values],
        *,
        stored_as: str,
        nullable: bool = False,
    ) -> None:
        times = raw.column_names.count(name)
        if not times:
            alike = [each for each in raw.column_names if each.strip().casefold() == name.strip().casefold()]
            there = f"there is {alike[0]!r}; rename it" if alike else self._describe_names(raw)
            checked.add_fault("missing_column", name, f"{name}: the column is missing; {there}")
            return
        if times > 1:
            checked.add_fault("duplicate_column", name, f"{name}: the column is there {times} times")
            return
        try:
            values = convert(_plain(raw[name]))
        except _WrongType as wrong:
            where = "" if wrong.row is None else f"; {checked.row(wrong.row)} is the first that is not"
            checked.add_fault(wrong.code, name, f"{name}: {wrong}{where}")
            return
        if not nullable and values.null_count:
            first = checked.row(pc.index(pc.is_null(values), True).as_py())
            message = f"{name}: {values.null_count} of {len(values)} rows have none; {first} is the first"
            checked.add_fault("null", name, message)
        checked.columns[stored_as] = values

    def _describe_names(self, raw: pa.Table) -> str:
        """Where no column is known, the names of a CSV file are likely its first row: they are not told."""
        declared = {self.schema.key, self.schema.event_time_column, *(each.name for each in self.schema.columns)}
        if self.is_text and not declared.intersection(raw.column_names):
            return "no declared column is there; is the first line a header?"
        return f"there are {', '.join(raw.column_names[:20])}"

    # --- what a column's kind takes -------------------------------------------------------------

    def _as_key(self, values: Values) -> Values:
        if pa.types.is_boolean(values.type):
            raise _WrongType("must be text or a whole number, not bool")
        return self._as_text(values)

    def _as_text(self, values: Values) -> Values:
        """Numbers and flags as a CSV file would write them: a column of codes is often one of numbers."""
        if is_text(values.type):
            return as_levels(values)
        if pa.types.is_null(values.type):
            return pc.cast(values, pa.string())
        if pa.types.is_boolean(values.type) or pa.types.is_integer(values.type):
            return pc.cast(values, pa.string())
        if pa.types.is_floating(values.type):
            # Whole numbers are such where some are missing.
            numbers = _without_nan(values)
            whole = pc.and_(pc.less(pc.abs(numbers), _EXACT), pc.equal(pc.floor(numbers), numbers))
            _require(whole, "text or a whole number")
            return pc.cast(pc.cast(numbers, pa.int64()), pa.string())
        raise _WrongType(f"must be text, not {values.type}")

    def _as_class(self, values: Values) -> Values:
        """The number of each class, as float64."""
        classes = pa.array(self.schema.classes, pa.string())
        named = without_blanks(values if is_text(values.type) else self._as_text(values))
        numbers = pc.index_in(named, value_set=classes)
        if numbers.null_count > named.null_count:
            named = as_levels(named)  # 12.0 is the class 12
            numbers = pc.index_in(named, value_set=classes)
        _require(pc.is_valid(numbers), describe_classes(self.schema.classes), among=named)
        return pc.cast(numbers, pa.float64())

    def _as_number(self, values: Values) -> Values:
        if is_text(values.type):
            return self._read(values, read_numbers, "a number")
        if pa.types.is_null(values.type):
            return pc.cast(values, pa.float64())
        if self.schema.is_binary and pa.types.is_boolean(values.type):
            return pc.cast(pc.cast(values, pa.int8()), pa.float64())
        if not (
            pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
        ):
            raise _WrongType(f"must be a number, not {values.type}")
        return _without_nan(pc.cast(values, pa.float64(), safe=False))

    def _read(self, values: Values, read: Callable[[Values, Spelling], Values], description: str) -> Values:
        """Text in the feed's spelling."""
        try:
            return read(values, self.spelling)
        except NotReadable as error:
            if error.row is None:
                description += " in one form, but some rows have a time zone and some have none"
            raise _WrongType(f"must be {description}", row=error.row) from None
        except Ambiguous as error:
            raise _Ambiguous(error, self.schema.group) from None

    def _as_boolean(self, values: Values) -> Values:
        if pa.types.is_boolean(values.type) or pa.types.is_null(values.type):
            return pc.cast(values, pa.bool_())
        if is_text(values.type):
            values = without_blanks(values)
            _require(pc.is_in(values, pa.array([*_TRUE, *_FALSE])), "true or false", among=values)
            return pc.if_else(pc.is_valid(values), pc.is_in(values, pa.array(_TRUE)), pa.scalar(None, pa.bool_()))
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            numbers = _without_nan(pc.cast(values, pa.float64(), safe=False))
            _require(pc.is_in(pc.abs(numbers), pa.array([0.0, 1.0])), "true or false", among=numbers)
            return pc.equal(numbers, 1.0)
        raise _WrongType(f"must be true or false, not {values.type}")

    def _as_time(self, values: Values) -> Values:
        if self.spelling.date_pattern is not None and pa.types.is_integer(values.type):
            values = pc.cast(values, pa.string())  # 20240131
        if is_text(values.type):
            values = self._read(values, read_times, self._described_time)
        if pa.types.is_date(values.type):
            values = pc.cast(values, PLAIN_TIMESTAMP)  # the midnight that it begins with
        if not (pa.types.is_timestamp(values.type) or pa.types.is_null(values.type)):
            raise _WrongType(f"must be a timestamp, not {values.type}")
        # Fractions of a microsecond are cut, an overflow is not wrapped round.
        try:
            if pa.types.is_timestamp(values.type) and values.type.tz is None:
                values = self._to_utc(values)
            return pc.cast(values, options=pc.CastOptions(TIMESTAMP, allow_time_truncate=True))
        except pa.ArrowInvalid as error:
            raise _WrongType("must be times that microseconds can count") from error

    @property
    def _described_time(self) -> str:
        declared = self.spelling.dates
        return "an ISO 8601 time" if declared is None else f"a time, as ISO 8601 or {declared} has it"

    def _to_utc(self, values: Values) -> Values:
        """Converts times without a zone. A column without any value passes: nothing in it could be misread."""
        offset = self.schema.utc_offset
        if offset is None and values.null_count < len(values):
            remedy = "write them with one"
            if self.schema.group:
                remedy += f", or declare time_zone in features/{self.schema.group}.toml"
            raise _TimeZoneMissing(f"times without a zone; {remedy}")
        times = pc.cast(values, options=pc.CastOptions(PLAIN_TIMESTAMP, allow_time_truncate=True))
        return pc.subtract_checked(times, pa.scalar(offset, pa.duration("us"))) if offset else times

    # --- what values must hold to ---------------------------------------------------------------

    def _check_values(self, checked: CheckedColumns, column: Column) -> None:
        values = checked.columns[column.name]
        if column.kind is FeatureKind.TIMESTAMP:
            self._check_earliest(checked, column.name, stored_as=column.name)
        if not pa.types.is_floating(values.type):
            return
        self._add_fault_where(checked, column.name, "not_finite", pc.invert(pc.is_finite(values)), "are not finite")
        if column.minimum is not None:
            description = f"are below the minimum {column.minimum:g}"
            self._add_fault_where(checked, column.name, "out_of_range", pc.less(values, column.minimum), description)
        if column.maximum is not None:
            description = f"are above the maximum {column.maximum:g}"
            self._add_fault_where(
                checked, column.name, "out_of_range", pc.greater(values, column.maximum), description
            )
        if self.schema.is_binary:
            # Not `is_in`: to it -0.0 is another number than 0.0.
            other = pc.and_(pc.not_equal(values, 0.0), pc.not_equal(values, 1.0))
            self._add_fault_where(checked, column.name, "out_of_range", other, "are neither 0 nor 1")

    def _check_event_times(self, checked: CheckedColumns) -> None:
        if EVENT_TIME in checked.columns:
            name = self.schema.event_time_column
            self._check_earliest(checked, name, stored_as=EVENT_TIME)
            latest = pa.scalar(self.now + CLOCK_SKEW, TIMESTAMP)
            late = pc.greater(checked.columns[EVENT_TIME], latest)
            description = f"are in the future; it is {self.now:%Y-%m-%d %H:%M} UTC"
            self._add_fault_where(checked, name, "future_event_time", late, description)

    def _check_earliest(self, checked: CheckedColumns, name: str, *, stored_as: str) -> None:
        early = pc.less(checked.columns[stored_as], pa.scalar(MIN_EVENT_TIME, TIMESTAMP))
        self._add_fault_where(checked, name, "out_of_range", early, f"are before {MIN_EVENT_TIME.year}")

    def _add_fault_where(self, checked: CheckedColumns, name: str, code: str, bad: Values, description: str) -> None:
        count = pc.sum(bad).as_py() or 0
        if count:
            first = checked.row(pc.index(bad, True).as_py())
            checked.add_fault(code, name, f"{name}: {count} of {len(bad)} values {description}; {first} is the first")

    def _check_duplicates(self, checked: CheckedColumns) -> None:
        if self.schema.key not in checked.columns or EVENT_TIME not in checked.columns:
            return
        keys = pa.table({name: checked.columns[name] for name in (self.schema.key, EVENT_TIME)})
        twice = find_repeated(keys, keys.column_names)
        if not twice.num_rows:
            return
        if self.schema.label:
            self._check_repeated_labels(checked, keys)
            return
        fault = duplicate_fault(self.schema, count_repeats(twice))
        checked.add_fault(fault.code, fault.column, f"{fault.message}, such as {_find_both(keys, twice, checked)}")

    def _check_repeated_labels(self, checked: CheckedColumns, keys: pa.Table) -> None:
        """Repeats of one label are reduced to one. Two different labels are a fault: nobody can tell which is meant.

        This concerns one file only. A later file corrects an earlier one.
        """
        label = self.schema.label
        if label not in checked.columns:
            return
        labelled = keys.append_column(label, checked.columns[label])
        different = labelled.group_by(labelled.column_names).aggregate([])
        several = find_repeated(different, keys.column_names)
        if several.num_rows:
            fault = contradiction_fault(label, count_repeats(several))
            both = _find_both(keys, several, checked)
            checked.add_fault(fault.code, fault.column, f"{fault.message}, such as {both}")
        else:
            checked.columns = {name: different[name] for name in different.column_names}


def duplicate_fault(schema: FeedSchema, repeats: int) -> Fault:
    description = describe_repeats(repeats, schema.key, schema.event_time_column)
    return Fault(code="duplicate_rows", column=schema.key, message=f"{schema.key}: {description}")


def describe_repeats(repeats: int, key: str, event_time: str) -> str:
    """`repeats`: rows that are too many, so that 60 rows of one key and time are 59."""
    count = "1 row repeats" if repeats == 1 else f"{repeats:,} rows repeat"
    return f"{count} the {key} and {event_time} of an earlier row"


def contradiction_fault(label: str, contradictions: int) -> Fault:
    """`contradictions`: labels that are too many, so that a row with three different ones has two."""
    count = "1 label contradicts" if contradictions == 1 else f"{contradictions:,} labels contradict"
    return Fault(
        code="contradicting_labels", column=label, message=f"{label}: {count} an earlier one of the same row"
    )


def volume_faults(rows: int, schema: FeedSchema) -> Iterator[Fault]:
    least, most = schema.batch.minimum_rows, schema.batch.maximum_rows
    if rows < least:
        yield Fault(code="too_few_rows", message=f"the batch has {rows:,} rows, {least:,} are the least")
    if most is not None and rows > most:
        yield Fault(code="too_many_rows", message=f"the batch has {rows:,} rows, {most:,} are the most")


def missing_faults(missing: Mapping[str, int], rows: int, schema: FeedSchema) -> Iterator[Fault]:
    """`missing`: by column, how many of the rows have no value."""
    for column in schema.columns:
        share = missing[column.name] / rows
        if column.maximum_missing is not None and share > column.maximum_missing:
            description = f"{share:.1%} of the values are missing, {column.maximum_missing:.1%} may be"
            yield Fault(code="too_many_missing", column=column.name, message=f"{column.name}: {description}")


def find_repeated(rows: pa.Table, names: list[str]) -> pa.Table:
    """The values of these columns that are there more than once, and in `count_all` how often each is."""
    counted = rows.group_by(names).aggregate([([], "count_all")])
    return counted.filter(pc.greater(counted["count_all"], 1))


def count_repeats(repeated: pa.Table) -> int:
    """Of what `find_repeated` found: how many rows had been there before."""
    return int((pc.sum(repeated["count_all"]).as_py() or 0) - repeated.num_rows)


def _find_both(keys: pa.Table, repeated: pa.Table, checked: CheckedColumns) -> str:
    """The first two rows that have the key and time of the first that is repeated."""
    same = None
    for name in keys.column_names:
        one = repeated[name][0]
        equal = pc.equal(keys[name], one) if one.is_valid else pc.is_null(keys[name])
        same = equal if same is None else pc.and_(same, equal)
    first, second, *_ = pc.indices_nonzero(same).to_pylist()
    return f"{checked.row(first)} and {checked.row(second)}"


class _WrongType(Exception):
    """The column's values are of another kind than declared. `row`: the index of the first such, where one is."""

    code = "wrong_type"

    def __init__(self, description: str, *, row: int | None = None) -> None:
        super().__init__(description)
        self.row = row


class _Ambiguous(_WrongType):
    """Numbers or dates can be read in two ways. Told of digits that no row has."""

    code = "ambiguous"

    def __init__(self, error: Ambiguous, group: str) -> None:
        first, second = (f'{error.key} = "{each}"' for each in error.choices)
        where = f" of features/{group}.toml" if group else ""
        super().__init__(f"{error.describe(error.form)}; declare {first} or {second} in [format]{where}")


class _TimeZoneMissing(_WrongType):
    """The times have no zone, and the feed's group declares none."""

    code = "time_zone_missing"


def _plain(values: Values) -> Values:
    """In the types that hold the same in the fewest ways: codes of text and views of it as text, UUIDs as they are
    written."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        values, kind = values.cast(kind.storage_type), kind.storage_type
    if pa.types.is_dictionary(kind):
        values = pc.cast(values, kind.value_type)
    if pa.types.is_fixed_size_binary(values.type) and values.type.byte_width == _BYTES_OF_A_UUID:
        return pa.chunked_array([[None if each is None else str(UUID(bytes=each)) for each in values.to_pylist()]])
    return pc.cast(values, pa.string()) if is_text(values.type) else values


def _without_nan(values: Values) -> Values:
    """NaN is how data frames write what is missing."""
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _require(holds: Values, description: str, *, among: Values | None = None) -> None:
    """`holds`: of each value, null where there is none; or of `among`, whose nulls are passed over."""
    wrong = pc.invert(holds) if among is None else pc.and_(pc.is_valid(among), pc.invert(holds))
    other = pc.index(wrong, True).as_py()
    if other >= 0:
        raise _WrongType(f"must be {description}", row=other)

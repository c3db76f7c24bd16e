"""Files of one's own rows as they are: names and cells, before anything is known of their meaning."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from os import PathLike
from tempfile import TemporaryFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from evertrain.adapters.files.places import DataFile, find_files, place_name
from evertrain.adapters.files.text import UncertainText
from evertrain.adapters.landing.files import RawParts, read_parts, reject_unreadable
from evertrain.adapters.monitoring.table_sources import MemorySource
from evertrain.adapters.monitoring.written_columns import why_unclear
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.ports.batch_reader import BatchRejected
from evertrain.tables.columns import is_text
from evertrain.tables.written_values import (
    MISSING_CELLS,
    UNKNOWN_SPELLING,
    Ambiguous,
    NotReadable,
    Spelling,
    Values,
    look_like,
    read_numbers,
    read_times,
    settle,
    written_columns,
)


class UnreadableRows(EvertrainError):
    """The file is no table of rows."""

    exit_status = 2


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """At least one. `name`: of the file or the folder, as errors call it. `spelling`: how text among the cells is
    written. `is_text`: all cells are text that is still to be read. `found`: what of the files' format was found, and
    is not what a reader would take for granted. `kinds_inferred`: what columns hold was guessed. `sha256`: of the
    files, empty for a table in memory."""

    name: str
    table: pa.Table
    spelling: Spelling
    is_text: bool
    sha256: str
    found: FileFormat = UNDECLARED
    kinds_inferred: bool = False

    @cached_property
    def names(self) -> list[str]:
        return list(self.table.column_names)

    def take(self, order: pa.Array) -> "RawRows":
        return replace(self, table=self.table.take(order))

    def with_column(self, name: str, values: pa.Array) -> "RawRows":
        return replace(self, table=self.table.append_column(name, values))


def read_raw_rows(where: str | PathLike[str], *, infer_kinds: bool, file_format: FileFormat = UNDECLARED) -> RawRows:
    """Parquet, Arrow, CSV with a header or JSON Lines, gzip-compressed or not; a file, a folder or a pattern, here or
    in S3. `infer_kinds`: guess from cells of text what columns hold, where nobody has declared it. `file_format`:
    what of it is declared. Raises UnreadableRows, NoFiles."""
    name, digest = place_name(where), sha256()
    read = [_read(file, file_format, digest.update) for file in find_files(where)]
    parts = [part for part in read if part.table.num_rows]  # of a header alone nothing is read, not even its names
    if not parts:
        raise UnreadableRows(f"{name} has no rows")
    _require_alike(name, parts)
    table = _below_each_other(name, [part.table for part in parts])
    _require_unique_names(name, table)
    is_written = parts[0].is_text
    spelling = parts[0].spelling
    spelling = settle(
        written_columns(table),
        replace(spelling, points_may_group=any(part.spelling.points_may_group for part in parts)),
    )
    table = _plain(table)
    found = _unusual(table, parts[0].found, spelling)
    if infer_kinds:
        table = _infer_kinds(table, spelling, name, is_written=is_written)
    return RawRows(
        name=name,
        table=table,
        spelling=spelling,
        is_text=is_written and not infer_kinds,
        sha256=digest.hexdigest(),
        found=found,
        kinds_inferred=infer_kinds,
    )


def raw_rows_in_memory(name: str, table: pa.Table, *, infer_kinds: bool) -> RawRows:
    """`infer_kinds`: as of `read_raw_rows`. Raises UnreadableRows."""
    if not table.num_rows:
        raise UnreadableRows(f"{name} has no rows")
    _require_unique_names(name, table)
    source = MemorySource(table, UNDECLARED)
    rows = _plain(pa.Table.from_batches(source.batches(table.column_names), schema=source.schema))
    spelling = settle(written_columns(rows), UNKNOWN_SPELLING)
    return RawRows(
        name=name,
        table=_infer_kinds(rows, spelling, name, is_written=False) if infer_kinds else rows,
        spelling=spelling,
        is_text=False,
        sha256="",
        kinds_inferred=infer_kinds,
    )


def _require_unique_names(name: str, table: pa.Table) -> None:
    twice = sorted({each for each in table.column_names if table.column_names.count(each) > 1})
    if twice:
        repeated = ", ".join(each or '""' for each in twice)
        raise UnreadableRows(f"{name} has several columns named {repeated}")


@dataclass(frozen=True, kw_only=True)
class _ReadFile:
    table: pa.Table
    is_text: bool
    spelling: Spelling
    found: FileFormat


def _read(file: DataFile, declared: FileFormat, on_bytes: Callable[[bytes], None]) -> _ReadFile:
    data = file.read()
    on_bytes(data)
    try:
        with TemporaryFile() as decompressed, reject_unreadable(file.name):
            parts: RawParts = read_parts(BytesIO(data), file.name, decompressed, declared)
            tables = list(parts.tables)
    except BatchRejected as rejected:
        if isinstance(uncertain := rejected.__cause__, UncertainText):
            raise UnreadableRows(f"{file.name}: {uncertain}; say which by --{uncertain.key}") from rejected
        raise UnreadableRows(str(rejected)) from rejected
    table = pa.concat_tables(tables) if tables else pa.table({})
    return _ReadFile(table=table, is_text=parts.is_text, spelling=parts.spelling, found=parts.found)


def _require_alike(name: str, parts: Sequence[_ReadFile]) -> None:
    if len({part.is_text for part in parts}) > 1:
        raise UnreadableRows(f"{name} has text files and others; take files of one format, such as {name}/*.csv")
    for part in parts:
        other = set(parts[0].table.column_names) ^ set(part.table.column_names)
        if other:
            raise UnreadableRows(f"{name}: not all files have the column {min(other)}")


def _below_each_other(name: str, tables: Sequence[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    try:
        return pa.concat_tables([_plain(each) for each in tables], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreadableRows(f"{name}: columns of its files hold different kinds of values: {reason}") from error


def _infer_kinds(table: pa.Table, spelling: Spelling, name: str, *, is_written: bool) -> pa.Table:
    """Numbers and times that stand there as text; and of cells that are all text, what Arrow's own rules for CSV make
    of the rest."""
    for column in table.column_names:
        if is_text(table[column].type):
            read = _read_values(table[column], spelling, f"{name}: {column}", iso=not is_written)
            table = table.set_column(table.column_names.index(column), column, read)
    rest = [column for column in table.column_names if is_written and is_text(table[column].type)]
    return _by_rules_for_csv(table, rest) if rest else table


def _read_values(values: Values, spelling: Spelling, name: str, *, iso: bool) -> Values:
    """`iso`: whether times that are written as such are read here already."""
    looks = look_like(values, spelling) or ("times" if iso and _begin_like_iso_dates(values) else "")
    if not looks:
        return values
    try:
        return read_times(values, spelling) if looks == "times" else read_numbers(values, spelling)
    except NotReadable:
        return values
    except Ambiguous as error:
        raise UnreadableRows(f"{name}: {why_unclear(error)}") from error


def _begin_like_iso_dates(values: Values) -> bool:
    there = values[:100].drop_null()
    return len(there) > 0 and bool(pc.all(pc.match_substring_regex(there, r"^\d{4}-\d{2}-\d{2}([T ]|$)")).as_py())


def _by_rules_for_csv(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Codes such as 007 stay text."""
    sink = pa.BufferOutputStream()
    pc_csv.write_csv(table.select(columns), sink)
    options = pc_csv.ConvertOptions(
        strings_can_be_null=True,
        null_values=MISSING_CELLS,
        column_types={each: pa.string() for each in columns if _are_codes(table[each])},
    )
    found = pc_csv.read_csv(pa.BufferReader(sink.getvalue()), convert_options=options)
    for column in columns:
        table = table.set_column(table.column_names.index(column), column, found[column])
    return _plain(table)


def _are_codes(cells: Values) -> bool:
    """Digits, of which some begin with a zero."""
    begins = pc.any(pc.match_substring_regex(cells, r"^0\d+$")).as_py()
    return bool(begins and pc.all(pc.match_substring_regex(cells, r"^(\d*|null|NULL|NaN)$")).as_py())


def _plain(table: pa.Table) -> pa.Table:
    """Dates as the midnight that they begin with; text and codes of text as text, in one chunk."""
    return pa.table(dict(_plain_columns(table))).combine_chunks()


def _plain_columns(table: pa.Table) -> Iterator[tuple[str, Values]]:
    for name, values in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_date(values.type):
            yield name, pc.cast(values, pa.timestamp("us"))
        elif pa.types.is_dictionary(values.type):
            yield name, pc.cast(values, values.type.value_type)
        elif pa.types.is_string_view(values.type):
            yield name, pc.cast(values, pa.string())
        else:
            yield name, values


def _unusual(table: pa.Table, found: FileFormat, spelling: Spelling) -> FileFormat:
    """With the decimal mark, where numbers have commas of one meaning or the other."""
    has_commas = spelling.decimal == "," or any(
        look_like(values, spelling) == "numbers" and pc.any(pc.match_substring(values, ",")).as_py()
        for values in written_columns(table)
    )
    return replace(found, decimal=spelling.decimal if has_commas else None, dates=spelling.dates)

"""A file of one's own rows as it is: names and cells, before anything is known of their meaning."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from evertrain.adapters.landing.checks import MISSING_CELLS
from evertrain.adapters.landing.files import read_parts, reject_unreadable
from evertrain.adapters.monitoring.table_sources import MemorySource
from evertrain.domain.errors import EvertrainError
from evertrain.ports.batch_reader import BatchRejected
from evertrain.tables.csv_dialect import Dialect


class UnreadableRows(EvertrainError):
    """The file is no table of rows."""

    exit_status = 2


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """`text`: how the cells are written, where they are all text that is still to be read. `name`: of the file, as
    errors call it. `sha256`: of the file, empty for a table in memory."""

    name: str
    table: pa.Table
    text: Dialect | None
    sha256: str

    @cached_property
    def names(self) -> list[str]:
        return list(self.table.column_names)

    def take(self, order: pa.Array) -> "RawRows":
        return replace(self, table=self.table.take(order))

    def with_column(self, name: str, values: pa.Array) -> "RawRows":
        return replace(self, table=self.table.append_column(name, values))


def read_raw_rows(path: Path, *, infer_kinds: bool) -> RawRows:
    """Parquet, CSV with a header or JSON Lines, gzip-compressed or not. `infer_kinds`: guess from cells of text what
    columns hold, where nobody has declared it. Raises UnreadableRows."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableRows(f"{path} cannot be read: {error.strerror}") from error
    try:
        with TemporaryFile() as decompressed, path.open("rb") as body, reject_unreadable(path.name):
            parts, text = read_parts(body, path.name, decompressed)
            tables = list(parts)
            table = pa.concat_tables(tables) if tables else pa.table({})
            if text is not None and infer_kinds:
                table, text = _infer_kinds(table, text), None
    except BatchRejected as rejected:
        raise UnreadableRows(str(rejected)) from rejected
    _require_unique_names(path.name, table)
    return RawRows(name=path.name, table=_plain(table), text=text, sha256=sha256(data).hexdigest())


def raw_rows_in_memory(name: str, table: pa.Table) -> RawRows:
    """Raises UnreadableRows."""
    _require_unique_names(name, table)
    source = MemorySource(table)
    rows = pa.Table.from_batches(source.batches(table.column_names), schema=source.schema)
    return RawRows(name=name, table=_plain(rows), text=None, sha256="")


def _require_unique_names(name: str, table: pa.Table) -> None:
    twice = sorted({column for column in table.column_names if table.column_names.count(column) > 1})
    if twice:
        raise UnreadableRows(f"{name} has several columns named {', '.join(twice)}")


def _infer_kinds(table: pa.Table, text: Dialect) -> pa.Table:
    """Of cells that are all text: by Arrow's own rules for CSV files."""
    sink = pa.BufferOutputStream()
    pc_csv.write_csv(table, sink)
    options = pc_csv.ConvertOptions(
        strings_can_be_null=True, null_values=MISSING_CELLS, decimal_point=text.decimal_point
    )
    return pc_csv.read_csv(pa.BufferReader(sink.getvalue()), convert_options=options)


def _plain(table: pa.Table) -> pa.Table:
    """Dates as the midnight that they begin with; text and codes of text as text, in one chunk."""
    columns = {}
    for name in table.column_names:
        values = table[name]
        if pa.types.is_date(values.type):
            values = pc.cast(values, pa.timestamp("us"))
        elif pa.types.is_dictionary(values.type):
            values = pc.cast(values, values.type.value_type)
        columns[name] = values
    return pa.table(columns).combine_chunks()

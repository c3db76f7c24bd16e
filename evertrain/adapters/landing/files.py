"""Parquet, CSV and JSON Lines files as tables of what is in them, some rows at a time. Nothing is checked here but
that it can be read."""

import gzip
import io
import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.adapters.landing.checks import MISSING_CELLS
from evertrain.domain.landing.batches import Fault
from evertrain.ports.batch_reader import BatchRejected
from evertrain.tables.csv_dialect import Dialect, dialect_of

ROWS_PER_CHUNK = 1 << 18
CSV_BLOCK_BYTES = 1 << 24

CSV_SUFFIXES, JSON_SUFFIXES = (".csv", ".tsv"), (".jsonl", ".ndjson", ".json")

_CSV_ROW = re.compile(r"(Expected \d+ columns, got \d+).*")
"""Arrow goes on with the row itself, which is not for messages."""


@contextmanager
def reject_unreadable(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, zlib.error, ValueError) as error:
        reason = _CSV_ROW.sub(r"\1", " ".join(str(error).split()))[:200]
        raise BatchRejected([Fault(code="unparsable", message=f"{name} cannot be read: {reason}")]) from error


def read_parts(body: BinaryIO, name: str, decompressed: BinaryIO) -> tuple[Iterator[pa.Table], Dialect | None]:
    """Some rows at a time; and where their cells are text that is still to be read, how it is written. What is
    compressed is written to `decompressed`."""
    if _begins_with(body, b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=body) as compressed:
            shutil.copyfileobj(compressed, decompressed, 1 << 20)
        body = decompressed
    if _begins_with(body, b"PAR1"):
        return parquet_parts(body), None
    plain_name = name.removesuffix(".gz")
    if plain_name.endswith(JSON_SUFFIXES):
        return _json_parts(body), Dialect()
    if plain_name.endswith(CSV_SUFFIXES):
        dialect = dialect_of(body)
        return _csv_parts(body, dialect), dialect
    endings = ", ".join((*CSV_SUFFIXES, *JSON_SUFFIXES))
    raise pa.ArrowInvalid(f"it is no Parquet file, and its name does not end in {endings}")


def _begins_with(body: BinaryIO, magic: bytes) -> bool:
    body.seek(0)
    found = body.read(len(magic)) == magic
    body.seek(0)
    return found


def parquet_parts(body: BinaryIO, groups: Sequence[int] | None = None) -> Iterator[pa.Table]:
    with pq.ParquetFile(NonClosingFile(body), pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_CHUNK, row_groups=groups):
            batch.validate(full=True)  # Parquet is not checked on reading: text may be no UTF-8
            yield pa.Table.from_batches([batch])


def _csv_parts(body: BinaryIO, dialect: Dialect) -> Iterator[pa.Table]:
    # All cells as text: whether "12" is a number or a key is the feed's to say, not a guess of the first rows.
    parse = pc_csv.ParseOptions(delimiter=dialect.delimiter)
    names = pc_csv.open_csv(NonClosingFile(body), parse_options=parse).schema.names
    body.seek(0)
    convert = pc_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=MISSING_CELLS,
    )
    waiting: list[pa.RecordBatch] = []
    blocks = pc_csv.ReadOptions(block_size=CSV_BLOCK_BYTES)
    rows = NonClosingFile(body)
    for batch in pc_csv.open_csv(rows, read_options=blocks, parse_options=parse, convert_options=convert):
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROWS_PER_CHUNK:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _json_parts(body: BinaryIO) -> Iterator[pa.Table]:
    """An object on each line, as Firehose lands them. Its values become the cells that they would be in a CSV file,
    so that the same value has the same fate."""
    import pyarrow.json as pa_json  # noqa: PLC0415  # few feeds land it, and each cold start would wait for it

    blocks = pa_json.ReadOptions(block_size=CSV_BLOCK_BYTES)
    found = pa_json.open_json(NonClosingFile(body), read_options=blocks).schema
    body.seek(0)
    # A time is text there, whose offset is to be read, not guessed.
    as_it_is = [field.with_type(pa.string()) if pa.types.is_timestamp(field.type) else field for field in found]
    parse = pa_json.ParseOptions(explicit_schema=pa.schema(as_it_is))
    for batch in pa_json.open_json(NonClosingFile(body), read_options=blocks, parse_options=parse):
        table = pa.Table.from_batches([batch])
        yield table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


class NonClosingFile(io.RawIOBase):
    """A file that Arrow closes when it is done with it, without closing ours."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

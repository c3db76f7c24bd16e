"""Parquet, Arrow, CSV and JSON Lines files as tables of what is in them, some rows at a time. Nothing is checked here
but that it can be read."""

import gzip
import io
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.adapters.files.text import (
    JSON_SUFFIXES,
    TEXT_SUFFIXES,
    TextLayout,
    UncertainText,
    as_utf_8,
    describe_read_error,
    find_encoding,
    find_layout,
)
from evertrain.domain.landing.batches import Fault
from evertrain.domain.project.file_format import UNDECLARED, FileForm, FileFormat
from evertrain.ports.batch_reader import BatchRejected
from evertrain.tables.written_values import MISSING_CELLS, Spelling, declared_spelling, settle, written_columns

ROWS_PER_CHUNK = 1 << 18
CSV_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True, kw_only=True)
class RawParts:
    """Some rows at a time. `is_compressed`: the file was. `spelling`: what is certain of how text among them is
    written. `found`: encoding and separator, where they are not the usual ones."""

    tables: Iterator[pa.Table]
    form: FileForm
    is_compressed: bool
    spelling: Spelling
    found: FileFormat = UNDECLARED

    @property
    def is_text(self) -> bool:
        """All cells are text that is still to be read."""
        return self.form is FileForm.CSV


@contextmanager
def reject_unreadable(name: str, *, declare: str = "") -> Iterator[None]:
    """`declare`: where a format is declared."""
    try:
        yield
    except UncertainText as error:
        remedy = f"; declare {error.key}{declare}" if declare else ""
        raise BatchRejected([Fault(code="unparsable", message=f"{name}: {error}{remedy}")]) from error
    except (pa.ArrowException, OSError, EOFError, zlib.error, ValueError) as error:
        reason = describe_read_error(error)
        raise BatchRejected([Fault(code="unparsable", message=f"{name} cannot be read: {reason}")]) from error


def read_parts(body: BinaryIO, name: str, decompressed: BinaryIO, declared: FileFormat) -> RawParts:
    """What is compressed is written to `decompressed`. Raises UncertainText, and what Arrow and gzip raise."""
    is_compressed = _begins_with(body, b"\x1f\x8b")
    if is_compressed:
        with gzip.GzipFile(fileobj=body) as compressed:
            shutil.copyfileobj(compressed, decompressed, 1 << 20)
        body = decompressed
    if _begins_with(body, b"PAR1"):
        return _settled(parquet_parts(body), declared, FileForm.PARQUET, is_compressed=is_compressed)
    if _begins_with(body, b"ARROW1"):
        return _settled(_arrow_parts(body), declared, FileForm.ARROW, is_compressed=is_compressed)
    plain_name = name.removesuffix(".gz").lower()
    if plain_name.endswith(JSON_SUFFIXES):
        rows = _json_parts(body, find_encoding(body, declared))
        return _settled(rows, declared, FileForm.JSON_LINES, is_compressed=is_compressed)
    if plain_name.endswith(TEXT_SUFFIXES):
        layout = find_layout(body, declared)
        return RawParts(
            tables=_csv_parts(body, layout),
            form=FileForm.CSV,
            is_compressed=is_compressed,
            spelling=layout.spelling,
            found=layout.unusual,
        )
    endings = ", ".join((*TEXT_SUFFIXES, *JSON_SUFFIXES))
    raise pa.ArrowInvalid(f"it is no Parquet or Arrow file, and its name does not end in {endings}")


def _settled(tables: Iterator[pa.Table], declared: FileFormat, form: FileForm, *, is_compressed: bool) -> RawParts:
    """By the first rows of the first part."""
    first = next(tables, None)
    spelling = declared_spelling(declared)
    if first is not None:
        spelling = settle(written_columns(first), spelling)
    return RawParts(tables=_chain(first, tables), form=form, is_compressed=is_compressed, spelling=spelling)


def _chain(first: pa.Table | None, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    if first is not None:
        yield first
    yield from rest


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


def _arrow_parts(body: BinaryIO) -> Iterator[pa.Table]:
    """Arrow's file format, which is also that of Feather."""
    with pa.ipc.open_file(NonClosingFile(body)) as reader:
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            batch.validate(full=True)
            for first in range(0, batch.num_rows, ROWS_PER_CHUNK):
                yield pa.Table.from_batches([batch.slice(first, ROWS_PER_CHUNK)])


def _csv_parts(body: BinaryIO, layout: TextLayout) -> Iterator[pa.Table]:
    # All cells as text: whether "12" is a number or a key is the feed's to say, not a guess of the first rows.
    convert = pc_csv.ConvertOptions(
        column_types=dict.fromkeys(layout.names, pa.string()),
        strings_can_be_null=True,
        null_values=MISSING_CELLS,
    )
    waiting: list[pa.RecordBatch] = []
    rows = as_utf_8(NonClosingFile(body), layout.encoding)
    for batch in pc_csv.open_csv(
        rows,
        read_options=layout.read_options(CSV_BLOCK_BYTES),
        parse_options=layout.parse_options,
        convert_options=convert,
    ):
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROWS_PER_CHUNK:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _json_parts(body: BinaryIO, encoding: str) -> Iterator[pa.Table]:
    """An object on each line, as Firehose lands them."""
    import pyarrow.json as pa_json  # noqa: PLC0415  # few feeds land it, and each cold start would wait for it

    blocks = pa_json.ReadOptions(block_size=CSV_BLOCK_BYTES)
    found = pa_json.open_json(as_utf_8(NonClosingFile(body), encoding), read_options=blocks).schema
    body.seek(0)
    # A time is text there, whose offset is to be read, not guessed.
    as_it_is = [field.with_type(pa.string()) if pa.types.is_timestamp(field.type) else field for field in found]
    parse = pa_json.ParseOptions(explicit_schema=pa.schema(as_it_is))
    rows = as_utf_8(NonClosingFile(body), encoding)
    for batch in pa_json.open_json(rows, read_options=blocks, parse_options=parse):
        yield pa.Table.from_batches([batch])


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

"""Files of rows: Parquet, Arrow, CSV in its dialects, JSON Lines; by gzip or not. Read a part at a time."""

import gzip
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.adapters.files.places import DataFile, find_files
from evertrain.adapters.files.text import (
    JSON_SUFFIXES,
    TEXT_SUFFIXES,
    UTF_8,
    TextLayout,
    as_utf_8,
    find_encoding,
    find_layout,
)
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.file_format import FileFormat
from evertrain.tables.written_values import Spelling, declared_spelling

ROWS_PER_CHUNK = 1 << 17
BLOCK = 1 << 24
"""Bytes of text that are read at a time; types are those of the first block."""


class UnusableFile(EvertrainError):
    """The file cannot be read as a table, or lacks what it is asked for."""


class TableSource(Protocol):
    """`is_written`: values stand in the file as text, so that types are a guess. `spelling`: what is declared or
    certain of how text is written. `encoding`: of the text."""

    @property
    def is_written(self) -> bool: ...

    @property
    def spelling(self) -> Spelling: ...

    @property
    def encoding(self) -> str: ...

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def index_names(self) -> Sequence[str]:
        """The columns that are said to be the index of whatever wrote the file."""

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """`as_text`: columns that are compared as levels, and are read as they are written, as far as the file still
        knows it: in CSV all, in JSON whole numbers."""


def open_source(where: str | PathLike[str], declared: FileFormat) -> TableSource:
    """Of a file, of all files in a folder, or of those that a pattern such as `2026-*.csv` names, here or in S3.

    Raises NoFiles, UnusableFile, UncertainText, OSError.
    """
    files = find_files(where)
    first = _open_file(files[0], declared)
    return first if len(files) == 1 else ManyFiles(files, first, declared)


def _open_file(file: DataFile, declared: FileFormat, *, like: pa.Schema | None = None) -> TableSource:
    """`like`: what columns hold, where the file itself does not say it. Raises UnusableFile, UncertainText,
    OSError."""
    with file.open() as opened:
        start = opened.read(6)
    if start.startswith(b"PAR1"):
        return ParquetSource(file, declared)
    if start == b"ARROW1":
        return ArrowSource(file, declared)
    name = file.name.removesuffix(".gz").lower()
    if name.endswith(JSON_SUFFIXES):
        return JsonLinesSource(file, declared, like)
    if name.endswith(TEXT_SUFFIXES):
        return CsvSource(file, declared, like)
    endings = ", ".join((*TEXT_SUFFIXES, *JSON_SUFFIXES))
    raise UnusableFile(f"{file} is no Parquet or Arrow file, and its name does not end in {endings}, or one with .gz")


@dataclass(frozen=True)
class ManyFiles:
    """One table in several files; what its columns hold is found in the first. Raises UnusableFile for one that lacks
    a column."""

    files: Sequence[DataFile]
    first: TableSource
    declared: FileFormat

    @property
    def is_written(self) -> bool:
        return self.first.is_written

    @property
    def spelling(self) -> Spelling:
        return self.first.spelling

    @property
    def encoding(self) -> str:
        return self.first.encoding

    @property
    def schema(self) -> pa.Schema:
        return self.first.schema

    @property
    def index_names(self) -> Sequence[str]:
        return self.first.index_names

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        types: pa.Schema | None = None
        for number, file in enumerate(self.files):
            source = _open_file(file, self.declared, like=self.schema) if number else self.first
            missing = [name for name in names if name not in source.schema.names]
            if missing:
                raise UnusableFile(f"{file} has no column {missing[0]}, which {self.files[0]} has")
            for batch in source.batches(names, as_text=as_text):
                types = types or batch.schema
                yield batch if batch.schema.equals(types) else batch.select(types.names).cast(types)


@dataclass(frozen=True)
class MemorySource:
    table: pa.Table
    declared: FileFormat
    is_written = False
    encoding = UTF_8

    @property
    def spelling(self) -> Spelling:
        return declared_spelling(self.declared)

    @property
    def schema(self) -> pa.Schema:
        return _without_views(self.table.schema)

    @property
    def index_names(self) -> Sequence[str]:
        return _written_index(self.schema)

    def batches(
        self,
        names: Sequence[str],
        *,
        as_text: Collection[str] = (),  # noqa: ARG002  # values have types of their own
    ) -> Iterator[pa.RecordBatch]:
        for batch in self.table.select(list(names)).to_batches(max_chunksize=ROWS_PER_CHUNK):
            yield _batch_without_views(batch)


def _without_views(schema: pa.Schema) -> pa.Schema:
    """Polars hands out views of text, which Arrow's own functions do not all take."""
    fields = [each.with_type(_type_without_views(each.type)) for each in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _type_without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _type_without_views(kind.value_type), kind.ordered)
    return pa.string() if pa.types.is_string_view(kind) else kind


def _batch_without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [_values_without_views(values) for values in batch.columns], schema=_without_views(batch.schema)
    )


def _values_without_views(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        levels = _values_without_views(values.dictionary)
        return pa.DictionaryArray.from_arrays(values.indices, levels, ordered=values.type.ordered)
    return values.cast(pa.string()) if pa.types.is_string_view(values.type) else values


def _written_index(schema: pa.Schema) -> list[str]:
    written = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in written if isinstance(name, str)]


@dataclass(frozen=True)
class ParquetSource:
    file: DataFile
    declared: FileFormat
    is_written = False
    encoding = UTF_8

    @property
    def spelling(self) -> Spelling:
        return declared_spelling(self.declared)

    @cached_property
    def schema(self) -> pa.Schema:
        with self.file.open() as opened:
            return pq.read_schema(opened)

    @property
    def index_names(self) -> Sequence[str]:
        return _written_index(self.schema)

    def batches(
        self,
        names: Sequence[str],
        *,
        as_text: Collection[str] = (),  # noqa: ARG002  # values have types of their own
    ) -> Iterator[pa.RecordBatch]:
        texts = [name for name in names if pa.types.is_string(self.schema.field(name).type)]
        # Reading ahead would hold the whole file, and is no faster from a disk.
        with self.file.open() as opened, pq.ParquetFile(opened, read_dictionary=texts, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=ROWS_PER_CHUNK, columns=list(names))


@dataclass(frozen=True)
class ArrowSource:
    file: DataFile
    declared: FileFormat
    is_written = False
    encoding = UTF_8

    @property
    def spelling(self) -> Spelling:
        return declared_spelling(self.declared)

    @property
    def index_names(self) -> Sequence[str]:
        return _written_index(self.schema)

    @cached_property
    def schema(self) -> pa.Schema:
        with self.file.open() as opened, pa.ipc.open_file(opened) as reader:
            return _without_views(reader.schema)

    def batches(
        self,
        names: Sequence[str],
        *,
        as_text: Collection[str] = (),  # noqa: ARG002  # values have types of their own
    ) -> Iterator[pa.RecordBatch]:
        with self.file.open() as opened, pa.ipc.open_file(opened) as reader:
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number).select(list(names))
                yield _batch_without_views(batch)


@dataclass(frozen=True)
class CsvSource:
    """`like`: what the columns hold that it names; the rest is guessed."""

    file: DataFile
    declared: FileFormat
    like: pa.Schema | None = None
    is_written = True
    index_names: Sequence[str] = ()

    @property
    def spelling(self) -> Spelling:
        return self._layout.spelling

    @property
    def encoding(self) -> str:
        return self._layout.encoding

    @cached_property
    def schema(self) -> pa.Schema:
        """As Arrow finds it in the first block; whole numbers that begin with a zero are codes."""
        with self._open(self._options()) as reader:
            found = reader.schema
        whole = [field.name for field in found if pa.types.is_integer(field.type)]
        if not whole or len(set(found.names)) < len(found.names):
            return _like(found, self.like)  # with names that are there twice, it will be refused
        as_written = pc_csv.ConvertOptions(include_columns=whole, column_types=dict.fromkeys(whole, pa.string()))
        with self._open(as_written) as reader:
            first = next(iter(reader), None)
        codes = [name for name in whole if first is not None and _begins_with_zero(first.column(name))]
        return _like(
            pa.schema([field.with_type(pa.string()) if field.name in codes else field for field in found]), self.like
        )

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        known = {name: _widened(self.schema.field(name).type) for name in names}
        options = self._options(include_columns=list(names), column_types=known | dict.fromkeys(as_text, pa.string()))
        with self._open(options) as reader:
            yield from reader

    def _options(self, **options: Any) -> pc_csv.ConvertOptions:
        return pc_csv.ConvertOptions(
            strings_can_be_null=True, decimal_point="," if self.spelling.decimal == "," else ".", **options
        )

    def _open(self, options: pc_csv.ConvertOptions) -> Any:
        return pc_csv.open_csv(
            as_utf_8(_open_text(self.file), self.encoding),
            read_options=self._layout.read_options(BLOCK),
            parse_options=self._layout.parse_options,
            convert_options=options,
        )

    @cached_property
    def _layout(self) -> TextLayout:
        with _open_plain(self.file) as opened:
            return find_layout(opened, self.declared)


@dataclass(frozen=True)
class JsonLinesSource:
    """An object on each line, as Firehose lands them. `like`: as of `CsvSource`."""

    file: DataFile
    declared: FileFormat
    like: pa.Schema | None = None
    is_written = True
    index_names: Sequence[str] = ()

    @property
    def spelling(self) -> Spelling:
        return declared_spelling(self.declared)

    @cached_property
    def encoding(self) -> str:
        with _open_plain(self.file) as opened:
            return find_encoding(opened, self.declared)

    @cached_property
    def schema(self) -> pa.Schema:
        return _like(self._open(None).schema, self.like)

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        known = pa.schema(
            [(each.name, each.type if each.name in as_text else _widened(each.type)) for each in self.schema]
        )
        for batch in self._open(known):
            yield batch.select(list(names))

    def _open(self, schema: pa.Schema | None) -> Any:
        import pyarrow.json as pa_json  # noqa: PLC0415  # seldom needed

        return pa_json.open_json(
            as_utf_8(_open_text(self.file), self.encoding),
            read_options=pa_json.ReadOptions(block_size=BLOCK),
            parse_options=pa_json.ParseOptions(explicit_schema=schema),
        )


def _like(found: pa.Schema, like: pa.Schema | None) -> pa.Schema:
    if like is None:
        return found
    return pa.schema([like.field(each.name) if each.name in like.names else each for each in found])


def _open_text(file: DataFile) -> Any:
    """As an Arrow stream, decompressed."""
    opened = file.open()
    is_compressed = opened.read(2) == _GZIP
    opened.seek(0)
    return pa.CompressedInputStream(opened, "gzip") if is_compressed else opened


def _open_plain(file: DataFile) -> BinaryIO:
    """As a file that can be read from its beginning again, decompressed."""
    opened = file.open()
    is_compressed = opened.read(2) == _GZIP
    opened.seek(0)
    return cast("BinaryIO", gzip.open(opened) if is_compressed else opened)


_GZIP = b"\x1f\x8b"


def _begins_with_zero(cells: Any) -> bool:
    """Some of these whole numbers, as they are written, and not because they are zero."""
    return pc.any(pc.match_substring_regex(cells, r"^0\d")).as_py() is True


def _widened(stored: pa.DataType) -> pa.DataType:
    """What follows the first block may have fractions, or times of day."""
    if pa.types.is_timestamp(stored):
        return pa.timestamp("us", tz=stored.tz)
    if pa.types.is_date(stored):
        return pa.timestamp("us")
    return pa.float64() if pa.types.is_integer(stored) else stored

"""Files of rows: Parquet, Arrow, CSV in its dialects, JSON Lines; by gzip or not. Read a part at a time."""

import glob
import gzip
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.domain.errors import EvertrainError
from evertrain.tables.csv_dialect import Dialect, dialect_of

ROWS_PER_CHUNK = 1 << 17
BLOCK = 1 << 24
"""Bytes of text that are read at a time; types are those of the first block."""

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


class UnusableFile(EvertrainError):
    """The file cannot be read as a table, or lacks what it is asked for."""


class TableSource(Protocol):
    """`is_written`: values stand in the file as text, so that types are a guess."""

    @property
    def is_written(self) -> bool: ...

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def index_names(self) -> Sequence[str]:
        """The columns that are said to be the index of whatever wrote the file."""

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """`as_text`: columns that are to be read as they are written, where the file is text."""


def open_source(path: Path) -> TableSource:
    """Of a file, of all files in a folder, or of those that a pattern such as `2026-*.csv` names.

    Raises UnusableFile, OSError.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith((".", "_")))
    elif glob.has_magic(str(path)) and not path.exists():
        files = [Path(each) for each in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207  # from anywhere
    else:
        return _open_file(path)
    if not files:
        raise UnusableFile(f"{path} has no files")
    return ManyFiles(files, _open_file(files[0]))


def _open_file(path: Path, *, like: pa.Schema | None = None) -> TableSource:
    """`like`: what columns hold, where the file itself does not say it. Raises UnusableFile, OSError."""
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PAR1"):
        return ParquetSource(path)
    if start == b"ARROW1":
        return ArrowSource(path)
    name = path.name.removesuffix(".gz").lower()
    if name.endswith(JSON_SUFFIXES):
        return JsonLinesSource(path, like)
    if name.endswith(TEXT_SUFFIXES):
        return CsvSource(path, like)
    endings = ", ".join((*TEXT_SUFFIXES, *JSON_SUFFIXES))
    raise UnusableFile(f"{path} is no Parquet or Arrow file, and its name does not end in {endings}, or one with .gz")


@dataclass(frozen=True)
class ManyFiles:
    """One table in several files; what its columns hold is found in the first. Raises UnusableFile for one that lacks
    a column."""

    paths: Sequence[Path]
    first: TableSource

    @property
    def is_written(self) -> bool:
        return self.first.is_written

    @property
    def schema(self) -> pa.Schema:
        return self.first.schema

    @property
    def index_names(self) -> Sequence[str]:
        return self.first.index_names

    def batches(self, names: Sequence[str], *, as_text: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        types: pa.Schema | None = None
        for path in self.paths:
            source = self.first if path == self.paths[0] else _open_file(path, like=self.schema)
            missing = [name for name in names if name not in source.schema.names]
            if missing:
                raise UnusableFile(f"{path} has no column {missing[0]}, which {self.paths[0]} has")
            for batch in source.batches(names, as_text=as_text):
                types = types or batch.schema
                yield batch if batch.schema.equals(types) else batch.select(types.names).cast(types)


@dataclass(frozen=True)
class MemorySource:
    table: pa.Table
    is_written = False

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
        as_text: Collection[str] = (),  # noqa: ARG002  # here values have types of their own
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
    path: Path
    is_written = False

    @cached_property
    def schema(self) -> pa.Schema:
        return pq.read_schema(self.path)

    @property
    def index_names(self) -> Sequence[str]:
        return _written_index(self.schema)

    def batches(
        self,
        names: Sequence[str],
        *,
        as_text: Collection[str] = (),  # noqa: ARG002  # here values have types of their own
    ) -> Iterator[pa.RecordBatch]:
        texts = [name for name in names if pa.types.is_string(self.schema.field(name).type)]
        # Reading ahead would hold the whole file, and is no faster from a disk.
        with pq.ParquetFile(self.path, read_dictionary=texts, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=ROWS_PER_CHUNK, columns=list(names))


@dataclass(frozen=True)
class ArrowSource:
    path: Path
    is_written = False
    index_names: Sequence[str] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        with pa.ipc.open_file(self.path) as reader:
            return _without_views(reader.schema)

    def batches(
        self,
        names: Sequence[str],
        *,
        as_text: Collection[str] = (),  # noqa: ARG002  # here values have types of their own
    ) -> Iterator[pa.RecordBatch]:
        with pa.ipc.open_file(self.path) as reader:
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number).select(list(names))
                yield _batch_without_views(batch)


@dataclass(frozen=True)
class CsvSource:
    """`like`: what the columns hold that it names; the rest is guessed."""

    path: Path
    like: pa.Schema | None = None
    is_written = True
    index_names: Sequence[str] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        """As Arrow finds it in the first block; whole numbers that begin with a zero are codes."""
        with self._open() as reader:
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
        options = pc_csv.ConvertOptions(
            include_columns=list(names),
            column_types=known | dict.fromkeys(as_text, pa.string()),
            strings_can_be_null=True,
            decimal_point=self._dialect.decimal_point,
        )
        with self._open(options) as reader:
            yield from reader

    def _open(self, options: pc_csv.ConvertOptions | None = None) -> Any:
        usual = pc_csv.ConvertOptions(strings_can_be_null=True, decimal_point=self._dialect.decimal_point)
        return pc_csv.open_csv(
            _open_text(self.path),
            read_options=pc_csv.ReadOptions(block_size=BLOCK),
            parse_options=pc_csv.ParseOptions(delimiter=self._dialect.delimiter),
            convert_options=options or usual,
        )

    @cached_property
    def _dialect(self) -> Dialect:
        with gzip.open(self.path) if _is_gzip(self.path) else self.path.open("rb") as file:
            return dialect_of(file)


@dataclass(frozen=True)
class JsonLinesSource:
    """An object on each line, as Firehose lands them. `like`: as of `CsvSource`."""

    path: Path
    like: pa.Schema | None = None
    is_written = True
    index_names: Sequence[str] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        return _like(self._open(None).schema, self.like)

    def batches(
        self,
        names: Sequence[str],
        *,
        as_text: Collection[str] = (),  # noqa: ARG002  # here values have types of their own
    ) -> Iterator[pa.RecordBatch]:
        known = pa.schema([(field.name, _widened(field.type)) for field in self.schema])
        for batch in self._open(known):
            yield batch.select(list(names))

    def _open(self, schema: pa.Schema | None) -> Any:
        import pyarrow.json as pa_json  # noqa: PLC0415  # seldom needed

        return pa_json.open_json(
            _open_text(self.path),
            read_options=pa_json.ReadOptions(block_size=BLOCK),
            parse_options=pa_json.ParseOptions(explicit_schema=schema),
        )


def _like(found: pa.Schema, like: pa.Schema | None) -> pa.Schema:
    if like is None:
        return found
    return pa.schema([like.field(each.name) if each.name in like.names else each for each in found])


def _open_text(path: Path) -> Any:
    return pa.input_stream(str(path), compression="gzip" if _is_gzip(path) else None)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


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

"""How a text file is encoded and separates its cells: found where it is certain, or as it is declared."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc_csv

from evertrain.domain.project.file_format import FileFormat
from evertrain.tables.written_values import UNKNOWN_SPELLING, Spelling, declared_spelling, settle, written_columns

TEXT_SUFFIXES, JSON_SUFFIXES = (".csv", ".tsv", ".txt"), (".jsonl", ".ndjson", ".json")

SEPARATORS = ",;\t|"
SAMPLE_BYTES, LINES = 1 << 18, 200

_CHUNK = 1 << 20
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
UTF_8 = "utf-8"
UTF_8_NAMES = (UTF_8, "utf-8-sig")

_FOREIGN = re.compile(rb"[\x80-\xff]{3}|[\x81\x8d\x8f\x90\x9d]")
"""What is rare in Windows-1252, where letters with accents stand alone, and usual in Cyrillic, Greek and Asian
encodings; and bytes that are no character of it."""

_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n")
"""What spreadsheets write above the header, to tell each other."""


class UncertainText(ValueError):
    """The file can be read in several ways, or in none. One sentence; `key`: of a format, what decides it."""

    def __init__(self, sentence: str, *, key: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayout:
    """`skipped`: lines before the header. `spelling`: what is certain of how its first cells are written.
    `names`: the header's."""

    encoding: str = UTF_8
    separator: str = ","
    skipped: int = 0
    spelling: Spelling = UNKNOWN_SPELLING
    names: tuple[str, ...] = ()

    @property
    def parse_options(self) -> Any:
        return pc_csv.ParseOptions(delimiter=self.separator)

    @property
    def unusual(self) -> FileFormat:
        """What a reader would not take for granted."""
        return FileFormat(
            separator=None if self.separator == "," else self.separator,
            encoding=None if self.encoding in UTF_8_NAMES else self.encoding,
        )

    def read_options(self, block_bytes: int) -> Any:
        return pc_csv.ReadOptions(block_size=block_bytes, skip_rows=self.skipped)


def find_encoding(file: BinaryIO, declared: FileFormat) -> str:
    """Of the whole file, which is left at its beginning. Raises UncertainText."""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    try:
        if declared.encoding is None:
            return _encoding_of(file)
        if not declared.encoding.lower().startswith("utf") and _is_utf_8_beyond_ascii(file):
            raise UncertainText(f"its text is UTF-8, and {declared.encoding} is declared", key="encoding")
        return declared.encoding
    finally:
        file.seek(0)


def _is_utf_8_beyond_ascii(file: BinaryIO) -> bool:
    """Text in another encoding hardly ever is by chance."""
    decoder, is_ascii = codecs.getincrementaldecoder(UTF_8)(), True
    try:
        while chunk := file.read(_CHUNK):
            is_ascii = is_ascii and chunk.isascii()
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return not is_ascii


def _encoding_of(file: BinaryIO) -> str:
    decoder = codecs.getincrementaldecoder(UTF_8)()
    is_utf_8, end = True, b""
    while chunk := file.read(_CHUNK):
        if is_utf_8 and not (chunk.isascii() and not decoder.getstate()[0]):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf_8 = False
                file.seek(0)
                continue
        if not is_utf_8 and _FOREIGN.search(end + chunk):
            raise UncertainText("its text is neither UTF-8 nor Windows-1252", key="encoding")
        end = chunk[-2:]
    if is_utf_8 and decoder.getstate()[0]:
        is_utf_8 = False  # cut within a character
    return UTF_8 if is_utf_8 else "cp1252"


def find_layout(file: BinaryIO, declared: FileFormat) -> TextLayout:
    """Of a file of separated cells, which is left at its beginning. Raises UncertainText."""
    encoding = find_encoding(file, declared)
    sample = file.read(SAMPLE_BYTES)
    file.seek(0)
    is_cut = len(sample) == SAMPLE_BYTES
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(sample, final=not is_cut)
    named = _SEPARATOR_LINE.match(text)
    skipped = 0
    if named is not None:
        text, skipped = text[named.end() :], 1
    lines = re.split(r"\r\n|\n|\r", text)
    lines = lines[:-1] if len(lines) > 1 and (is_cut or not lines[-1]) else lines
    if declared.separator is not None:
        _require_separated(lines[:LINES], declared.separator)
    separator = declared.separator or (named[1] if named else _separator_of(lines[:LINES]))
    cells = _cells(lines, separator)
    spelling = declared_spelling(declared, points_may_group=separator == ";")
    return TextLayout(
        encoding=encoding,
        separator=separator,
        skipped=skipped,
        spelling=settle(written_columns(cells), spelling),
        names=tuple(next(iter(_split(lines[:LINES], separator)), ())),  # one may go over several lines
    )


def _separator_of(lines: Sequence[str]) -> str:
    """The one by which every line has as many cells as the header, and more than one. Where no line is so, the one by
    which most are: what is uneven will be told. Raises UncertainText."""
    even = {each: _even_share(lines, each) for each in SEPARATORS}
    certain = [each for each in SEPARATORS if even[each] == 1]
    if len(certain) > 1:
        names = " and ".join(map(_named, certain))
        raise UncertainText(f"its cells may be separated by {names}", key="separator")
    return certain[0] if certain else max(SEPARATORS, key=lambda each: even[each])


def _require_separated(lines: Sequence[str], declared: str) -> None:
    """Not where no line has the declared separator, and by another one all are even. Raises UncertainText."""
    if any(len(cells) > 1 for cells in _split(lines, declared)):
        return
    for other in SEPARATORS:
        if _even_share(lines, other) == 1:
            looks = f"its cells look separated by {_named(other)}, and {_named(declared)} is declared"
            raise UncertainText(looks, key="separator")


def _named(separator: str) -> str:
    return "a tab" if separator == "\t" else f'"{separator}"'


def _even_share(lines: Sequence[str], separator: str) -> float:
    """Of the lines that have anything."""
    widths = [len(cells) for cells in _split(lines, separator) if cells]
    if not widths or widths[0] < 2:
        return 0
    return widths.count(widths[0]) / len(widths)


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=separator))
    except csv.Error:  # a cell without an end
        return [line.split(separator) for line in lines]


def _cells(lines: Sequence[str], separator: str) -> pa.Table:
    """All as text; without rows that are uneven."""
    if not lines:
        return pa.table({})
    parse = pc_csv.ParseOptions(delimiter=separator, invalid_row_handler=lambda _: "skip")
    read = pc_csv.ReadOptions(use_threads=False)
    body = "\n".join(lines).encode()
    try:
        width = pc_csv.read_csv(io.BytesIO(body), read_options=read, parse_options=parse).num_columns
        names = [str(number) for number in range(width)]  # the header's may be there twice
        text = pc_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
        named = pc_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1)
        return pc_csv.read_csv(io.BytesIO(body), read_options=named, parse_options=parse, convert_options=text)
    except pa.ArrowInvalid:
        return pa.table({})  # whoever reads the file will say what is wrong with it


NOT_UTF_8 = "its text is not UTF-8; save it as such, which spreadsheets call CSV UTF-8, or say what its encoding is"

_WIDTH = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")

_CONVERSION = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\w+)")


def describe_read_error(error: Exception) -> str:
    """Of a library, without the row that it quotes."""
    if found := _WIDTH.search(str(error)):
        row = f"row {found[1]}" if found[1] else "a row"
        uneven = f"{row} has {found[3]} cells where the header has {found[2]}"
        return f"{uneven}; is the first line the header, and the separator the same in all rows?"
    if found := _CONVERSION.search(str(error)):
        row = f"row {found[2]}" if found[2] else "a later row"
        return f"{row} has something else in column {int(found[1]) + 1} than the first rows, which hold {found[3]}"
    if "invalid UTF8" in str(error):
        return NOT_UTF_8
    return " ".join(str(error).split())[:200]


def as_utf_8(file: Any, encoding: str) -> Any:
    """What Arrow reads as the same text in UTF-8. `file`: its own, or Python's."""
    if encoding == UTF_8:
        return file
    stream = file if isinstance(file, pa.NativeFile) else pa.PythonFile(file, mode="r")
    return pa.transcoding_input_stream(stream, encoding, UTF_8)

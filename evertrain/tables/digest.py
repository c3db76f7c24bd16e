"""A digest of a table's rows: of what they say, not of how a library keeps them."""

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def table_digest(table: pa.Table) -> str:
    """SHA-256 in hex. Equal names, kinds and values in the same order give it, in whatever chunks or Arrow version.

    Numbers as little-endian float64, with one NaN for missing; flags the same; times as int64 microseconds; text as
    UTF-8 behind its length, which is -1 where it is missing.
    """
    digest = sha256(f"{table.num_rows}\n".encode())
    for name in table.column_names:
        column = table[name]
        digest.update(f"{name}\n{_kind(column.type)}\n".encode())
        for part in _bytes_of(column):
            digest.update(part)
    return digest.hexdigest()


def _kind(values: pa.DataType) -> str:
    if pa.types.is_string(values) or pa.types.is_large_string(values):
        return "text"
    return "time" if pa.types.is_timestamp(values) else "number"


def _text_of(chunk: pa.Array) -> bytes:
    filled = pc.fill_null(pc.cast(chunk, pa.large_string()), "")
    _, offsets, data = filled.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[filled.offset : filled.offset + len(filled) + 1]
    return b"" if data is None or not len(filled) else bytes(memoryview(data)[bounds[0] : bounds[-1]])


def _bytes_of(column: pa.ChunkedArray) -> list[bytes]:
    match _kind(column.type):
        case "text":
            lengths = pc.fill_null(pc.cast(pc.binary_length(column), pa.int64()), -1)
            return [lengths.to_numpy().astype("<i8").tobytes(), *map(_text_of, column.chunks)]
        case "time":
            micros = pc.cast(pc.cast(column, pa.timestamp("us", tz="UTC")), pa.int64())
            return [pc.fill_null(micros, np.iinfo(np.int64).min).to_numpy().astype("<i8").tobytes()]
    flags = pc.cast(column, pa.int8()) if pa.types.is_boolean(column.type) else column
    numbers = np.array(pc.fill_null(pc.cast(flags, pa.float64()), np.nan).to_numpy(), dtype="<f8")
    numbers[np.isnan(numbers)] = np.nan  # one bit pattern for all of them
    return [numbers.tobytes()]

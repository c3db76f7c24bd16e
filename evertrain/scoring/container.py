"""The bytes of a flat artifact: a JSON header, then packed arrays that a program in any language reads in place.

    gzip of: "evertrain-flat2\\n" | length of the header (8 bytes, little endian) | header | arrays

Header and arrays begin at multiples of 8 bytes. `arrays` in the header lists each type (`f8`, `f4`, `i4` or `u1`,
little endian) and length, in their order. An artifact may come from anybody who can write to the bucket: reading is
bounded.
"""

import gzip
import json
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

MAGIC = b"evertrain-flat2\n"
MAX_BYTES = 64 * 2**20
"""Decompressed. A node of a tree takes 25 bytes."""
MAX_HEADER_BYTES = 16 * 2**20
_MAX_CONTAINERS = 200_000
_MAX_QUOTES = 800_000
"""Lists, objects and texts are many times larger in memory than as JSON."""
_GZIP = 16 + zlib.MAX_WBITS
_ALIGNMENT = 8
_TYPECODES = {"f8": "d", "f4": "f", "i4": "i", "u1": "B"}
_TYPES = {code: name for name, code in _TYPECODES.items()}

Header = Mapping[str, Any]
Array: TypeAlias = "array[Any]"


@dataclass(frozen=True, slots=True)
class Container:
    """What an artifact holds. `is_version_1`: the header is the whole of it, and of the first version."""

    header: Header
    arrays: Sequence[Array]
    is_version_1: bool = False


def pack(header: Header, arrays: Sequence[Array]) -> bytes:
    """The artifact: equal contents give equal bytes. `arrays`: of doubles, floats, ints or unsigned chars."""
    listed = [[_TYPES[each.typecode], len(each)] for each in arrays]
    text = json.dumps({**header, "arrays": listed}, separators=(",", ":"), allow_nan=False).encode()
    parts = [MAGIC, len(text).to_bytes(8, "little"), _padded(text, b" ")]
    parts += [_padded(_little_endian(each).tobytes(), b"\0") for each in arrays]
    # No time in it. At level 9 it would be smaller by 2 %, in ten times as long.
    return gzip.compress(b"".join(parts), compresslevel=6, mtime=0)


def size_of(data: bytes) -> int:
    """Of an artifact that `pack` made: its bytes when decompressed."""
    return int.from_bytes(data[-4:], "little")


def unpack(data: bytes) -> Container:
    """Raises ValueError, KeyError, TypeError; zlib.error; RecursionError."""
    content = _decompress(data)
    if not content.startswith(MAGIC):
        if not content.startswith(b"{"):
            raise ValueError("it does not begin like an artifact")
        return Container(_read_header(content), (), is_version_1=True)
    start = len(MAGIC) + 8
    length = int.from_bytes(content[len(MAGIC) : start], "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, len(content) - start):
        raise ValueError("its header is longer than the artifact")
    header = _read_header(content[start : start + length])
    return Container(header, _read_arrays(header["arrays"], memoryview(content), start + _aligned(length)))


def _read_arrays(listed: Any, content: memoryview, offset: int) -> list[Array]:
    arrays = []
    for name, length in listed:
        values = array(_TYPECODES[name])
        if type(length) is not int or length < 0:
            raise ValueError("an array's length is no number")
        end = offset + length * values.itemsize
        if end > len(content):
            raise ValueError("it is cut off: an array ends behind it")
        values.frombytes(content[offset:end])
        arrays.append(_little_endian(values))
        offset = _aligned(end)
    if offset != len(content):
        raise ValueError("something follows its arrays")
    return arrays


def _read_header(text: bytes) -> Header:
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(f"its header is larger than {MAX_HEADER_BYTES} bytes")
    if text.count(b"[") + text.count(b"{") > _MAX_CONTAINERS or text.count(b'"') > _MAX_QUOTES:
        raise ValueError("it has more lists, objects or texts than any model")
    header = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    return header


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=_GZIP)
    content = stream.decompress(data, MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes when decompressed")
    if not stream.eof or stream.unused_data:
        raise ValueError("it is cut off, or something follows it")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _little_endian(values: Array) -> Array:
    if sys.byteorder == "little":
        return values
    swapped = values[:]
    swapped.byteswap()
    return swapped


def _aligned(offset: int) -> int:
    """
    >>> _aligned(0), _aligned(1), _aligned(8)
    (0, 8, 8)
    """
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (_aligned(len(data)) - len(data))

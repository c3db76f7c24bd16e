"""A JSON document with arrays of integers as bytes: compressed, versioned, and nothing to execute."""

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError

Integers = npt.NDArray[Any]

_TYPES = ("<u1", "<u2", "<u4", "<i8")
_LENGTH = struct.Struct("<I")


class UnreadableBytes(EvertrainError):
    """The bytes are of another format or version, or damaged."""


def pack(kind: str, version: int, document: Any, arrays: Sequence[Integers]) -> bytes:
    """Equal contents give equal bytes. Arrays: of one dimension, without negative numbers."""
    columns = [np.ascontiguousarray(array, dtype=_narrowest(array)) for array in arrays]
    header = {
        "format": kind,
        "version": version,
        "document": document,
        "arrays": [[column.dtype.str.replace("|", "<"), len(column)] for column in columns],
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    body = b"".join([_LENGTH.pack(len(text)), text, *(column.tobytes() for column in columns)])
    return zlib.compress(body, 6)


def unpack(data: bytes, kind: str, version: int) -> tuple[Any, list[Integers]]:
    """The document and its arrays. Raises UnreadableBytes."""
    try:
        body = zlib.decompress(data)
        (length,) = _LENGTH.unpack_from(body)
        header = json.loads(body[_LENGTH.size : _LENGTH.size + length])
        if (header["format"], header["version"]) != (kind, version):
            raise UnreadableBytes(f"it is {header['format']} {header['version']}, this code reads {kind} {version}")
        arrays, place = [], _LENGTH.size + length
        for name, count in header["arrays"]:
            if name not in _TYPES:
                raise UnreadableBytes(f"it holds an array of type {name}")
            arrays.append(np.frombuffer(body, dtype=name, count=count, offset=place))
            place += arrays[-1].nbytes
        return header["document"], arrays
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise UnreadableBytes(f"it cannot be read: {type(error).__name__}: {error}") from error


def _narrowest(array: Integers) -> str:
    highest = int(array.max()) if len(array) else 0
    return next(name for name in _TYPES if highest <= np.iinfo(name).max)

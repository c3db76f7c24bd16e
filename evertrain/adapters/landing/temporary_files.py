"""Temporary files that are deleted when closed: in memory while they are small, on disk when they are not."""

from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

MAX_BYTES_IN_MEMORY = 32 << 20
"""Bytes."""


def open_temporary_file() -> BinaryIO:
    """Seekable, for writing and reading."""
    return cast("BinaryIO", SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY))  # its user closes it

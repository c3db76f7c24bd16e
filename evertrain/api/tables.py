"""Tables as callers have them: files, and whatever hands out Arrow data."""

from os import PathLike, fspath
from typing import Any

import pyarrow as pa

from evertrain.domain.errors import EvertrainError

Table = Any
"""A path to a file (Parquet, Arrow, CSV, JSON Lines), to a folder or by a pattern to several of them, here or in S3;
or a table of pandas, Polars, Arrow, DuckDB: anything that hands out Arrow data (`__arrow_c_stream__`)."""


class UnknownTable(EvertrainError):
    """Something is neither a path nor a table, or a table with columns that Arrow has no type for."""

    exit_status = 2


def path_or_table(given: Table, name: str) -> str | pa.Table:
    """Without a copy, where the table's owner keeps it as Arrow does. `name`: what errors call it. Raises
    UnknownTable."""
    if isinstance(given, str | PathLike):
        return fspath(given)
    if isinstance(given, pa.Table):
        return given
    if not hasattr(given, "__arrow_c_stream__"):
        raise UnknownTable(f"{name}: {type(given).__name__} is neither a path nor a table that hands out Arrow data")
    try:
        return pa.table(given)
    except (pa.ArrowException, ValueError) as error:
        raise UnknownTable(f"{name} cannot be read as a table: {' '.join(str(error).split())}") from error

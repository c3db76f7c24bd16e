"""The floor: pyarrow reads the batch's file, and nothing is done with it."""

from typing import Any

import pyarrow.parquet as pq
from timing import report


def prepare(_: str, after: str) -> str:
    return after


def work(after: str) -> Any:
    return pq.ParquetFile(after).read()


report(prepare, work)

"""alibi-detect, TabularDrift: Kolmogorov-Smirnov or chi-squared for each feature, with its correction for many."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from alibi_detect.cd import TabularDrift
from timing import report


def prepare(before: str, after: str) -> Any:
    tables = [pq.read_table(path) for path in (before, after)]
    texts = [place for place, field in enumerate(tables[0].schema) if pa.types.is_string(field.type)]
    # It takes one matrix of numbers: levels as codes, and what is missing as a number like any other.
    levels = {
        place: np.unique(np.concatenate([table.column(place).to_numpy() for table in tables])) for place in texts
    }
    rows = [
        np.column_stack([_numbers(table.column(place), levels.get(place)) for place in range(table.num_columns)])
        for table in tables
    ]
    detector = TabularDrift(rows[0], categories_per_feature=dict.fromkeys(texts), correction="fdr")
    return detector, rows[1]


def _numbers(column: pa.ChunkedArray, levels: np.ndarray | None) -> np.ndarray:
    values = column.to_numpy()
    return np.nan_to_num(values, nan=-1.0) if levels is None else np.searchsorted(levels, values).astype(float)


def work(prepared: Any) -> Any:
    detector, rows = prepared
    return detector.predict(rows)


report(prepare, work)

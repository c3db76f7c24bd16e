"""Arrow columns as the statistics want them.

By DLPack and buffers, not by `to_numpy` and `pa.scalar`: these import pandas wherever it is installed, which takes
longer than a batch's drift.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.project.feature_group import Column as Feature
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.statistics.layouts import Categories, Column

TIMESTAMP = pa.timestamp("us", tz="UTC")

ARROW_TYPES = {
    FeatureKind.NUMERIC: pa.float64(),
    FeatureKind.BOOLEAN: pa.bool_(),
    FeatureKind.CATEGORICAL: pa.string(),
    FeatureKind.TIMESTAMP: TIMESTAMP,
}
"""As the feature store keeps them."""


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def as_column(values: Any) -> Column:
    """Numbers and flags as float64 with NaN for missing, without a copy where there is nothing to change; text as
    codes and levels. Takes an Array or a ChunkedArray."""
    kind = values.type
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _categories(values)
    if pa.types.is_boolean(kind):
        values = pc.cast(values, pa.int8())
    numbers = pc.cast(values, pa.float64(), safe=False)
    return _as_numpy(pc.fill_null(numbers, _NAN) if numbers.null_count else numbers)


def age_in_days(times: Any, event_times: Any) -> Any:
    """How many days before its row's event time each time was, as float64; null where it is missing.

    The same bits as Python's quotient of two timedeltas: microseconds fit into a float64 exactly for 285 years.
    """
    microseconds = pc.cast(pc.subtract(event_times, times), pa.int64())
    return pc.divide(pc.cast(microseconds, pa.float64(), safe=False), _MICROSECONDS_PER_DAY)


def with_ages(table: pa.Table, features: Iterable[Feature], *, event_time: str) -> pa.Table:
    """The times among the features as models see them; features that the table has not are passed over."""
    for feature in features:
        if feature.kind is FeatureKind.TIMESTAMP and feature.name in table.column_names:
            ages = age_in_days(table[feature.name], table[event_time])
            table = table.set_column(table.column_names.index(feature.name), feature.name, ages)
    return table


def concat_in_one_chunk(parts: Iterable[pa.Table]) -> pa.Table:
    """One table below the other, each column in a single chunk, except text that is too long for one.

    Works column by column: unless the caller keeps the parts, at most one column is in memory twice.
    """
    rest = pa.concat_tables(parts)
    columns = {}
    for name in rest.column_names:
        columns[name] = rest.select([name]).combine_chunks()[name]
        rest = rest.drop_columns(name)
    return pa.table(columns)


def feature_column(table: Any, name: str, *, event_time: str) -> Column:
    """A feature as the statistics want it: a time is its age."""
    values = table[name]
    if pa.types.is_timestamp(values.type):
        values = age_in_days(values, table[event_time])
    return as_column(values)


def _categories(values: Any) -> Categories:
    encoded = values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(values)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = _one_chunk(encoded.unify_dictionaries())
    codes = pc.cast(encoded.indices, pa.int32())
    levels = encoded.dictionary.to_pylist()
    if len(set(levels)) < len(levels) or None in levels:
        return Categories.from_values(encoded.to_pylist())  # a writer may repeat a level, or hold null as one
    return Categories(
        codes=_as_numpy(pc.fill_null(codes, _NO_CODE) if codes.null_count else codes), levels=tuple(levels)
    )


def _as_numpy(values: Any) -> npt.NDArray[Any]:
    return np.from_dlpack(_one_chunk(values))


def _one_chunk(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _scalar(kind: pa.DataType, value: npt.NDArray[Any]) -> pa.Scalar:
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(value.tobytes())])[0]


_NAN = _scalar(pa.float64(), np.array([np.nan]))
_MICROSECONDS_PER_DAY = _scalar(pa.float64(), np.array([86_400e6]))
_NO_CODE = _scalar(pa.int32(), np.array([-1], dtype=np.int32))

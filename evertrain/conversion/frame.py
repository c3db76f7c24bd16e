"""The data frame that estimators are fitted on: a column for each feature, in the model's order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.scoring.rows import Feature


def to_frame(
    table: pa.Table, features: Sequence[Column | Feature], *, categories: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Numeric and boolean columns as float64 with NaN for missing, categorical ones as pandas `category` of text.

    `categories` fixes a column's categories, so that a later frame has those of the training; by default they are
    the column's own, sorted.
    """
    known = categories or {}
    columns: dict[str, object] = {}
    for feature in features:
        values = table[feature.name]
        if feature.kind is FeatureKind.CATEGORICAL:
            values = pc.cast(values, pa.string())
            levels = list(known[feature.name]) if feature.name in known else sorted(_levels(values))
            # By code: a value outside the categories becomes missing, for which pandas would warn.
            codes = pc.index_in(values, value_set=pa.array(levels, pa.string()))
            columns[feature.name] = pd.Categorical.from_codes(
                _writable(pc.fill_null(codes, -1).to_numpy()), categories=pd.Index(levels, dtype="str")
            )
        else:
            numbers = pc.cast(
                pc.cast(values, pa.int8()) if pa.types.is_boolean(values.type) else values, pa.float64()
            )
            columns[feature.name] = _writable(numbers.to_numpy())
    # `copy=False`, or pandas would copy every column into one block.
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _writable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy where Arrow owns the memory: an estimator may write to its frame."""
    return values if values.flags.writeable else values.copy()


def _levels(values: pa.ChunkedArray) -> list[str]:
    return [level for level in pc.unique(values).to_pylist() if level is not None]

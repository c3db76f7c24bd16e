"""Rows of a history as the data frames that `conversion.frame` makes, without reading the table again for each."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from evertrain.conversion.frame import to_frame
from evertrain.replay.history import History

Index: TypeAlias = "pd.Index[str]"


class HistoryFrames:
    """All rows are encoded once."""

    def __init__(self, history: History) -> None:
        self._all = to_frame(history.table, history.spec.features)

    def of(
        self, rows: npt.NDArray[np.int64], *, categories: Mapping[str, Sequence[str]] | None = None
    ) -> pd.DataFrame:
        """`rows`: their places. `categories`: of each categorical column, by default those that these rows have; one
        that is none of them becomes missing."""
        columns: dict[str, object] = {}
        for name, column in self._all.items():
            if isinstance(column.dtype, pd.CategoricalDtype):
                known = None if categories is None else pd.Index(list(categories[str(name)]), dtype="str")
                columns[str(name)] = _categorical(column.cat.categories, column.cat.codes.to_numpy()[rows], known)
            else:
                columns[str(name)] = column.to_numpy()[rows]
        return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)


def _categorical(levels: Index, codes: npt.NDArray[np.integer[Any]], known: "Index | None") -> Any:
    """A column of `known` levels, by default of those that are there. `codes`: of `levels`, -1 where missing."""
    if known is None:
        known = levels[np.bincount(codes[codes >= 0], minlength=len(levels)) > 0]
    code_of_level = np.append(known.get_indexer(levels), -1)
    return pd.Categorical.from_codes(code_of_level[codes], categories=known)

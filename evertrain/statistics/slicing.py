"""The rows of a slice: those where a column has one level."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evertrain.domain.monitoring.drift import Slice
from evertrain.statistics.layouts import Categories, Column

Rows = npt.NDArray[np.bool_]

MAX_LEVELS = 10
"""Most frequent levels of a column that are watched. Each costs as much to store as the whole."""

MIN_SLICE_SHARE = 0.01

_BOOLEAN_LEVELS = {"False": 0.0, "True": 1.0}


def frequent_slices(name: str, column: Column) -> list[Slice]:
    """The slices of a categorical or boolean column with enough rows to be watched, the most frequent first."""
    found = column.levels if isinstance(column, Categories) else tuple(_BOOLEAN_LEVELS)
    rows = {level: int(rows_in_slice(Slice(column=name, level=level), column).sum()) for level in found}
    kept = [level for level in rows if rows[level] >= max(1, MIN_SLICE_SHARE * len(column))]
    return [Slice(column=name, level=level) for level in sorted(kept, key=lambda each: (-rows[each], each))][
        :MAX_LEVELS
    ]


def rows_in_slice(part: Slice, column: Column) -> Rows:
    """Which rows are in the slice, shape (rows,)."""
    if not isinstance(column, Categories):
        return np.asarray(column == _BOOLEAN_LEVELS[part.level])
    if part.level not in column.levels:
        return np.zeros(len(column), dtype=np.bool_)
    return np.asarray(column.codes == column.levels.index(part.level))


def select_rows(columns: Mapping[str, Column], rows: Rows | npt.NDArray[np.intp]) -> Mapping[str, Column]:
    """These rows of every column; a column is read when it is asked for."""
    return _SelectedRows(columns, rows)


@dataclass(frozen=True)
class _SelectedRows(Mapping[str, Column]):
    columns: Mapping[str, Column]
    rows: Rows | npt.NDArray[np.intp]

    def __getitem__(self, name: str) -> Column:
        return self.columns[name][self.rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

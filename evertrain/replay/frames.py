"""Rows of a history as the data frames that `conversion.frame` makes, without reading the table again for each."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from evertrain.conversion.frame import to_frame
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.replay.history import History


class HistoryFrames:
    """All rows are encoded once."""

    def __init__(self, history: History) -> None:
        features = history.spec.features
        self._all = to_frame(history.table, features)
        self._categorical = [each.name for each in features if each.kind is FeatureKind.CATEGORICAL]

    def of(
        self, rows: npt.NDArray[np.int64], *, categories: Mapping[str, Sequence[str]] | None = None
    ) -> pd.DataFrame:
        """`rows`: their places. `categories`: of each categorical column, by default those that these rows have; one
        that is none of them becomes missing."""
        frame = self._all.take(rows).reset_index(drop=True)
        for name in self._categorical:
            values = frame[name].cat
            frame[name] = (
                values.remove_unused_categories() if categories is None else values.set_categories(categories[name])
            )
        return frame

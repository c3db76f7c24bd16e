"""The data frame of a request: the one that `conversion.frame` makes for training, from rows. No pyarrow."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.scoring.rows import Feature, Row


def frame_of_rows(
    rows: Sequence[Row], features: Sequence[Feature], *, categories: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Numbers, booleans and ages as float64 with NaN for missing, text as pandas `category`. Rows are valid.

    `categories`: of training. A level beyond them is a category behind them: what becomes of it is the estimator's
    own business.
    """
    columns: dict[str, object] = {}
    for feature in features:
        values = [row[feature.name] for row in rows]
        if feature.kind is FeatureKind.CATEGORICAL:
            columns[feature.name] = _categorical(values, categories[feature.name])
        else:
            columns[feature.name] = np.array(values, dtype=np.float64)  # None is NaN
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)


def with_unseen(known: Sequence[str], levels: Sequence[object]) -> list[str]:
    """The categories of training, and behind them what else there is.

    >>> with_unseen(["a", "b"], ["c", "a", None])
    ['a', 'b', 'c']
    """
    return [*known, *sorted({str(level) for level in levels if level is not None} - set(known))]


def _categorical(values: Sequence[object], known: Sequence[str]) -> pd.Categorical:
    levels = with_unseen(known, values)
    places = {level: place for place, level in enumerate(levels)}
    codes = [-1 if value is None else places[str(value)] for value in values]
    return pd.Categorical.from_codes(codes, categories=pd.Index(levels, dtype="str"))

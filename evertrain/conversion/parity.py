"""Does the artifact predict what the estimator predicts? Checked on real rows before anything is registered."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.scoring import FlatModel

TOLERANCE = 1e-9
"""Sums are taken in the estimator's order, so that only the last digits of the exponential function may differ."""

ALTERED_ONE_IN, MIN_ALTERED_ROWS = 40, 10
"""One row in so many, and at least so many, are also predicted with each feature missing, or unseen."""


class ParityError(EvertrainError):
    """The artifact does not predict what its estimator predicts."""


def check_parity(estimator: Any, frame: pd.DataFrame, flat: FlatModel) -> float:
    """The largest absolute difference of the two predictions. Raises ParityError above TOLERANCE.

    Over the frame's rows, and over some of them as a caller may send them: each nullable feature missing, each
    category unseen.
    """
    asked = _with_altered_rows(frame, flat)
    with warnings.catch_warnings():
        # Unseen categories are asked for on purpose.
        warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
        theirs = (
            estimator.predict_proba(asked)[:, 1] if flat.task is Task.CLASSIFICATION else estimator.predict(asked)
        )
    ours = np.asarray(flat.predict(_rows(asked, flat)))
    difference = float(np.max(np.abs(np.asarray(theirs, dtype=np.float64).ravel() - ours), initial=0.0))
    if not difference <= TOLERANCE:  # also refuses a NaN
        raise ParityError(
            f"{flat.model}: artifact and estimator differ by {difference:.3g}, allowed are {TOLERANCE:g}"
        )
    return difference


def _with_altered_rows(frame: pd.DataFrame, flat: FlatModel) -> pd.DataFrame:
    # The sample's rows may not have all that the schema allows.
    unseen = {
        feature.name: _unseen(frame[feature.name])
        for feature in flat.features
        if feature.kind is FeatureKind.CATEGORICAL
    }
    wide = frame.assign(**{name: frame[name].cat.add_categories([level]) for name, level in unseen.items()})
    some = wide.head(max(MIN_ALTERED_ROWS, len(wide) // ALTERED_ONE_IN))
    altered = [
        some.assign(
            **{feature.name: pd.Series([value] * len(some), index=some.index, dtype=wide[feature.name].dtype)}
        )
        for feature in flat.features
        for value in ([None] if feature.nullable else []) + ([unseen[feature.name]] if feature.name in unseen else [])
    ]
    return pd.concat([wide, *altered], ignore_index=True)


def _unseen(values: "pd.Series[str]") -> str:
    level = "unseen"
    while level in values.cat.categories:
        level += "?"
    return level


def _rows(frame: pd.DataFrame, flat: FlatModel) -> list[dict[str, object]]:
    """As a caller of the endpoint would send them."""
    columns: dict[str, list[object]] = {}
    for feature in flat.features:
        values = frame[feature.name].astype(object)
        plain = [None if pd.isna(value) else value for value in values]
        boolean = feature.kind is FeatureKind.BOOLEAN
        columns[feature.name] = [None if value is None else bool(value) for value in plain] if boolean else plain
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]

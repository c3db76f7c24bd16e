"""Does the artifact predict what the estimator predicts? Asked on real rows before anything is registered."""

from typing import Any

import numpy as np
import pandas as pd

from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import FeatureKind, Task
from evertrain.scoring import FlatModel

TOLERANCE = 1e-9
"""Sums are made in the estimator's own order; what remains is the exponential function's last digit."""


class ParityError(EvertrainError):
    """The artifact predicts something else than the estimator that it was made from."""


def check_parity(estimator: Any, frame: pd.DataFrame, flat: FlatModel) -> float:
    """The largest absolute difference over the frame's rows. Raises ParityError above TOLERANCE."""
    theirs = estimator.predict_proba(frame)[:, 1] if flat.task is Task.CLASSIFICATION else estimator.predict(frame)
    ours = np.asarray(flat.predict(_rows(frame, flat)))
    difference = float(np.max(np.abs(np.asarray(theirs, dtype=np.float64).ravel() - ours), initial=0.0))
    if not difference <= TOLERANCE:  # also refuses a NaN
        raise ParityError(
            f"{flat.model}: artifact and estimator differ by {difference:.3g}, allowed are {TOLERANCE:g}"
        )
    return difference


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

"""Writes a fitted estimator as an artifact of the model's tier."""

from typing import Any

import pandas as pd

from evertrain.conversion.flat import UnsupportedEstimator, to_flat
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import Tier

__all__ = ["UnsupportedEstimator", "to_artifact"]


def to_artifact(estimator: Any, spec: ModelSpec, frame: pd.DataFrame) -> bytes:
    """`frame`: as it was fitted on, or some of its rows. Raises UnsupportedEstimator."""
    if spec.endpoint.tier is Tier.FLAT:
        return to_flat(estimator, spec, rows=frame)
    from evertrain.sklearn_tier.sklearn_artifact import to_sklearn  # noqa: PLC0415  # skops imports all scikit-learn

    return to_sklearn(estimator, spec, frame)

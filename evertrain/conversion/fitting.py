"""Fits a scikit-learn estimator, with a weight for each row where rows stand for several."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from evertrain.conversion.program import UnsupportedEstimator

__all__ = ["UnsupportedEstimator", "fit", "weight_parameter"]


def fit(
    estimator: Any, frame: pd.DataFrame, truth: npt.NDArray[np.float64], weights: npt.NDArray[np.float64] | None
) -> None:
    """`truth`, `weights`: shape (rows,). Raises UnsupportedEstimator where it cannot be told that rows weigh more."""
    if weights is None:
        estimator.fit(frame, truth)
    else:
        estimator.fit(frame, truth, **{weight_parameter(estimator): weights})


def weight_parameter(estimator: Any) -> str:
    """What `fit` calls the weights of rows: of a pipeline, those of its last step. Raises UnsupportedEstimator.

    >>> from sklearn.linear_model import Ridge
    >>> weight_parameter(Ridge()), weight_parameter(Pipeline([("model", Ridge())]))
    ('sample_weight', 'model__sample_weight')
    """
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{weight_parameter(last)}"
    if not has_fit_parameter(estimator, "sample_weight"):
        raise UnsupportedEstimator(
            f"fit of {type(estimator).__name__} takes no sample_weight: rows cannot count for more than one, as "
            "endpoint.explore needs; choose another estimator, or training.label_weights = false"
        )
    return "sample_weight"

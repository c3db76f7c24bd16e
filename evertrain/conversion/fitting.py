"""Fits a scikit-learn estimator, with a weight for each row where rows stand for several."""

from textwrap import shorten
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from evertrain.conversion.boosting_libraries import library_name
from evertrain.conversion.program import UnsupportedEstimator
from evertrain.domain.project.metric import Task
from evertrain.domain.training.evaluation import EstimatorFailed

__all__ = ["UnsupportedEstimator", "estimator_failed", "fit", "predicted", "seen_classes", "weight_parameter"]


def fit(
    estimator: Any,
    frame: pd.DataFrame,
    truth: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64] | None,
    *,
    rows: str = "rows",
) -> None:
    """`truth`, `weights`: shape (rows,). `rows`: what an error calls them. Raises UnsupportedEstimator where it
    cannot be told that rows weigh more, EstimatorFailed where it raises."""
    weighted = {} if weights is None else {weight_parameter(estimator): weights}
    try:
        if library_name(_last_step(estimator)) not in _COUNT_CLASSES:
            estimator.fit(frame, truth, **weighted)
            return
        classes, codes = np.unique(truth, return_inverse=True)
        estimator.fit(frame, codes.astype(np.float64), **weighted)
        estimator.fitted_on_classes_ = classes
    except Exception as error:
        raise estimator_failed("fit", f"{len(truth):,} {rows}", error) from error


def estimator_failed(method: str, rows: str, error: Exception) -> EstimatorFailed:
    """
    >>> str(estimator_failed("fit", "60 rows", KeyError("wind")))
    "fit raised KeyError on 60 rows: 'wind'"
    """
    message = shorten(str(error), width=_MAX_MESSAGE_LENGTH, placeholder=" …")
    return EstimatorFailed(f"{method} raised {type(error).__name__} on {rows}{f': {message}' if message else ''}")


_MAX_MESSAGE_LENGTH = 180
"""Characters. Libraries go on with advice of several lines."""

_COUNT_CLASSES = ("xgboost.XGBClassifier", "xgboost.XGBRFClassifier")
"""They refuse classes that are not numbered without a gap."""


def _last_step(estimator: Any) -> Any:
    return _last_step(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def seen_classes(estimator: Any) -> list[Any]:
    """The classes that a fitted classifier knows, in the order of its probabilities: numbers, if they are ours."""
    classes: Any = getattr(estimator, "fitted_on_classes_", getattr(estimator, "classes_", ()))
    return list(np.ravel(classes).tolist())


def predicted(estimator: Any, frame: pd.DataFrame, task: Task, *, classes: int) -> npt.NDArray[np.float64]:
    """What a fitted estimator answers. Shape (rows,): the probability of class 1, or the number; (rows, classes) of
    more than two `classes`, 0 of one that no row had when it was fitted."""
    if task is not Task.CLASSIFICATION:
        return np.asarray(estimator.predict(frame), dtype=np.float64).ravel()
    found = np.asarray(estimator.predict_proba(frame), dtype=np.float64)
    if classes <= 2:
        return np.asarray(found[:, 1])
    spread = np.zeros((len(found), classes))
    spread[:, [int(each) for each in seen_classes(estimator)]] = found
    return spread


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

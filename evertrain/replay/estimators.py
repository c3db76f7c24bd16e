"""Estimators for a history without a model folder, so that nothing has to be written to get a first answer."""

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.metric import Task
from evertrain.domain.project.policies import ParameterValue

MakeEstimator = Callable[[int, Mapping[str, ParameterValue]], Any]
"""A new, unfitted estimator for a seed and parameters."""


class UnknownEstimator(EvertrainError):
    """There is no estimator of this name."""

    exit_status = 2


def _boosting(task: Task, seed: int) -> Any:
    cls = HistGradientBoostingClassifier if task is Task.CLASSIFICATION else HistGradientBoostingRegressor
    return cls(
        max_iter=80,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features="from_dtype",
        random_state=seed,
    )


def _linear(task: Task, seed: int) -> Any:
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
    )
    last = LogisticRegression(max_iter=1_000, random_state=seed) if task is Task.CLASSIFICATION else Ridge()
    return make_pipeline(columns, last)


_ESTIMATORS = {"hist_gradient_boosting": _boosting, "linear": _linear}


def built_in_estimator(name: str, task: Task) -> MakeEstimator:
    """Raises UnknownEstimator."""
    if name not in _ESTIMATORS:
        raise UnknownEstimator(f"there is no estimator {name}; known are {', '.join(_ESTIMATORS)}")
    return lambda seed, _: _ESTIMATORS[name](task, seed)

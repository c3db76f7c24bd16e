"""Estimators for a history without a model folder: some by name, so that nothing has to be written to get a first
answer, and the one that a notebook has."""

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from evertrain.adapters.training.estimators import InvalidEstimator, call_factory
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


def own_estimator(given: Any) -> MakeEstimator:
    """Of an unfitted estimator, which is copied each time, or of a function `make_estimator(*, seed)`. A
    `random_state` that the estimator leaves open, also in a step of a pipeline, gets the seed. Raises
    InvalidEstimator."""
    if isinstance(given, type) or not (hasattr(given, "fit") or callable(given)):
        shown = given.__name__ if isinstance(given, type) else type(given).__name__
        hint = f"; did you mean {shown}()?" if isinstance(given, type) else ""
        raise InvalidEstimator(f"{shown} is neither an estimator nor a function make_estimator(*, seed){hint}")
    if hasattr(given, "fit"):
        return lambda seed, _: _seeded_copy(given, seed)
    called = getattr(given, "__name__", type(given).__name__)
    return lambda seed, parameters: call_factory(given, seed=seed, parameters=parameters, called=called)


def _seeded_copy(estimator: Any, seed: int) -> Any:
    try:
        copy = clone(estimator)
    except TypeError as error:
        name = type(estimator).__name__
        raise InvalidEstimator(
            f"{name} cannot be copied ({error}); give a function make_estimator(*, seed)"
        ) from error
    values = copy.get_params(deep=True).items()
    open_ = [name for name, value in values if name.rpartition("__")[2] == "random_state" and value is None]
    return copy.set_params(**dict.fromkeys(open_, seed))

"""Loads the metric of a model's own: `models/<name>/metric.py` with one function of truth, prediction and weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evertrain.adapters.training.estimators import load_code, model_file
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.metric import METRIC_FILE, OwnMetric
from evertrain.domain.project.model import ModelSpec
from evertrain.sklearn_tier.own_code import use_own_code
from evertrain.statistics.metrics import Judging, LoadedMetric, declared_metric
from evertrain.statistics.weighted import Array


class InvalidMetric(EvertrainError):
    """`metric.py` does not load, has no such function, or the function answers no number."""


def model_code(root: Path, model: str) -> list[Path]:
    """The files of a model's own code."""
    return sorted((root / "models" / model).glob("*.py"))


def load_metric(root: Path, spec: ModelSpec) -> Judging:
    """What the model is judged by. Raises InvalidMetric."""
    return load_own_metric(root, spec) or declared_metric(spec.metric)


def load_own_metric(root: Path, spec: ModelSpec) -> LoadedMetric | None:
    """None where scikit-learn has the metric. Raises InvalidMetric."""
    if not isinstance(spec.metric, OwnMetric):
        return None
    path = model_file(root, spec.name, METRIC_FILE)
    shown, name = path.relative_to(root), spec.metric.name
    module = load_code(path, shown, name=f"{use_own_code(root, spec.name)}.metric", error=InvalidMetric)
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidMetric(f"{shown}: no function {name}(y_true, y_pred, sample_weight=None) in it")
    return LoadedMetric(metric=spec.metric, function=_checked(function, f"{shown}: {name}"))


def _checked(function: Callable[..., Any], shown: str) -> Callable[[Array, Array, Array], float]:
    """Its arrays are copies: it may change them."""

    def value(truth: Array, prediction: Array, weights: Array) -> float:
        try:
            answered = function(truth.copy(), prediction.copy(), sample_weight=weights.copy())
        except Exception as error:
            raise InvalidMetric(f"{shown} raised {type(error).__name__}: {error}") from error
        if np.ndim(answered) or not isinstance(answered, int | float | np.integer | np.floating):
            raise InvalidMetric(f"{shown} answers a {type(answered).__name__}, and not a number")
        return float(answered)

    return value

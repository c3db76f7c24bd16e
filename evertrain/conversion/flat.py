"""Writes a fitted estimator as a flat artifact. What has no exact flat form is refused by name."""

import gzip
import json
from collections.abc import Sequence
from typing import Any

from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from evertrain.conversion.boosting import boosted_trees
from evertrain.conversion.encoders import Document, UnsupportedEstimator, passthrough, to_encoders
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring.flat_document import FORMAT, MAX_DOCUMENT_BYTES, MAX_NODES, VERSION

__all__ = ["UnsupportedEstimator", "to_flat"]

_BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_LINEAR = (LinearRegression, Ridge, Lasso, ElasticNet)


def to_flat(estimator: Any, spec: ModelSpec) -> bytes:
    """The artifact; equal estimators give equal bytes. Raises UnsupportedEstimator.

    Supported: histogram gradient boosting and linear models, alone or as the last step of a `Pipeline` behind one
    `ColumnTransformer` of imputers, scalers and encoders.
    """
    preprocessing, model = _split_pipeline(estimator)
    columns = passthrough(spec.features) if preprocessing is None else to_encoders(preprocessing, spec.features)
    if isinstance(model, _BOOSTING):
        columns, total, link = boosted_trees(model, columns)
    elif isinstance(model, LogisticRegression):
        total, link = _linear(model.coef_[0], model.intercept_[0]), "logistic"
    elif isinstance(model, _LINEAR):
        total, link = _linear(model.coef_.ravel(), model.intercept_), "identity"
    else:
        allowed = ", ".join(cls.__name__ for cls in (*_BOOSTING, LogisticRegression, *_LINEAR))
        raise UnsupportedEstimator(f"{type(model).__name__} cannot be served; allowed: {allowed}")
    if spec.task is Task.CLASSIFICATION or is_classifier(model):
        _require_zero_and_one(model, spec)
    if total["kind"] == "linear":
        _require_numeric_columns(model, columns, spec)
    if text := [column["feature"] for column in columns if column["kind"] == "text"]:
        raise UnsupportedEstimator(f"{', '.join(text)}: text reaches the model without an encoder")
    document = {
        "format": FORMAT,
        "version": VERSION,
        "model": spec.name,
        "task": spec.task.value,
        "features": [
            {"name": column.name, "kind": column.kind.value, "nullable": column.nullable} for column in spec.features
        ],
        "encoders": columns,
        "total": total,
        "link": link,
    }
    # No time in the gzip header, and one form of the JSON: equal models are equal bytes.
    artifact = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    nodes = sum(len(tree["feature"]) for tree in total.get("trees", ()))
    if len(artifact) > MAX_DOCUMENT_BYTES or nodes > MAX_NODES:
        raise UnsupportedEstimator(
            f"{type(model).__name__}: {len(artifact)} bytes and {nodes} nodes are too much for an endpoint, which "
            f"takes {MAX_DOCUMENT_BYTES} and {MAX_NODES}: use fewer iterations or leaves"
        )
    return gzip.compress(artifact, mtime=0)


def _split_pipeline(estimator: Any) -> tuple[Any | None, Any]:
    if not isinstance(estimator, Pipeline):
        return None, estimator
    *before, (_, model) = estimator.steps
    steps = [step for _, step in before if step not in (None, "passthrough")]
    if len(steps) > 1:
        names = ", ".join(type(step).__name__ for step in steps)
        raise UnsupportedEstimator(f"a pipeline with {names} before its model; allowed: one ColumnTransformer")
    return (steps[0] if steps else None), model


def _linear(weights: Sequence[float], intercept: float) -> Document:
    return {"kind": "linear", "weights": [float(weight) for weight in weights], "intercept": float(intercept)}


def _require_numeric_columns(model: Any, columns: Sequence[Document], spec: ModelSpec) -> None:
    """A weighted sum can't take missing values: the endpoint would answer NaN to rows that its schema allows."""
    nullable = {column.name for column in spec.features if column.nullable}
    for column in columns:
        name = column["feature"]
        if column["kind"] == "number" and name in nullable and "fill" not in column:
            raise UnsupportedEstimator(
                f"{type(model).__name__}: {name} may be null; put a SimpleImputer before the model"
            )
        if column["kind"] == "code":
            raise UnsupportedEstimator(
                f"{type(model).__name__}: an unseen category of {name} has no code; use a OneHotEncoder instead"
            )


def _require_zero_and_one(model: Any, spec: ModelSpec) -> None:
    if spec.task is not Task.CLASSIFICATION:
        raise UnsupportedEstimator(f"{type(model).__name__} is a classifier, and the model's task is {spec.task}")
    if list(getattr(model, "classes_", ())) != [0, 1]:
        raise UnsupportedEstimator(
            f"{type(model).__name__} does not predict the classes 0 and 1; a classification's label is 0 or 1"
        )

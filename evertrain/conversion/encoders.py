"""Preprocessing steps as encoders of the flat format. Each encoder reads one feature."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import Column, FeatureKind

Document = dict[str, Any]


class UnsupportedEstimator(EvertrainError):
    """The estimator, or a step before it, has no exact flat form."""


def passthrough(features: Sequence[Column]) -> list[Document]:
    """One encoder for each feature, as it is; text is for a later step, or the model, to encode."""
    return [{"feature": feature.name, "kind": _kind(feature)} for feature in features]


def to_encoders(transformer: Any, features: Sequence[Column]) -> list[Document]:
    """Encoders for the output columns of a fitted transformer, in its order. Raises UnsupportedEstimator."""
    by_name = {feature.name: feature for feature in features}
    if not isinstance(transformer, ColumnTransformer):
        return _apply(transformer, passthrough(features))
    columns: list[Document] = []
    for name, step, chosen in transformer.transformers_:
        if _is_keyword(step, "drop"):
            continue
        names = _chosen_names(chosen, transformer, name)
        inputs = passthrough([by_name[each] for each in names])
        columns += inputs if _is_keyword(step, "passthrough") else _apply(step, inputs)
    return columns


def _apply(step: Any, columns: list[Document]) -> list[Document]:
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            columns = columns if _is_keyword(inner, "passthrough") else _apply(inner, columns)
        return columns
    for cls, convert in _CONVERTERS.items():
        if isinstance(step, cls):
            return convert(step, columns)
    # ColumnTransformer puts it in the place of "passthrough".
    if type(step).__name__ == "FunctionTransformer" and step.func is None:
        return columns
    allowed = ", ".join(cls.__name__ for cls in _CONVERTERS)
    raise UnsupportedEstimator(f"{type(step).__name__} before the model has no flat form; allowed: {allowed}")


def _impute(step: SimpleImputer, columns: list[Document]) -> list[Document]:
    if step.add_indicator:
        raise UnsupportedEstimator("SimpleImputer(add_indicator=True) has no flat form")
    if not (isinstance(step.missing_values, float) and math.isnan(step.missing_values)):
        raise UnsupportedEstimator("SimpleImputer: missing is NaN here, so missing_values must be NaN too")
    filled = []
    for column, value in zip(columns, step.statistics_, strict=True):
        if column["kind"] != "number" or "shift" in column:
            raise UnsupportedEstimator(
                f"SimpleImputer on {column['feature']}: only on numbers, and before any scaling"
            )
        if math.isnan(value):
            raise UnsupportedEstimator(f"SimpleImputer on {column['feature']}: no training row has a value")
        filled.append(column | {"fill": float(value)})
    return filled


def _scale(step: StandardScaler, columns: list[Document]) -> list[Document]:
    means = step.mean_ if step.with_mean else [0.0] * len(columns)
    scales = step.scale_ if step.with_std else [1.0] * len(columns)
    scaled = []
    for column, mean, scale in zip(columns, means, scales, strict=True):
        if column["kind"] != "number" or "shift" in column:
            raise UnsupportedEstimator(f"StandardScaler on {column['feature']}: only on numbers, and once")
        scaled.append(column | {"shift": float(mean), "scale": float(scale)})
    return scaled


def _one_hot(step: OneHotEncoder, columns: list[Document]) -> list[Document]:
    if step.handle_unknown != "ignore":
        raise UnsupportedEstimator('OneHotEncoder: set handle_unknown="ignore", or an unseen category is an error')
    if getattr(step, "_infrequent_enabled", False):
        raise UnsupportedEstimator("OneHotEncoder with infrequent categories has no flat form")
    _require_raw(step, columns)
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(columns)
    return [
        {"feature": column["feature"], "kind": "is", "level": to_level(level)}
        for column, levels, drop in zip(columns, step.categories_, dropped, strict=True)
        for index, level in enumerate(levels)
        if index != drop
    ]


def _ordinal(step: OrdinalEncoder, columns: list[Document]) -> list[Document]:
    lenient = step.handle_unknown == "use_encoded_value" and math.isnan(step.unknown_value)
    if not lenient or not math.isnan(step.encoded_missing_value):
        raise UnsupportedEstimator(
            'OrdinalEncoder: set handle_unknown="use_encoded_value", unknown_value=nan, encoded_missing_value=nan'
        )
    if getattr(step, "_infrequent_enabled", False):
        raise UnsupportedEstimator("OrdinalEncoder with infrequent categories has no flat form")
    _require_raw(step, columns)
    return [
        {"feature": column["feature"], "kind": "code", "levels": [to_level(level) for level in levels]}
        for column, levels in zip(columns, step.categories_, strict=True)
    ]


def _require_raw(step: Any, columns: list[Document]) -> None:
    """The flat encoder looks up the feature's own value: a step before it would be lost without notice."""
    for column in columns:
        if column["kind"] not in ("number", "text") or "fill" in column or "shift" in column:
            raise UnsupportedEstimator(
                f"{type(step).__name__} on {column['feature']}: only on the feature itself, with no step before it"
            )


_CONVERTERS: dict[type, Callable[[Any, list[Document]], list[Document]]] = {
    SimpleImputer: _impute,
    StandardScaler: _scale,
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _ordinal,
}


def to_level(level: Any) -> Any:
    """A category of scikit-learn as a level; None or NaN, which stand for missing, become null."""
    if level is None or (isinstance(level, float) and math.isnan(level)):
        return None
    return float(level) if isinstance(level, float) else str(level)


def _kind(feature: Column) -> str:
    return "text" if feature.kind is FeatureKind.CATEGORICAL else "number"


def _chosen_names(chosen: Any, transformer: ColumnTransformer, name: str) -> list[str]:
    names = [str(each) for each in transformer.feature_names_in_]
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            raise UnsupportedEstimator(f"ColumnTransformer: name the columns of {name!r} one by one, not as a slice")
        return names[chosen]
    listed = list(chosen)
    if all(isinstance(each, str) for each in listed):
        return listed
    if all(isinstance(each, bool) or type(each).__name__ in ("bool", "bool_") for each in listed):
        return [each for each, taken in zip(names, listed, strict=True) if taken]
    if all(hasattr(each, "__index__") for each in listed):
        return [names[int(each)] for each in listed]
    raise UnsupportedEstimator(f"ColumnTransformer: the columns of {name!r} are not given by name or number")


def _is_keyword(step: Any, word: str) -> bool:
    return isinstance(step, str) and step == word

"""Fitted preprocessing as steps of the flat format: any nesting of pipelines, column transformers and unions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils import check_array

from evertrain.conversion.categories import one_hot, ordinal, target
from evertrain.conversion.program import Column, Program, UnsupportedEstimator, require_numbers
from evertrain.scoring.steps import Kind

Columns = Sequence[Column]


def transformed(step: Any, columns: Columns, program: Program) -> list[Column]:
    """What a fitted transformer gives of these columns, in its order. Raises UnsupportedEstimator."""
    if step is None or _is(step, "passthrough"):
        return list(columns)
    convert = TRANSFORMERS.get(type(step))
    if convert is not None:
        return convert(step, columns, program)
    if isinstance(step, SelectorMixin) and type(step).__module__.startswith("sklearn."):
        return [columns[index] for index in step.get_support(indices=True)]
    raise UnsupportedEstimator(
        f"{type(step).__name__} before the model has no flat form. scikit-learn's own imputers, scalers, encoders "
        "and selectors have: docs/models.md"
    )


# --- composition ------------------------------------------------------------------------------------


def _pipeline(step: Pipeline, columns: Columns, program: Program) -> list[Column]:
    for _, inner in step.steps:
        columns = transformed(inner, columns, program)
    return list(columns)


def _column_transformer(step: ColumnTransformer, columns: Columns, program: Program) -> list[Column]:
    given: list[Column] = []
    # The input columns of each part by number: names, slices, masks and what is left over have been resolved.
    chosen = step._transformer_to_input_indices
    for name, inner, _ in step.transformers_:
        if not _is(inner, "drop"):
            part = transformed(inner, [columns[index] for index in chosen[name]], program)
            given += _weighted(step, name, part, program)
    return given


def _feature_union(step: FeatureUnion, columns: Columns, program: Program) -> list[Column]:
    given: list[Column] = []
    for name, inner in step.transformer_list:
        if _is(inner, "drop"):
            continue
        given += _weighted(step, name, transformed(inner, columns, program), program)
    return given


def _weighted(step: Any, name: str, part: list[Column], program: Program) -> list[Column]:
    weight = (step.transformer_weights or {}).get(name)
    if weight is None:
        return part
    require_numbers(step, part, missing=True)
    return program.add("multiply", part, values=[float(weight)] * len(part))


# --- missing values -----------------------------------------------------------------------------------


def _simple_imputer(step: SimpleImputer, columns: Columns, program: Program) -> list[Column]:
    _require_nan(step)
    fills, kept = [], []
    for column, value in zip(columns, step.statistics_, strict=True):
        if not _is_nan(value):
            fills.append(value)
            kept.append(column)
        elif step.keep_empty_features:
            raise UnsupportedEstimator(f"SimpleImputer on {column.name}: no training row has a value")
    filled = _filled(kept, fills, program)
    return filled + (_indicated(step.indicator_, columns, program) if step.add_indicator else [])


def _filled(columns: Columns, fills: Sequence[Any], program: Program) -> list[Column]:
    by_slot: dict[int, Column] = {}
    for kind, operation, convert in ((Kind.NUMBER, "fill", float), (Kind.TEXT, "fill_text", str)):
        some = [(column, value) for column, value in zip(columns, fills, strict=True) if column.kind is kind]
        values = [convert(value) for _, value in some]
        inputs = [column for column, _ in some]
        made = program.add(operation, inputs, may_be_missing=False, values=values)
        by_slot |= {column.slot: new for column, new in zip(inputs, made, strict=True)}
    return [by_slot[column.slot] for column in columns]


def _missing_indicator(step: MissingIndicator, columns: Columns, program: Program) -> list[Column]:
    _require_nan(step)
    return _indicated(step, columns, program)


def _indicated(step: MissingIndicator, columns: Columns, program: Program) -> list[Column]:
    chosen = [columns[index] for index in step.features_]
    like = [replace(column, kind=Kind.NUMBER) for column in chosen]
    return program.add("is_missing", chosen, outputs=like, may_be_missing=False)


def _require_nan(step: Any) -> None:
    if not _is_nan(step.missing_values):
        raise UnsupportedEstimator(
            f"{type(step).__name__}(missing_values={step.missing_values!r}): what is missing is NaN here"
        )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


# --- numbers --------------------------------------------------------------------------------------


def _standard_scaler(step: StandardScaler, columns: Columns, program: Program) -> list[Column]:
    return _shifted_and_scaled(
        step, columns, program, step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None
    )


def _robust_scaler(step: RobustScaler, columns: Columns, program: Program) -> list[Column]:
    return _shifted_and_scaled(
        step,
        columns,
        program,
        step.center_ if step.with_centering else None,
        step.scale_ if step.with_scaling else None,
    )


def _max_abs_scaler(step: MaxAbsScaler, columns: Columns, program: Program) -> list[Column]:
    return _shifted_and_scaled(step, columns, program, None, step.scale_)


def _shifted_and_scaled(step: Any, columns: Columns, program: Program, shift: Any, scale: Any) -> list[Column]:
    require_numbers(step, columns, missing=True)
    if shift is not None:
        columns = program.add("subtract", columns, values=list(shift))
    if scale is not None:
        columns = program.add("divide", columns, values=list(scale))
    return list(columns)


def _min_max_scaler(step: MinMaxScaler, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=True)
    columns = program.add("multiply", columns, values=list(step.scale_))
    columns = program.add("add", columns, values=list(step.min_))
    if not step.clip:
        return list(columns)
    low, high = map(float, step.feature_range)
    columns = program.add("at_least", columns, values=[low] * len(columns))
    return program.add("at_most", columns, values=[high] * len(columns))


def _power_transformer(step: PowerTransformer, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=True)
    operation = "yeo_johnson" if step.method == "yeo-johnson" else "box_cox"
    columns = program.add(operation, columns, values=list(step.lambdas_))
    return _standard_scaler(step._scaler, columns, program) if step.standardize else list(columns)


def _quantile_transformer(step: QuantileTransformer, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=True)
    return program.add(
        "quantile",
        columns,
        quantiles=[list(each) for each in step.quantiles_.T],
        references=[list(step.references_)],
        distribution=step.output_distribution,
    )


def _k_bins(step: KBinsDiscretizer, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=False)
    like = [
        replace(column, values=frozenset(map(float, range(count))))
        for column, count in zip(columns, step.n_bins_, strict=True)
    ]
    codes = program.add("bins", columns, outputs=like, edges=[list(edges[1:-1]) for edges in step.bin_edges_])
    return codes if step.encode == "ordinal" else one_hot(step._encoder, codes, program)


def _normalizer(step: Normalizer, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=False)
    return program.add("by_norm", columns, norm=step.norm)


def _binarizer(step: Binarizer, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=False)
    return program.add("above", columns, values=[float(step.threshold)] * len(columns))


def _polynomial(step: PolynomialFeatures, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=False)
    terms = [
        [columns[index].slot for index, power in enumerate(powers) for _ in range(power)] for powers in step.powers_
    ]
    return program.add("products", columns, outputs=len(terms), terms=terms)


def _pca(step: PCA, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=False)
    centre = step.mean_ @ step.components_.T
    projected = _projected(step.components_, -centre, columns, program)
    if not step.whiten:
        return projected
    scale = np.sqrt(step.explained_variance_)
    smallest = np.finfo(scale.dtype).eps
    return program.add("divide", projected, values=list(np.where(scale < smallest, smallest, scale)))


def _truncated_svd(step: TruncatedSVD, columns: Columns, program: Program) -> list[Column]:
    require_numbers(step, columns, missing=False)
    return _projected(step.components_, np.zeros(len(step.components_)), columns, program)


def _projected(components: Any, intercepts: Any, columns: Columns, program: Program) -> list[Column]:
    return program.add(
        "linear",
        columns,
        outputs=len(components),
        weights=np.asarray(components, dtype=np.float64),
        intercepts=list(intercepts),
    )


_FUNCTIONS = {
    np.exp: "exp",
    np.expm1: "expm1",
    np.log: "log",
    np.log2: "log2",
    np.log10: "log10",
    np.log1p: "log1p",
    np.sqrt: "sqrt",
    np.square: "square",
    np.abs: "absolute",
    np.negative: "negative",
    np.tanh: "tanh",
}


def function_name(function: Any) -> str:
    """What the flat format calls a function of numpy. Raises UnsupportedEstimator."""
    try:
        return _FUNCTIONS[function]
    except (KeyError, TypeError):
        known = ", ".join(f"numpy.{name}" for name in sorted(_FUNCTIONS.values()))
        raise UnsupportedEstimator(
            f"the function {getattr(function, '__name__', function)!r} is code, which the endpoint does not run; it "
            f"knows {known}"
        ) from None


def _function(step: FunctionTransformer, columns: Columns, program: Program) -> list[Column]:
    if (
        step.func is None or getattr(step.func, "func", None) is check_array
    ):  # as boosting puts it behind its categories
        return list(columns)
    if step.kw_args:
        raise UnsupportedEstimator("FunctionTransformer with kw_args has no flat form")
    require_numbers(step, columns, missing=True)
    return program.add("function", columns, name=function_name(step.func))


TRANSFORMERS: dict[type, Callable[[Any, Columns, Program], list[Column]]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _column_transformer,
    FeatureUnion: _feature_union,
    SimpleImputer: _simple_imputer,
    MissingIndicator: _missing_indicator,
    StandardScaler: _standard_scaler,
    MinMaxScaler: _min_max_scaler,
    RobustScaler: _robust_scaler,
    MaxAbsScaler: _max_abs_scaler,
    PowerTransformer: _power_transformer,
    QuantileTransformer: _quantile_transformer,
    KBinsDiscretizer: _k_bins,
    Normalizer: _normalizer,
    Binarizer: _binarizer,
    PolynomialFeatures: _polynomial,
    FunctionTransformer: _function,
    PCA: _pca,
    TruncatedSVD: _truncated_svd,
    OneHotEncoder: one_hot,
    OrdinalEncoder: ordinal,
    TargetEncoder: target,
}


def _is(step: Any, word: str) -> bool:
    return isinstance(step, str) and step == word

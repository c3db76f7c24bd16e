"""XGBoost's and LightGBM's models as steps of the flat format, from their own dumps.

Neither library is imported here: whoever has a fitted model of theirs has it.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from evertrain.conversion.linear import logistic_or_softmax, positive_or_all
from evertrain.conversion.program import Column, Program, UnsupportedEstimator, require_numbers
from evertrain.conversion.trees import Nodes
from evertrain.scoring.steps import Kind

Columns = Sequence[Column]

# --- XGBoost ------------------------------------------------------------------------------------------

_XGBOOST_LINKS = {
    "binary:logistic": "logistic",
    "reg:logistic": "logistic",
    "multi:softprob": "softmax",
    "reg:squarederror": "identity",
    "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:quantileerror": "identity",
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
}
_OF_START: Mapping[str, Callable[[float], float]] = {
    "logistic": lambda probability: math.log(probability / (1.0 - probability)),
    "exp": math.log,
}
"""From a base score to the sum's scale."""


def xgboost_answer(model: Any, columns: Columns, program: Program) -> list[Column]:
    """Sums are taken in 64 bits, where XGBoost takes 32: answers agree to a part in a million."""
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    link = _XGBOOST_LINKS.get(objective)
    if booster["name"] != "gbtree" or link is None:
        raise UnsupportedEstimator(
            f"{type(model).__name__}(booster={booster['name']!r}, objective={objective!r}) has no flat form; "
            f"gbtree has, for {', '.join(sorted(_XGBOOST_LINKS))}"
        )
    if not math.isnan(model.get_params()["missing"]):
        raise UnsupportedEstimator(f"{type(model).__name__}(missing={model.missing!r}): what is missing is NaN here")
    document = booster["model"]
    columns = _xgboost_codes(document.get("cats"), columns, program)
    require_numbers(model, columns, missing=True)
    starts = json.loads(learner["learner_model_param"]["base_score"])
    starts = list(starts) if isinstance(starts, list) else [starts]
    if link in _OF_START:
        starts = [_OF_START[link](start) for start in starts]
    outputs = max(document["tree_info"], default=0) + 1
    nodes = Nodes()
    for tree, output in zip(_used_trees(model, document), document["tree_info"], strict=False):
        _add_xgboost_tree(nodes, tree, output, columns, model)
    rounded = program.add("float32", columns, outputs=list(columns))
    found = nodes.write(program, rounded, starts=starts if len(starts) == outputs else starts * outputs)
    if link == "softmax":
        return program.add("softmax", found)
    return found if link == "identity" else program.add("function", found, name=link)


def _used_trees(model: Any, document: Mapping[str, Any]) -> Sequence[Any]:
    """Up to the best iteration, where training was stopped early."""
    best = getattr(model, "best_iteration", None) if model.early_stopping_rounds is not None else None
    ends = document["iteration_indptr"]
    return document["trees"][: ends[best + 1] if best is not None else ends[-1]]  # type: ignore[no-any-return]


def _xgboost_codes(categories: Any, columns: Columns, program: Program) -> list[Column]:
    """Text by the categories of training. An unseen one is missing: XGBoost raises, or takes it for a known one."""
    given = []
    for index, column in enumerate(columns):
        if column.kind is not Kind.TEXT:
            given.append(column)
            continue
        if not categories or not categories["enc"]:
            raise UnsupportedEstimator(
                f"XGBoost: {column.name} is text; put an encoder such as OrdinalEncoder before it"
            )
        listed = categories["enc"][index]
        if not all(0 <= value < 128 for value in listed["values"]):
            # It counts characters and keeps as many bytes: of such names it knows the beginning alone.
            raise UnsupportedEstimator(
                f"XGBoost: a category of {column.name} has letters beyond ASCII, which it cuts off; put an "
                "OrdinalEncoder before it"
            )
        letters, offsets = bytes(listed["values"]), listed["offsets"]
        levels = [letters[start:end].decode() for start, end in pairwise(offsets)]
        codes = [float(code) for code in range(len(levels))]
        like = replace(column, kind=Kind.NUMBER, may_be_missing=True, values=frozenset(codes))
        given += program.add(
            "code", [column], outputs=[like], levels=levels, values=codes, unknown=math.nan, missing=math.nan
        )
    return given


def _add_xgboost_tree(nodes: Nodes, tree: Mapping[str, Any], output: int, columns: Columns, model: Any) -> None:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    leaf, feature = left < 0, np.array(tree["split_indices"])
    if len(tree["base_weights"]) != len(left) or tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
        raise UnsupportedEstimator(f'{type(model).__name__}(multi_strategy="multi_output_tree") has no flat form')
    categories: list[Sequence[int] | None] = [None] * len(left)
    for node, start, size in zip(
        tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
    ):
        column = columns[feature[node]]
        if column.values is None:
            raise UnsupportedEstimator(f"{type(model).__name__}: {column.name} is a category without known values")
        to_right = set(tree["categories"][start : start + size])
        categories[node] = [int(code) for code in column.values if code not in to_right]
    nodes.add_tree(
        feature=np.where(leaf, -1, feature),
        # Less than a number of 32 bits is at most the one before it.
        threshold=np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64),
        left=left,
        right=right,
        missing_left=np.array(tree["default_left"], dtype=bool),
        value=conditions.astype(np.float64),
        cover=np.array(tree["sum_hessian"], dtype=np.float32),
        output=output,
        categories=categories,
    )


# --- LightGBM -----------------------------------------------------------------------------------------

_LIGHTGBM_LINKS = {
    "binary": "logistic",
    "cross_entropy": "logistic",
    "multiclass": "softmax",
    "multiclassova": "logistic",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
}


def lightgbm_answer(model: Any, columns: Columns, program: Program) -> list[Column]:
    document = model.booster_.dump_model(num_iteration=model.best_iteration_ or None)
    objective, *options = document.get("objective", "custom").split()
    link = _LIGHTGBM_LINKS.get(objective)
    if link is None or "sqrt" in options:
        raise UnsupportedEstimator(
            f"{type(model).__name__}(objective={' '.join([objective, *options])!r}) has no flat form; these have: "
            f"{', '.join(sorted(_LIGHTGBM_LINKS))}"
        )
    columns = _lightgbm_codes(document, columns, program)
    require_numbers(model, columns, missing=True)
    outputs = document["num_tree_per_iteration"]
    nodes = Nodes()
    for index, tree in enumerate(document["tree_info"]):
        _add_lightgbm_tree(nodes, tree["tree_structure"], index % outputs, columns)
    divisor = len(document["tree_info"]) / outputs if document["average_output"] else 1.0
    found = nodes.write(program, columns, starts=[0.0] * outputs, divisor=divisor)
    steepness = next((float(each.split(":")[1]) for each in options if each.startswith("sigmoid:")), 1.0)
    if link == "logistic" and steepness != 1.0:
        found = program.add("multiply", found, values=[steepness] * outputs)
    if objective == "multiclassova":
        return program.add("share", program.add("function", found, name="logistic"))
    if link in ("softmax", "logistic"):
        return positive_or_all(logistic_or_softmax(found, program))
    return found if link == "identity" else program.add("function", found, name=link)


def _lightgbm_codes(document: Mapping[str, Any], columns: Columns, program: Program) -> list[Column]:
    """Text by the categories of training; an unseen one is missing, as there."""
    categories = iter(document.get("pandas_categorical") or [])
    given = []
    for column in columns:
        levels = next(categories, None) if column.kind is Kind.TEXT else None
        if levels is None:
            given.append(column)
            continue
        codes = [float(code) for code in range(len(levels))]
        like = replace(column, kind=Kind.NUMBER, may_be_missing=True, values=frozenset(codes))
        given += program.add(
            "code",
            [column],
            outputs=[like],
            levels=levels,
            values=codes,
            unknown=math.nan,
            missing=math.nan,
        )
    return given


def _add_lightgbm_tree(nodes: Nodes, root: Mapping[str, Any], output: int, columns: Columns) -> None:
    rows: list[dict[str, Any]] = []
    waiting: list[tuple[Mapping[str, Any], int, str]] = [(root, -1, "")]
    while waiting:
        node, parent, side = waiting.pop()
        if parent >= 0:
            rows[parent][side] = len(rows)
        if "leaf_value" not in node:
            waiting += [(node["right_child"], len(rows), "right"), (node["left_child"], len(rows), "left")]
        elif "leaf_const" in node:
            raise UnsupportedEstimator("LightGBM with linear_tree=True has no flat form")
        rows.append(_lightgbm_node(node, columns))
    nodes.add_tree(
        feature=np.array([row["feature"] for row in rows]),
        threshold=np.array([row["threshold"] for row in rows]),
        left=np.array([row["left"] for row in rows]),
        right=np.array([row["right"] for row in rows]),
        missing_left=np.array([row["missing_left"] for row in rows]),
        value=np.array([row["value"] for row in rows]),
        cover=np.array([row["cover"] for row in rows]),
        output=output,
        categories=[row["categories"] for row in rows],
    )


def _lightgbm_node(node: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    row = dict.fromkeys(("threshold", "left", "right", "value", "cover"), 0) | {
        "feature": -1,
        "missing_left": False,
        "categories": None,
    }
    if "leaf_value" in node:
        return row | {"value": float(node["leaf_value"]), "cover": node.get("leaf_count", 1)}
    row["feature"] = node["split_feature"]
    if node["decision_type"] == "==":
        column = columns[node["split_feature"]]
        if column.values is None:
            raise UnsupportedEstimator(
                f"LightGBM: {column.name} is a number that it takes for a category, cutting what follows the point; "
                'declare kind = "categorical", or put an OrdinalEncoder before it'
            )
        return row | {"categories": [int(code) for code in str(node["threshold"]).split("||")]}
    if node["missing_type"] == "Zero":
        raise UnsupportedEstimator("LightGBM with zero_as_missing=True has no flat form")
    threshold = float(node["threshold"])
    # Where training saw nothing missing, LightGBM reads it as 0.
    to_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
    return row | {"threshold": threshold, "missing_left": to_left}


Answer = Callable[[Any, Columns, Program], list[Column]]

LIBRARY_ANSWERS: Mapping[str, Answer] = {
    "xgboost.XGBClassifier": xgboost_answer,
    "xgboost.XGBRegressor": xgboost_answer,
    "xgboost.XGBRFClassifier": xgboost_answer,
    "xgboost.XGBRFRegressor": xgboost_answer,
    "lightgbm.LGBMClassifier": lightgbm_answer,
    "lightgbm.LGBMRegressor": lightgbm_answer,
}
"""By the package and the class of an estimator."""


def library_name(estimator: Any) -> str:
    """
    >>> library_name(Kind.TEXT)
    'evertrain.Kind'
    """
    return f"{type(estimator).__module__.split('.')[0]}.{type(estimator).__name__}"

"""Histogram gradient boosting as flat trees.

Reads private attributes of scikit-learn. A version that stores them otherwise is found by the parity check, before
anything is registered.
"""

import sys
from typing import Any

import numpy as np

from evertrain.conversion.encoders import Document, UnsupportedEstimator, to_level
from evertrain.scoring.flat_document import LEAF

_LINKS = {"IdentityLink": "identity", "LogitLink": "logistic", "HalfLogitLink": "logistic", "LogLink": "exponential"}


def boosted_trees(model: Any, columns: list[Document]) -> tuple[list[Document], Document, str]:
    """The encoders in the order of the trees' inputs, the trees, and the link."""
    if model.n_trees_per_iteration_ != 1:
        raise UnsupportedEstimator(f"{type(model).__name__} with more than two classes has no flat form")
    link = _LINKS.get(type(model._loss.link).__name__)
    if link is None:
        raise UnsupportedEstimator(f"{type(model).__name__}(loss={model.loss!r}) has no flat form")
    columns = _in_tree_order(model, columns)
    known = _known_codes(model, len(columns))
    for index, codes in known.items():
        levels = columns[index]["levels"]
        # A level of no training row takes the branch of missing values, as in scikit-learn.
        columns[index] = columns[index] | {
            "levels": [level if code in codes else None for code, level in enumerate(levels)]
        }
    trees = [_tree(predictor) for (predictor,) in model._predictors]
    return columns, {"kind": "trees", "start": float(model._baseline_prediction.item()), "trees": trees}, link


def _in_tree_order(model: Any, columns: list[Document]) -> list[Document]:
    """Where the estimator encodes categories itself, it puts them first."""
    if model._preprocessor is None:
        return columns
    encoder = model._preprocessor.named_transformers_["encoder"]
    chosen = np.asarray(model.is_categorical_, dtype=bool)
    categorical = [column for column, taken in zip(columns, chosen, strict=True) if taken]
    numeric = [column for column, taken in zip(columns, chosen, strict=True) if not taken]
    coded = [
        {"feature": column["feature"], "kind": "code", "levels": _levels(column, levels)}
        for column, levels in zip(categorical, encoder.categories_, strict=True)
    ]
    return coded + numeric


def _levels(column: Document, levels: Any) -> list[Any]:
    """The estimator's categories; where a step before it encoded them, the levels behind the codes."""
    if column["kind"] == "code":
        return [column["levels"][int(code)] for code in levels if not np.isnan(code)]
    return [to_level(level) for level in levels]


def _known_codes(model: Any, count: int) -> dict[int, set[int]]:
    """For each categorical column, the codes of the training rows."""
    if not np.any(model._is_categorical_remapped if model._is_categorical_remapped is not None else False):
        return {}
    bitsets, rows = model._bin_mapper.make_known_categories_bitsets()
    categorical = [index for index in range(count) if model._is_categorical_remapped[index]]
    return {index: _codes(bitsets[rows[index]]) for index in categorical}


def _tree(predictor: Any) -> Document:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    by_category = nodes["is_categorical"].astype(bool) & ~leaf
    # An infinite threshold sends every number left, and so does the largest float, which JSON can hold.
    thresholds = np.clip(np.where(leaf, 0.0, nodes["num_threshold"]), -sys.float_info.max, sys.float_info.max)
    return {
        "feature": np.where(leaf, LEAF, nodes["feature_idx"].astype(np.int64)).tolist(),
        "threshold": thresholds.tolist(),
        "levels": [
            sorted(_codes(predictor.raw_left_cat_bitsets[node["bitset_idx"]])) if categorical else None
            for node, categorical in zip(nodes, by_category, strict=True)
        ],
        "missing": nodes["missing_go_to_left"].astype(bool).tolist(),
        "left": nodes["left"].tolist(),
        "right": nodes["right"].tolist(),
        "value": nodes["value"].tolist(),
    }


def _codes(bitset: Any) -> set[int]:
    """
    >>> sorted(_codes(np.array([0b101, 0b1], dtype=np.uint32)))
    [0, 2, 32]
    """
    return {32 * word + bit for word, bits in enumerate(bitset) for bit in range(32) if int(bits) >> bit & 1}

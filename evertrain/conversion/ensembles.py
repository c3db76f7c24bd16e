"""scikit-learn's trees, and ensembles of trees, as steps of the flat format.

Reads private attributes of scikit-learn. A version that stores them otherwise is found by the parity check, before
anything is registered.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import dummy, ensemble, tree

from evertrain.conversion.linear import logistic_or_softmax
from evertrain.conversion.program import Column, Program, UnsupportedEstimator, require_numbers
from evertrain.conversion.transformers import transformed
from evertrain.conversion.trees import Nodes, Numbers, add_fitted_tree

Columns = Sequence[Column]
Convert = Callable[[Any, Columns, Program], list[Column]]


# --- trees and forests ---------------------------------------------------------------------------------


def _tree(model: Any, columns: Columns, program: Program) -> list[Column]:
    return _forest_of([model], model, columns, program)


def _forest(model: Any, columns: Columns, program: Program) -> list[Column]:
    return _forest_of(model.estimators_, model, columns, program)


def _forest_of(members: Sequence[Any], model: Any, columns: Columns, program: Program) -> list[Column]:
    """The mean of their leaves: shares of classes, of two the second one's, or numbers."""
    require_numbers(model, columns, missing=_takes_missing(model))
    classes = getattr(model, "n_classes_", 1)
    nodes = Nodes()
    for member in members:
        add_fitted_tree(nodes, member.tree_, _leaf_values(member.tree_, classes))
    return nodes.write(
        program, _rounded(columns, program), starts=[0.0] * (classes if classes > 2 else 1), divisor=len(members)
    )


def _leaf_values(fitted: Any, classes: int) -> Numbers:
    values = np.asarray(fitted.value[:, 0, :], dtype=np.float64)
    if classes == 1:
        return values[:, 0]
    return values[:, 1] if classes == 2 else values


def _takes_missing(model: Any) -> bool:
    return bool(model.__sklearn_tags__().input_tags.allow_nan)


def _rounded(columns: Columns, program: Program) -> list[Column]:
    """As scikit-learn's trees read their rows."""
    return program.add("float32", columns)


# --- boosting ------------------------------------------------------------------------------------


def _gradient_boosting_scores(model: Any, columns: Columns, program: Program) -> list[Column]:
    require_numbers(model, columns, missing=False)
    if not (model.init_ == "zero" or isinstance(model.init_, dummy.DummyClassifier | dummy.DummyRegressor)):
        raise UnsupportedEstimator(f"{type(model).__name__}(init={type(model.init_).__name__}()) has no flat form")
    nothing = np.zeros((1, model.n_features_in_), dtype=np.float32)
    starts = np.ravel(model._raw_predict_init(nothing))
    nodes = Nodes()
    for stage in model.estimators_:
        for output, member in enumerate(stage):
            value = member.tree_.value[:, 0, 0] * model.learning_rate
            add_fitted_tree(nodes, member.tree_, value, output=output)
    return nodes.write(program, _rounded(columns, program), starts=starts)


def _gradient_boosting(model: Any, columns: Columns, program: Program) -> list[Column]:
    found = _gradient_boosting_scores(model, columns, program)
    if isinstance(model, ensemble.GradientBoostingRegressor):
        return found
    if model.loss == "exponential":
        found = program.add("multiply", found, values=[2.0])
    return logistic_or_softmax(found, program)


_LINKS = {
    "IdentityLink": "identity",
    "LogitLink": "logistic",
    "HalfLogitLink": "logistic",
    "LogLink": "exp",
    "MultinomialLogit": "softmax",
}


def _histogram_boosting(model: Any, columns: Columns, program: Program) -> list[Column]:
    link = _LINKS.get(type(model._loss.link).__name__)
    if link is None:
        raise UnsupportedEstimator(f"{type(model).__name__}(loss={model.loss!r}) has no flat form")
    found = _histogram_boosting_scores(model, columns, program)
    if link == "softmax":
        return program.add("softmax", found)
    return found if link == "identity" else program.add("function", found, name=link)


def _histogram_boosting_scores(model: Any, columns: Columns, program: Program) -> list[Column]:
    if model._preprocessor is not None:
        # The estimator encodes categories itself, and puts them first.
        columns = transformed(model._preprocessor, columns, program)
    require_numbers(model, columns, missing=True)
    columns = _as_trained(model, columns, program)
    nodes = Nodes()
    for stage in model._predictors:
        for output, predictor in enumerate(stage):
            _add_histogram_tree(nodes, predictor, output)
    return nodes.write(program, columns, starts=np.ravel(model._baseline_prediction))


def _as_trained(model: Any, columns: Columns, program: Program) -> list[Column]:
    """A code of no training row takes the branch of missing values, as in scikit-learn."""
    remapped = model._is_categorical_remapped
    if remapped is None or not np.any(remapped):
        return list(columns)
    bitsets, rows = model._bin_mapper.make_known_categories_bitsets()
    given = []
    for index, column in enumerate(columns):
        known = _codes(bitsets[rows[index]]) if remapped[index] else None
        if known is None or (column.values is not None and column.values <= set(known)):
            given.append(column)
        else:
            given += program.add("code", [column], levels=known, values=known, unknown=np.nan, missing=np.nan)
    return given


def _add_histogram_tree(nodes: Nodes, predictor: Any, output: int) -> None:
    fitted = predictor.nodes
    leaf = fitted["is_leaf"].astype(bool)
    by_category = fitted["is_categorical"].astype(bool) & ~leaf
    nodes.add_tree(
        feature=np.where(leaf, -1, fitted["feature_idx"].astype(np.int64)),
        threshold=fitted["num_threshold"],
        left=fitted["left"].astype(np.int64),
        right=fitted["right"].astype(np.int64),
        missing_left=fitted["missing_go_to_left"].astype(bool),
        value=fitted["value"],
        cover=fitted["count"],
        output=output,
        categories=[
            _codes(predictor.raw_left_cat_bitsets[node["bitset_idx"]]) if categorical else None
            for node, categorical in zip(fitted, by_category, strict=True)
        ]
        if by_category.any()
        else None,
    )


def _codes(bitset: Any) -> list[int]:
    """
    >>> _codes(np.array([0b101, 0b1], dtype=np.uint32))
    [0, 2, 32]
    """
    octets = np.ascontiguousarray(bitset, dtype="<u4").view(np.uint8)
    return np.flatnonzero(np.unpackbits(octets, bitorder="little")).tolist()


def _ada_boost_scores(model: Any, columns: Columns, program: Program) -> list[Column]:
    """Each tree votes with its weight for the class of its leaf, and against the others."""
    require_numbers(model, columns, missing=False)
    members = _only_trees(model, tree.DecisionTreeClassifier)
    classes = model.n_classes_
    nodes = Nodes()
    for member, weight in zip(members, model.estimator_weights_, strict=False):
        votes = member.tree_.value[:, 0, :].argmax(axis=1)
        chosen = np.searchsorted(model.classes_, member.classes_[votes])
        value = np.full((len(chosen), classes), -weight / (classes - 1))
        value[np.arange(len(chosen)), chosen] = weight
        if classes == 2:
            value = value[:, 1] - value[:, 0]
        add_fitted_tree(nodes, member.tree_, value)
    starts = [0.0] * (classes if classes > 2 else 1)
    return nodes.write(program, _rounded(columns, program), starts=starts, divisor=model.estimator_weights_.sum())


def _ada_boost(model: Any, columns: Columns, program: Program) -> list[Column]:
    found = _ada_boost_scores(model, columns, program)
    if len(found) == 1:
        return program.add("function", found, name="logistic")
    scaled = program.add("divide", found, values=[model.n_classes_ - 1.0] * len(found))
    return program.add("softmax", scaled)


def _ada_boost_number(model: Any, columns: Columns, program: Program) -> list[Column]:
    """The weighted median of the trees' numbers."""
    require_numbers(model, columns, missing=False)
    members = _only_trees(model, tree.DecisionTreeRegressor)
    nodes = Nodes()
    for output, member in enumerate(members):
        add_fitted_tree(nodes, member.tree_, member.tree_.value[:, 0, 0], output=output)
    found = nodes.write(program, _rounded(columns, program), starts=[0.0] * len(members))
    weights = [float(weight) for weight in model.estimator_weights_[: len(members)]]
    return program.add("weighted_median", found, outputs=1, weights=weights)


def _only_trees(model: Any, kind: type) -> Sequence[Any]:
    for member in model.estimators_:
        if type(member) is not kind:
            raise UnsupportedEstimator(
                f"{type(model).__name__} of {type(member).__name__} has no flat form; of {kind.__name__} it has"
            )
    return model.estimators_  # type: ignore[no-any-return]


ANSWERS: dict[type, Convert] = {
    tree.DecisionTreeClassifier: _tree,
    tree.DecisionTreeRegressor: _tree,
    tree.ExtraTreeClassifier: _tree,
    tree.ExtraTreeRegressor: _tree,
    ensemble.RandomForestClassifier: _forest,
    ensemble.RandomForestRegressor: _forest,
    ensemble.ExtraTreesClassifier: _forest,
    ensemble.ExtraTreesRegressor: _forest,
    ensemble.GradientBoostingClassifier: _gradient_boosting,
    ensemble.GradientBoostingRegressor: _gradient_boosting,
    ensemble.HistGradientBoostingClassifier: _histogram_boosting,
    ensemble.HistGradientBoostingRegressor: _histogram_boosting,
    ensemble.AdaBoostClassifier: _ada_boost,
    ensemble.AdaBoostRegressor: _ada_boost_number,
}
"""Probabilities, of the second class where there are two, or the number."""

DECISIONS: dict[type, Convert] = {
    ensemble.GradientBoostingClassifier: _gradient_boosting_scores,
    ensemble.HistGradientBoostingClassifier: _histogram_boosting_scores,
    ensemble.AdaBoostClassifier: _ada_boost_scores,
}
"""The decision function, which a calibration or a stack may read."""

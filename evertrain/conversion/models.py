"""Any fitted estimator as steps of the flat format, with what it is made of."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import calibration, compose, ensemble, frozen, model_selection, preprocessing
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from evertrain.conversion import ensembles, linear
from evertrain.conversion.boosting_libraries import LIBRARY_ANSWERS, library_name
from evertrain.conversion.program import Column, Program, UnsupportedEstimator
from evertrain.conversion.transformers import function_name, transformed

Columns = Sequence[Column]
Convert = Callable[[Any, Columns, Program], list[Column]]


def answer(model: Any, columns: Columns, program: Program) -> list[Column]:
    """What a fitted estimator answers: a number; or probabilities of its classes, of two the second one's alone.

    Raises UnsupportedEstimator.
    """
    convert = ANSWERS.get(type(model)) or LIBRARY_ANSWERS.get(library_name(model))
    if convert is None:
        if is_classifier(model) and not hasattr(model, "predict_proba"):
            raise UnsupportedEstimator(
                f"{type(model).__name__} gives no probabilities; put it into a CalibratedClassifierCV"
            )
        raise UnsupportedEstimator(
            f"{type(model).__name__} has no flat form. Linear models, trees, "
            "forests, boosting, XGBoost, LightGBM, naive Bayes, and votes, stacks and calibrations of these have: "
            "docs/models.md"
        )
    return convert(model, columns, program)


def decision(model: Any, columns: Columns, program: Program) -> list[Column]:
    """An estimator's decision function: one column for two classes. Raises UnsupportedEstimator."""
    convert = DECISIONS.get(type(model))
    if convert is None:
        raise UnsupportedEstimator(f"the decision function of {type(model).__name__} has no flat form")
    return convert(model, columns, program)


# --- what only passes on ------------------------------------------------------------------------------


def _pipeline(convert: Convert) -> Convert:
    def of_pipeline(model: Pipeline, columns: Columns, program: Program) -> list[Column]:
        for _, step in model.steps[:-1]:
            columns = transformed(step, columns, program)
        return convert(model.steps[-1][1], columns, program)

    return of_pipeline


def _searched(convert: Convert) -> Convert:
    def of_search(model: Any, columns: Columns, program: Program) -> list[Column]:
        if not model.refit:
            raise UnsupportedEstimator(f"{type(model).__name__}(refit=False) leaves no model; set refit=True")
        return convert(model.best_estimator_, columns, program)

    return of_search


def _frozen(convert: Convert) -> Convert:
    return lambda model, columns, program: convert(model.estimator, columns, program)


# --- several estimators -------------------------------------------------------------------------------


def _voting(model: Any, columns: Columns, program: Program) -> list[Column]:
    if getattr(model, "voting", "soft") != "soft":
        raise UnsupportedEstimator('VotingClassifier(voting="hard") gives no probabilities; set voting="soft"')
    weights = model._weights_not_none
    return _mean([answer(member, columns, program) for member in model.estimators_], weights, program)


def _bagging(model: Any, columns: Columns, program: Program) -> list[Column]:
    classes = list(getattr(model, "classes_", ()))
    answers = []
    for member, chosen in zip(model.estimators_, model.estimators_features_, strict=True):
        if classes and len(member.classes_) != len(classes):
            raise UnsupportedEstimator(
                f"{type(model).__name__}: one of its estimators saw {len(member.classes_)} of {len(classes)} "
                "classes; give it larger samples"
            )
        answers.append(answer(member, [columns[index] for index in chosen], program))
    return _mean(answers, None, program)


def _mean(answers: Sequence[list[Column]], weights: Any, program: Program) -> list[Column]:
    """Of each class's column over all estimators."""
    shares = np.ones(len(answers)) if weights is None else np.asarray(weights, dtype=np.float64)
    width = len(answers[0])
    inputs = [column for each in answers for column in each]
    rows = np.zeros((width, len(inputs)))
    for member, share in enumerate(shares):
        for output in range(width):
            rows[output, member * width + output] = share
    total = program.add("linear", inputs, outputs=width, weights=rows, intercepts=[0.0] * width)
    return program.add("divide", total, values=[float(shares.sum())] * width)


def _stacking(model: Any, columns: Columns, program: Program) -> list[Column]:
    found: list[Column] = []
    for member, method in zip(model.estimators_, model.stack_method_, strict=True):
        if method == "decision_function":
            found += decision(member, columns, program)
        elif method == "predict_proba" or not hasattr(member, "classes_"):
            found += answer(member, columns, program)
        else:
            raise UnsupportedEstimator(
                f"{type(model).__name__} of {type(member).__name__}: it gives classes and no probabilities"
            )
    if model.passthrough:
        found += columns
    return answer(model.final_estimator_, found, program)


def _calibrated(model: Any, columns: Columns, program: Program) -> list[Column]:
    return _mean([_calibrated_once(each, columns, program) for each in model.calibrated_classifiers_], None, program)


def _calibrated_once(model: Any, columns: Columns, program: Program) -> list[Column]:
    of_scores = hasattr(model.estimator, "decision_function")
    found = (decision if of_scores else answer)(model.estimator, columns, program)
    if len(found) != len(model.calibrators):
        raise UnsupportedEstimator(
            f"CalibratedClassifierCV(method={model.method!r}) has no flat form for these classes"
        )
    calibrated = [
        column
        for score, calibrator in zip(found, model.calibrators, strict=True)
        for column in _calibrated_score(model, calibrator, score, program)
    ]
    return calibrated if len(calibrated) == 1 else program.add("share", calibrated)


def _calibrated_score(model: Any, calibrator: Any, score: Column, program: Program) -> list[Column]:
    if model.method == "isotonic":
        xs, ys = calibrator.X_thresholds_, calibrator.y_thresholds_
        return program.add("interpolate", [score], xs=list(xs), ys=list(ys))
    if model.method == "sigmoid":
        slope, intercept = -float(calibrator.a_), -float(calibrator.b_)
        line = program.add("linear", [score], weights=np.array([[slope]]), intercepts=[intercept])
        return program.add("function", line, name="logistic")
    raise UnsupportedEstimator(
        f'CalibratedClassifierCV(method={model.method!r}) has no flat form; "sigmoid" and "isotonic" have'
    )


# --- a number of its own scale --------------------------------------------------------------------------


def _transformed_target(model: Any, columns: Columns, program: Program) -> list[Column]:
    found = answer(model.regressor_, columns, program)
    back = model.transformer_
    if isinstance(back, preprocessing.FunctionTransformer):
        if back.inverse_func is None:
            return found
        return program.add("function", found, name=function_name(back.inverse_func))
    scaled = _unscaled(back, found, program)
    if scaled is None:
        raise UnsupportedEstimator(
            f"TransformedTargetRegressor(transformer={type(back).__name__}()) has no flat form; StandardScaler, "
            "MinMaxScaler, RobustScaler, MaxAbsScaler and functions of numpy have"
        )
    return scaled


def _unscaled(back: Any, found: list[Column], program: Program) -> list[Column] | None:
    if type(back) is preprocessing.MinMaxScaler:
        shifted = program.add("subtract", found, values=list(back.min_))
        return program.add("divide", shifted, values=list(back.scale_))
    shifts = {
        preprocessing.StandardScaler: back.mean_ if getattr(back, "with_mean", False) else None,
        preprocessing.RobustScaler: back.center_ if getattr(back, "with_centering", False) else None,
        preprocessing.MaxAbsScaler: None,
    }
    if type(back) not in shifts:
        return None
    if back.scale_ is not None:
        found = program.add("multiply", found, values=list(back.scale_))
    shift = shifts[type(back)]
    return found if shift is None else program.add("add", found, values=list(shift))


_SEARCHES = (
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
)

DECISIONS: dict[type, Convert] = {
    **linear.DECISIONS,
    **ensembles.DECISIONS,
    Pipeline: _pipeline(decision),
    frozen.FrozenEstimator: _frozen(decision),
    **dict.fromkeys(_SEARCHES, _searched(decision)),
}

ANSWERS: dict[type, Convert] = {
    **linear.ANSWERS,
    **ensembles.ANSWERS,
    Pipeline: _pipeline(answer),
    frozen.FrozenEstimator: _frozen(answer),
    **dict.fromkeys(_SEARCHES, _searched(answer)),
    ensemble.VotingClassifier: _voting,
    ensemble.VotingRegressor: _voting,
    ensemble.BaggingClassifier: _bagging,
    ensemble.BaggingRegressor: _bagging,
    ensemble.StackingClassifier: _stacking,
    ensemble.StackingRegressor: _stacking,
    calibration.CalibratedClassifierCV: _calibrated,
    compose.TransformedTargetRegressor: _transformed_target,
}
"""By class of estimator. Subclasses are not meant: they may answer otherwise."""

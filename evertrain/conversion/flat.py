"""Writes a fitted estimator as a flat artifact. What has no exact flat form is refused by name."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from evertrain.conversion.boosting_libraries import library_name
from evertrain.conversion.explanations import NO_MEANS, measured_means
from evertrain.conversion.fitting import seen_classes
from evertrain.conversion.models import answer
from evertrain.conversion.program import Column, Program, UnsupportedEstimator
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring.container import MAX_BYTES, pack, size_of
from evertrain.scoring.flat_model import FORMAT, VERSION, FlatModel
from evertrain.scoring.operations.trees import MAX_NODES, MAX_TREES

__all__ = ["UnsupportedEstimator", "to_flat"]


def to_flat(estimator: Any, spec: ModelSpec, *, rows: pd.DataFrame | None = None) -> bytes:
    """The artifact; equal estimators give equal bytes. Raises UnsupportedEstimator.

    `rows`: of training, from which a sum of columns gets the means that its predictions are explained by.
    """
    program = Program(spec.features)
    found = answer(estimator, program.columns, program)
    answered = _of_classes(found, estimator, spec, program) if spec.is_multiclass else _one(found, estimator, spec)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": spec.name,
        "task": spec.task.value,
        "features": [
            {
                "name": column.name,
                "kind": column.kind.value,
                "nullable": column.nullable,
                "example": _example(program, slot),
            }
            for slot, column in enumerate(spec.features)
        ],
        "steps": program.steps,
        "answer": answered,
        "classes": list(spec.label.classes),
        "tolerance": _tolerance(estimator),
    }
    _require_size(estimator, program)
    if rows is not None:
        header["means"] = NO_MEANS
    artifact = pack(header, program.arrays)
    if rows is not None and (means := measured_means(FlatModel.from_bytes(artifact), rows)) != NO_MEANS:
        artifact = pack(header | {"means": means}, program.arrays)
    if size_of(artifact) > MAX_BYTES:
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)}: {size_of(artifact):,} bytes are too much for an endpoint, which takes "
            f"{MAX_BYTES:,}: use a smaller model"
        )
    return artifact


def _example(program: Program, slot: int) -> str | None:
    """Of text, a level that training saw."""
    for step in program.steps:
        if step["inputs"] == [slot] and (levels := step.get("levels")) and isinstance(levels[0], str):
            return str(levels[0])
    return None


def _one(found: list[Column], estimator: Any, spec: ModelSpec) -> int:
    if len(found) != 1:
        what = f"numbers, and one of {spec.label.name}"
        if is_classifier(estimator):
            what = f"classes, and {spec.label.name} has two; name all of them in label.classes"
        raise UnsupportedEstimator(f"{model_name_of(estimator)} answers {len(found)} {what}")
    require_task(estimator, spec)
    return found[0].slot


def _of_classes(found: list[Column], estimator: Any, spec: ModelSpec, program: Program) -> list[int]:
    """The slot of each declared class. One that no row had when the estimator was fitted has the probability 0."""
    require_task(estimator, spec)
    if len(found) == 1:
        found = program.add("linear", found, outputs=2, weights=np.array([[-1.0], [1.0]]), intercepts=[1.0, 0.0])
    slots = {number: column.slot for number, column in zip(seen_classes(estimator), found, strict=True)}
    classes = range(len(spec.label.classes))
    if len(slots) < len(classes):
        (never,) = program.add("linear", [], outputs=1, weights=np.zeros((1, 0)), intercepts=[0.0])
        slots |= {number: never.slot for number in classes if number not in slots}
    return [slots[number] for number in classes]


def _require_size(estimator: Any, program: Program) -> None:
    nodes = sum(len(program.arrays[step["feature"]]) for step in program.steps if step["operation"] == "trees")
    trees = sum(len(program.arrays[step["roots"]]) for step in program.steps if step["operation"] == "trees")
    if nodes > MAX_NODES or trees > MAX_TREES:
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)}: {trees:,} trees with {nodes:,} nodes are too much for an endpoint, which "
            f"takes {MAX_TREES:,} and {MAX_NODES:,}: use fewer trees, or smaller ones (max_depth, max_leaf_nodes, "
            "min_samples_leaf)"
        )


def require_task(estimator: Any, spec: ModelSpec) -> None:
    if spec.task is not Task.CLASSIFICATION:
        if is_classifier(estimator):
            raise UnsupportedEstimator(
                f"{model_name_of(estimator)} is a classifier, and the model's task is {spec.task}"
            )
        return
    classes = seen_classes(estimator)
    if spec.is_multiclass and classes and set(classes) <= set(range(len(spec.label.classes))):
        return
    if classes != [0, 1] or spec.is_multiclass:
        to = f"to {len(spec.label.classes) - 1}" if spec.is_multiclass else "and 1"
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)} does not predict the classes 0 {to}; it gets a classification's label as "
            f"0 {to}"
        )


def model_name_of(estimator: Any) -> str:
    """Of a pipeline, that of its model."""
    return model_name_of(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else type(estimator).__name__


def _tolerance(estimator: Any) -> float:
    """The widest of whatever it is made of."""
    names = map(library_name, [estimator, *estimator.get_params(deep=True).values()])
    return max(tolerance_of(name) for name in names)


def tolerance_of(name: str) -> float:
    """By how much of the largest answer an artifact may differ from such an estimator, by package and class.

    Sums are taken in the estimator's order, so that only the last digits of logarithms and exponentials may differ.
    But XGBoost sums in 32 bits; and for what no row of a class was like, GaussianNB divides by next to nothing: of
    sums so large the last digits show.

    >>> tolerance_of("sklearn.Ridge"), tolerance_of("xgboost.XGBRegressor")
    (1e-09, 1e-05)
    """
    package, _, cls = name.partition(".")
    return {"xgboost": 1e-5}.get(package) or {"GaussianNB": 1e-6}.get(cls) or 1e-9

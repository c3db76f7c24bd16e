"""Writes a fitted estimator as a flat artifact. What has no exact flat form is refused by name."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from evertrain.conversion.boosting_libraries import IN_32_BITS, library_name
from evertrain.conversion.models import answer
from evertrain.conversion.program import Program, UnsupportedEstimator
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring.container import MAX_BYTES, pack, size_of
from evertrain.scoring.flat_model import FORMAT, VERSION
from evertrain.scoring.operations.trees import MAX_NODES, MAX_TREES

__all__ = ["UnsupportedEstimator", "to_flat"]


def to_flat(estimator: Any, spec: ModelSpec) -> bytes:
    """The artifact; equal estimators give equal bytes. Raises UnsupportedEstimator."""
    _require_task(estimator, spec)
    program = Program(spec.features)
    (found,) = _one_answer(answer(estimator, program.columns, program), estimator)
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
        "answers": [found.slot],
        "classes": list(spec.label.classes),
        "is_float32": _answers_in_32_bits(estimator),
    }
    _require_size(estimator, program)
    artifact = pack(header, program.arrays)
    if size_of(artifact) > MAX_BYTES:
        raise UnsupportedEstimator(
            f"{_name(estimator)}: {size_of(artifact):,} bytes are too much for an endpoint, which takes "
            f"{MAX_BYTES:,}: use a smaller model"
        )
    return artifact


def _example(program: Program, slot: int) -> str | None:
    """Of text, a level that training saw."""
    for step in program.steps:
        if step["inputs"] == [slot] and (levels := step.get("levels")) and isinstance(levels[0], str):
            return str(levels[0])
    return None


def _one_answer(found: Any, estimator: Any) -> Any:
    if len(found) != 1:
        raise UnsupportedEstimator(f"{_name(estimator)} with more than two classes cannot be served")
    return found


def _require_size(estimator: Any, program: Program) -> None:
    nodes = sum(len(program.arrays[step["feature"]]) for step in program.steps if step["operation"] == "trees")
    trees = sum(len(program.arrays[step["roots"]]) for step in program.steps if step["operation"] == "trees")
    if nodes > MAX_NODES or trees > MAX_TREES:
        raise UnsupportedEstimator(
            f"{_name(estimator)}: {trees:,} trees with {nodes:,} nodes are too much for an endpoint, which "
            f"takes {MAX_TREES:,} and {MAX_NODES:,}: use fewer trees, or smaller ones (max_depth, max_leaf_nodes, "
            "min_samples_leaf)"
        )


def _require_task(estimator: Any, spec: ModelSpec) -> None:
    if spec.task is not Task.CLASSIFICATION:
        if is_classifier(estimator):
            raise UnsupportedEstimator(f"{_name(estimator)} is a classifier, and the model's task is {spec.task}")
        return
    classes = np.ravel(getattr(estimator, "classes_", ())).tolist()
    if classes != [0, 1]:
        raise UnsupportedEstimator(
            f"{_name(estimator)} does not predict the classes 0 and 1; a classification's label is 0 or 1"
        )


def _name(estimator: Any) -> str:
    """Of a pipeline, that of its model."""
    return _name(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else type(estimator).__name__


def _answers_in_32_bits(estimator: Any) -> bool:
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(library_name(part) in IN_32_BITS for part in parts)

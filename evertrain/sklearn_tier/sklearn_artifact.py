"""Writes a fitted estimator as an artifact of the second tier. What skops cannot keep is refused by name."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import skops.io

from evertrain.conversion.flat import (
    UnsupportedEstimator,
    model_name_of,
    require_task,
)
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.sklearn_tier.container import MAX_BYTES, pack, unpacked_size
from evertrain.sklearn_tier.declared_types import refused_types
from evertrain.sklearn_tier.model import FORMAT, TOLERANCE, VERSION, library_versions


def to_sklearn(estimator: Any, spec: ModelSpec, frame: pd.DataFrame) -> bytes:
    """The artifact; equal estimators give equal bytes. `frame`: as it was fitted on, or some of its rows.

    Raises UnsupportedEstimator.
    """
    _require_answers(estimator, spec)
    archive = _archive(estimator)
    categories = {
        each.name: [str(level) for level in frame[each.name].cat.categories]
        for each in spec.features
        if each.kind is FeatureKind.CATEGORICAL
    }
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": spec.name,
        "task": spec.task.value,
        "features": [
            {
                "name": each.name,
                "kind": each.kind.value,
                "nullable": each.nullable,
                "example": next(iter(categories.get(each.name, ())), None),
            }
            for each in spec.features
        ],
        "categories": categories,
        "classes": list(spec.label.classes),
        "tolerance": TOLERANCE,
        "types": _declared(estimator, skops.io.get_untrusted_types(data=archive)),
        "libraries": library_versions(),
    }
    return pack(header, archive)


def _require_answers(estimator: Any, spec: ModelSpec) -> None:
    if spec.task is Task.CLASSIFICATION or hasattr(estimator, "__sklearn_tags__"):
        require_task(estimator, spec)
    if spec.task is Task.CLASSIFICATION and not hasattr(estimator, "predict_proba"):
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)} gives no probabilities; put it into a CalibratedClassifierCV"
        )


def _archive(estimator: Any) -> bytes:
    try:
        archive: bytes = skops.io.dumps(estimator)
    except Exception as error:
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)} cannot be kept by skops: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    if (size := unpacked_size(archive)) > MAX_BYTES:
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)}: {size:,} bytes are too much for an endpoint, which takes {MAX_BYTES:,}: "
            "use a smaller model, or fewer rows where it keeps them"
        )
    return archive


def _declared(estimator: Any, types: Sequence[str]) -> list[str]:
    """What the artifact holds besides what skops trusts by itself."""
    if unnamed := [name for name in types if "<" in name]:
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)} holds {unnamed[0].rpartition('.')[2]}, which has no name to be found by: "
            "define it with def or class at the top level of a file of models/"
        )
    if refused := refused_types(types):
        raise UnsupportedEstimator(
            f"{model_name_of(estimator)} holds {refused[0]}, which an artifact may not: write a function or a class "
            "of your own around it, in a file of models/"
        )
    return sorted(types)

"""Rows of a file: each is judged by itself, and one that is wrong leaves the others their predictions."""

import math
from typing import Any

from evertrain.domain.project.prediction import Answer, Prediction, by_class
from evertrain.scoring import InvalidRow, validate_rows
from evertrain.scoring.rows import Row
from serving.wiring import ServedModel

NOT_FINITE = "the prediction is not a finite number; the features' values are too large"


def score_each(served: ServedModel, rows: list[Any]) -> dict[str, Any]:
    """`rows`: with times as ages. A row that is refused has null for a prediction, and by its place why."""
    valid, errors = _valid_rows(served, rows)
    predictions: list[Answer | None] = [None] * len(rows)
    for place, predicted in zip(valid, served.model.predict(list(valid.values())) if valid else (), strict=True):
        if is_finite(predicted):
            predictions[place] = by_class(predicted, served.model.classes)
        else:
            errors[place] = NOT_FINITE
    return {"model_version": served.version, "predictions": predictions, "errors": errors}


def _valid_rows(served: ServedModel, rows: list[Any]) -> tuple[dict[int, Row], dict[int, str]]:
    """By their places. All at once, which is faster, unless one of them is wrong."""
    features = served.model.features
    try:
        return dict(enumerate(validate_rows(rows, features))), {}
    except InvalidRow:
        valid, errors = {}, {}
        for place, row in enumerate(rows):
            try:
                (valid[place],) = validate_rows([row], features)
            except InvalidRow as invalid:
                errors[place] = str(invalid)
        return valid, errors


def is_finite(prediction: Prediction) -> bool:
    """Numbers that are valid one by one may have no finite sum, and JSON has no word for the rest."""
    return all(map(math.isfinite, prediction if isinstance(prediction, tuple) else (prediction,)))

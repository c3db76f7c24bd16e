"""An answered request as JSON, CSV or JSON Lines. Who asked and which version answered also stands in headers."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from evertrain.domain.deployment.routes import MODEL_VERSION_HEADER, PREDICTION_ID_HEADER
from evertrain.domain.landing.predictions import PREDICTION, PREDICTION_ID, AnsweredRequest
from serving.explanations import Explanations
from serving.media_types import Form, MediaType
from serving.responses import answer, text_answer


def prediction_response(
    answered: AnsweredRequest, wanted: MediaType, explanations: Explanations = ()
) -> dict[str, Any]:
    """`explanations`: one for each row, or none; never beside CSV."""
    headers = {PREDICTION_ID_HEADER: answered.prediction_id, MODEL_VERSION_HEADER: answered.model_version}
    if wanted.form is Form.JSON:
        return answer(200, _document(answered, explanations), headers=headers)
    if wanted.form is Form.CSV:
        content_type = f"{wanted.name}; charset=utf-8; header={'present' if wanted.has_header else 'absent'}"
        return text_answer(_csv(answered, has_header=wanted.has_header), content_type, headers=headers)
    lines = (json.dumps(line, allow_nan=False) for line in _lines(answered, explanations))
    return text_answer("".join(f"{line}\n" for line in lines), wanted.name, headers=headers)


def _document(answered: AnsweredRequest, explanations: Explanations) -> dict[str, Any]:
    explored = {"explore": answered.explored} if answered.explore_share else {}
    return (
        {
            "model": answered.model,
            PREDICTION_ID: answered.prediction_id,
            "model_version": answered.model_version,
            "predictions": answered.predictions,
        }
        | explored
        | ({"explanations": explanations} if explanations else {})
    )


def _lines(answered: AnsweredRequest, explanations: Explanations = ()) -> Iterator[dict[str, Any]]:
    """An object for each row."""
    explored = answered.explored if answered.explore_share else ()
    for index, prediction in enumerate(answered.predictions):
        flag = {"explore": explored[index]} if explored else {}
        explanation = {"explanation": explanations[index]} if explanations else {}
        yield {PREDICTION: prediction} | flag | explanation


def _csv(answered: AnsweredRequest, *, has_header: bool) -> str:
    """A line for each row; where a prediction is one number for each class, a column for each."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for index, line in enumerate(_lines(answered)):
        prediction = line.pop(PREDICTION)
        columns = (dict(prediction) if isinstance(prediction, Mapping) else {PREDICTION: prediction}) | line
        if has_header and index == 0:
            writer.writerow(columns)
        writer.writerow([json.dumps(value, allow_nan=False) for value in columns.values()])
    return written.getvalue()

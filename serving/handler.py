"""Answers predictions: requests of the HTTP API, and the rollout's direct questions. A refusal is one sentence.

POST /models/{model}/predict: one row as an object of features, or many as {"rows": [{...}, ...]}. Answered with
{"model", "model_version", "prediction_id", "predictions"}, in the order of the rows: numbers, or of more than two
classes objects with the probability of each. `prediction_id` is the HTTP API's request id, one for each request, so
the access log has it too; of many rows, row 3 is "<prediction_id>:3". Where the model explores, "explore" says of
each row whether the caller is to act as if there were no prediction. What was asked and answered is kept by these
ids.
GET /models/{model}: the version, the task, how classes are named, and each feature with its kind, whether it may be
null, and an example.
"""

import base64
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.monitoring.metrics import PREDICTIONS_NOT_KEPT, count_metric_line
from evertrain.domain.deployment.routes import ROUTES
from evertrain.domain.errors import list_names, shorten
from evertrain.domain.landing.predictions import FAILED, REFUSED, AnsweredRequest, is_sampled
from evertrain.domain.project.metric import Task
from evertrain.domain.project.prediction import Prediction, by_class
from evertrain.scoring import InvalidRow, ServableModel, validate_rows
from serving import wiring
from serving.responses import Refusal, answer, error_response

MAX_BODY_BYTES = 5 * 1024 * 1024
"""Bytes. Lambda itself takes 6 MB with everything around it; this way the refusal is ours, and a sentence."""

MAX_ROWS = 10_000

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One model's function. Without `requestContext` the question is the rollout's: its errors are raised."""
    if "requestContext" not in event:
        return _predict(event.get("rows"))
    return _handle_http(event, _respond)


def unknown_model_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Whatever no model's route takes."""
    return _handle_http(event, _respond_unknown)


def _handle_http(event: dict[str, Any], respond: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    request_id = event["requestContext"]["requestId"]
    try:
        return answer(200, respond(event))
    except Refusal as refusal:
        logger.info("request_refused request=%s status=%d error=%r", request_id, refusal.status, refusal.sentence)
        return error_response(refusal.status, refusal.sentence)
    except Exception:
        # The caller gets a name to ask for, the log has the trace.
        logger.exception("request_failed request=%s", request_id)
        return error_response(500, f"the prediction failed; its request id is {request_id}", request_id=request_id)


def _respond(event: dict[str, Any]) -> dict[str, Any]:
    if event["requestContext"]["http"]["method"] == "GET":
        return _describe()
    body = _body(event)
    # One row may be sent as it is, many as {"rows": [...]}.
    are_many = isinstance(body, dict) and set(body) == {"rows"}
    rows = body["rows"] if are_many else [body]
    prediction_id = event["requestContext"]["requestId"]
    asked_at = datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, tz=UTC)
    asked = AnsweredRequest(
        model=wiring.model_name(),
        model_version=wiring.model_version(),
        prediction_id=prediction_id,
        answered_at=asked_at,
        first_row=0 if are_many else None,
        rows=(),
        predictions=(),
        explore_share=wiring.explore_share(),
        function_version=wiring.function_version(),
    )
    try:
        predicted = _predict(rows, asked_at=asked_at)
    except Exception as error:
        _log_trouble(asked, error)
        raise
    answered = replace(
        asked,
        rows=tuple(rows),
        predictions=tuple(predicted["predictions"]),
        milliseconds=predicted.pop("milliseconds"),
    )
    _log_prediction(answered)
    explored = {"explore": answered.explored} if answered.explore_share else {}
    return {"model": wiring.model_name(), "prediction_id": prediction_id} | predicted | explored


def _log_trouble(asked: AnsweredRequest, error: Exception) -> None:
    """So that a version that fails where another answers is found. Nobody's, before the first model."""
    if asked.model_version:
        _log_prediction(replace(asked, trouble=REFUSED if isinstance(error, Refusal) else FAILED))


def _log_prediction(answered: AnsweredRequest) -> None:
    """Logs the answer for the monitor and for later labels. The caller gets the answer even if that fails."""
    if not is_sampled(answered.prediction_id, wiring.log_share()):
        return
    try:
        wiring.prediction_log().put(answered)
    except Exception:
        logger.exception("prediction_not_kept request=%s", answered.prediction_id)
        print(count_metric_line(PREDICTIONS_NOT_KEPT, len(answered.rows), model=answered.model, stage=wiring.stage()))


def _predict(rows: object, *, asked_at: datetime | None = None) -> dict[str, Any]:
    served = _require_model()
    began = time.perf_counter()
    if isinstance(rows, list) and len(rows) > MAX_ROWS:
        raise Refusal(413, f"rows: {len(rows)} are too many for one request, {MAX_ROWS} are allowed")
    try:
        predictions = served.model.predict(validate_rows(rows, served.model.features, asked_at=asked_at))
    except InvalidRow as invalid:
        raise Refusal(400, str(invalid)) from invalid
    _require_finite(predictions)
    took = round((time.perf_counter() - began) * 1000, 3)
    logger.info(
        "predicted model=%s version=%s rows=%d ms=%.1f",
        served.model.model,
        served.version,
        len(predictions),
        took,
    )
    answers = [by_class(prediction, served.model.classes) for prediction in predictions]
    return {"model_version": served.version, "predictions": answers, "milliseconds": took}


def _require_finite(predictions: list[Prediction]) -> None:
    """Numbers that are valid one by one may have no finite sum, and JSON has no word for the rest."""
    for index, prediction in enumerate(predictions):
        if not all(map(math.isfinite, prediction if isinstance(prediction, tuple) else [prediction])):
            where = f"row {index}: " if len(predictions) > 1 else ""
            raise Refusal(400, f"{where}the prediction is not a finite number; the features' values are too large")


def _predicted(model: ServableModel) -> str:
    if model.task is not Task.CLASSIFICATION:
        return "number"
    if len(model.classes) > 2:
        return "probability of each class"
    return f"probability of {model.classes[-1]!r}" if model.classes else "probability of the positive class"


def _describe() -> dict[str, Any]:
    served = _require_model()
    logger.info("described model=%s version=%s", served.model.model, served.version)
    return {
        "model": served.model.model,
        "model_version": served.version,
        "task": served.model.task.value,
        "predicts": _predicted(served.model),
        "features": [
            {
                "name": feature.name,
                "kind": feature.kind.value,
                "nullable": feature.nullable,
                "example": feature.example,
            }
            for feature in served.model.features
        ],
    } | ({"classes": list(served.model.classes)} if served.model.classes else {})


def _require_model() -> wiring.ServedModel:
    served = wiring.served_model()
    if served is None:
        raise Refusal(503, f"{wiring.model_name()} has no champion yet: its first model is still to be trained")
    return served


def _body(event: dict[str, Any]) -> Any:
    raw = event.get("body") or ""
    try:
        body = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
    except ValueError as error:
        raise Refusal(400, f"the body cannot be decoded: {error}") from error
    if len(body) > MAX_BODY_BYTES:
        raise Refusal(
            413, f"the body has {len(body):,} bytes, {MAX_BODY_BYTES:,} are allowed; send fewer rows at once"
        )
    if not body:
        raise Refusal(400, 'the body is empty; send one row as an object of features, or {"rows": [...]}')
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not JSON: {error}") from error


def _respond_unknown(event: dict[str, Any]) -> dict[str, Any]:
    method, path = event["requestContext"]["http"]["method"], event.get("rawPath", "")
    known = wiring.known_models()
    parts = path.strip("/").split("/")
    if parts[0] != "models" or len(parts) > 3 or (len(parts) == 3 and parts[2] not in ("predict", "labels")):
        *others, last = (f"{route.method} {route.path}" for route in ROUTES)
        raise Refusal(404, f"no such path; ask {', '.join(others)} or {last}")
    model = parts[1] if len(parts) > 1 else ""
    if model not in known:
        raise Refusal(404, f"there is no model {shorten(model)!r}; known models: {list_names(known)}")
    allowed = "POST" if len(parts) == 3 else "GET"
    raise Refusal(405, f"{method} is not allowed here, {allowed} is")

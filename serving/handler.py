"""Answers predictions: requests of the HTTP API, and direct questions: the rollout's, and those of who answers files.
A refusal is one sentence.

POST /models/{model}/predict: one row as an object of features, or many as {"rows": [{...}, ...]}, as CSV or as JSON
Lines. Answered with {"model", "model_version", "prediction_id", "predictions"}, in the order of the rows, or in the
form that is asked for: numbers, or of more than two classes objects with the probability of each. `prediction_id` is
the HTTP API's request id, one for each request, so the access log has it too; of many rows, row 3 is
"<prediction_id>:3". Where the model explores, "explore" says of each row whether the caller is to act as if there
were no prediction. With ?explain=true, "explanations" say what each feature added. What was asked and answered is
kept by these ids.
GET /models/{model}: the version, the task, how classes are named, and each feature with its kind, whether it may be
null, and an example.
GET /models/{model}/openapi.json: the same for programs.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.monitoring.metrics import PREDICTIONS_NOT_KEPT, count_metric_line
from evertrain.domain.deployment.routes import MAX_PROBABILITIES, MAX_ROWS, MODEL_DOCUMENT, ROUTES
from evertrain.domain.errors import list_names, shorten
from evertrain.domain.landing.predictions import FAILED, REFUSED, AnsweredRequest, is_sampled
from evertrain.domain.project.prediction import Answer, Prediction, by_class
from evertrain.scoring import InvalidRow, validate_rows
from evertrain.scoring.rows import Row
from serving import wiring
from serving.bodies import body_of, read_rows
from serving.descriptions import describe, document
from serving.each_row import NOT_FINITE, is_finite, score_each
from serving.explanations import explanations_of, is_explanation_wanted
from serving.media_types import headers_of, sent_type, wanted_type
from serving.predictions import prediction_response
from serving.responses import Refusal, answer, error_response

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One model's function. Without `requestContext` the question is a direct one, and its errors are raised."""
    if "requestContext" not in event:
        return _answer_directly(event)
    return _handle_http(event, _respond)


def _answer_directly(event: dict[str, Any]) -> dict[str, Any]:
    if event.get("describe"):
        return describe(_require_model())
    if event.get("each_by_itself"):
        return score_each(_require_model(), event["rows"])
    return _answer_rollout(event)


def _answer_rollout(event: dict[str, Any]) -> dict[str, Any]:
    """With `asked_at` the rows are a caller's, whose times are points in time."""
    asked_at = event.get("asked_at")
    predicted = _predict(event.get("rows"), asked_at=datetime.fromisoformat(asked_at) if asked_at else None)
    return {
        "model_version": _require_model().version,
        "predictions": predicted.predictions,
        "milliseconds": predicted.milliseconds,
    }


def unknown_model_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Whatever no model's route takes."""
    return _handle_http(event, _respond_unknown)


def _handle_http(event: dict[str, Any], respond: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    request_id = event["requestContext"]["requestId"]
    try:
        return respond(event)
    except Refusal as refusal:
        logger.info("request_refused request=%s status=%d error=%r", request_id, refusal.status, refusal.sentence)
        return error_response(refusal.status, refusal.sentence, headers=refusal.headers)
    except Exception:
        # The caller gets a name to ask for, the log has the trace.
        logger.exception("request_failed request=%s", request_id)
        return error_response(500, f"the prediction failed; its request id is {request_id}", request_id=request_id)


def _respond(event: dict[str, Any]) -> dict[str, Any]:
    context = event["requestContext"]
    if context["http"]["method"] == "GET":
        return answer(200, _describe(event.get("rawPath", "")))
    wanted, sent, body = wanted_type(headers_of(event)), sent_type(headers_of(event)), body_of(event)
    is_explained = is_explanation_wanted(event, wanted)
    asked_at = datetime.fromtimestamp(context["timeEpoch"] / 1000, tz=UTC)
    asked = AnsweredRequest(
        model=wiring.model_name(),
        model_version=wiring.model_version(),
        prediction_id=context["requestId"],
        answered_at=asked_at,
        rows=(),
        predictions=(),
        explore_share=wiring.explore_share(),
        function_version=wiring.function_version(),
        log_share=wiring.log_share(),
    )
    with _trouble_kept(asked):
        served = _require_model()
    given = read_rows(body, sent, served.model.features)
    with _trouble_kept(asked):
        predicted = _predict(given.rows, asked_at=asked_at)
    answered = replace(
        asked,
        model_version=served.version,
        first_row=0 if given.are_many else None,
        rows=tuple(given.rows),
        predictions=tuple(predicted.predictions),
        milliseconds=predicted.milliseconds,
    )
    _log_prediction(answered)
    # After it is kept: a model that cannot be explained is not unwell for that.
    explanations = explanations_of(predicted.rows, served) if is_explained else ()
    return prediction_response(answered, wanted, explanations)


@contextmanager
def _trouble_kept(asked: AnsweredRequest) -> Iterator[None]:
    """So that a version that fails where another answers is found. Nobody's, before the first model."""
    try:
        yield
    except Exception as error:
        if asked.model_version:
            _log_prediction(replace(asked, trouble=REFUSED if isinstance(error, Refusal) else FAILED))
        raise


def _log_prediction(answered: AnsweredRequest) -> None:
    """Logs the answer for the monitor and for later labels. The caller gets the answer even if that fails."""
    if not is_sampled(answered.prediction_id, wiring.log_share()):
        return
    try:
        wiring.prediction_log().put(answered)
    except Exception:
        logger.exception("prediction_not_kept request=%s", answered.prediction_id)
        print(count_metric_line(PREDICTIONS_NOT_KEPT, len(answered.rows), model=answered.model, stage=wiring.stage()))


@dataclass(frozen=True, slots=True)
class _Predicted:
    """`rows`: as the model takes them."""

    rows: Sequence[Row]
    predictions: list[Answer]
    milliseconds: float


def _predict(rows: object, *, asked_at: datetime | None = None) -> _Predicted:
    served = _require_model()
    began = time.perf_counter()
    if isinstance(rows, list) and len(rows) > MAX_ROWS:
        raise Refusal(413, f"rows: {len(rows)} are too many for one request, {MAX_ROWS} are allowed")
    classes = len(served.model.classes)
    if isinstance(rows, list) and classes > 2 and len(rows) * classes > MAX_PROBABILITIES:
        allowed = MAX_PROBABILITIES // classes
        raise Refusal(
            413, f"rows: {len(rows)} of {classes} classes are too many for one answer, {allowed} are allowed"
        )
    try:
        valid = validate_rows(rows, served.model.features, asked_at=asked_at)
    except InvalidRow as invalid:
        raise Refusal(400, str(invalid)) from invalid
    predictions = served.model.predict(valid)
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
    return _Predicted(valid, answers, took)


def _require_finite(predictions: list[Prediction]) -> None:
    for index, prediction in enumerate(predictions):
        if not is_finite(prediction):
            where = f"row {index}: " if len(predictions) > 1 else ""
            raise Refusal(400, f"{where}{NOT_FINITE}")


def _describe(path: str) -> dict[str, Any]:
    served = _require_model()
    logger.info("described model=%s version=%s", served.model.model, served.version)
    return document(served) if MODEL_DOCUMENT.takes(path) else describe(served)


def _require_model() -> wiring.ServedModel:
    served = wiring.served_model()
    if served is None:
        raise Refusal(503, f"{wiring.model_name()} has no champion yet: its first model is still to be trained")
    return served


def _respond_unknown(event: dict[str, Any]) -> dict[str, Any]:
    method, path = event["requestContext"]["http"]["method"], event.get("rawPath", "")
    known = wiring.known_models()
    allowed = [route.method for route in ROUTES if route.takes(path)]
    if not allowed:
        *others, last = (f"{route.method} {route.path}" for route in ROUTES)
        raise Refusal(404, f"no such path; ask {', '.join(others)} or {last}")
    model = path.strip("/").split("/")[1] if path.startswith("/models/") else None
    if model is not None and model not in known:
        raise Refusal(404, f"there is no model {shorten(model)!r}; known models: {list_names(known)}")
    raise Refusal(405, f"{method} is not allowed here, {allowed[0]} is", headers={"allow": ", ".join(allowed)})

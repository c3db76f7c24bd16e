"""The endpoint's answers and refusals: 4xx with one sentence that names the field, never a trace."""

import importlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import pyarrow as pa
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.adapters.landing.prediction_log import decode_message
from evertrain.conversion import to_flat
from evertrain.conversion.frame import to_frame
from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.scoring import FlatModel, validate_rows
from serving import handler, wiring
from tests.builders.models import a_model_of_classes
from tests.builders.training_frames import CARRIERS, lateness, training_frame
from tests.unit.serving.conftest import ROW, Endpoint, forget


def test_one_row_is_answered(endpoint: Endpoint) -> None:
    status, answer = endpoint.post(ROW)
    assert status == 200
    assert (answer["model"], answer["model_version"], answer["prediction_id"]) == ("trips", "v1", "r-1")
    assert len(answer["predictions"]) == 1
    assert 0 < answer["predictions"][0] < 1


def test_many_rows_are_answered_in_order(endpoint: Endpoint) -> None:
    far = ROW | {"distance": 2900.0, "wind": 60.0}
    _, both = endpoint.post({"rows": [ROW, far]})
    assert both["predictions"] == [endpoint.post(row)[1]["predictions"][0] for row in (ROW, far)]
    assert both["predictions"][0] < both["predictions"][1]


def test_a_base64_body_is_read(endpoint: Endpoint) -> None:
    assert endpoint.post(None, raw=json.dumps(ROW).encode())[0] == 200


def test_a_feature_that_may_be_null_may_be_left_out(endpoint: Endpoint) -> None:
    without = {name: value for name, value in ROW.items() if name != "wind"}
    _, of_null = endpoint.post(ROW | {"wind": None})
    assert endpoint.post(without)[1]["predictions"] == of_null["predictions"]
    _, many = endpoint.post({"rows": [without, ROW]})
    assert many["predictions"] == [*of_null["predictions"], *endpoint.post(ROW)[1]["predictions"]]


def test_the_class_that_is_predicted_is_told_by_its_name(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    served_model = wiring.served_model()
    assert served_model is not None
    assert endpoint.post(None, method="GET")[1]["predicts"] == "probability of the positive class"
    named = replace(served_model, model=replace(served_model.model, classes=("on time", "late")))
    monkeypatch.setattr(wiring, "served_model", cache(lambda: named))
    described = endpoint.post(None, method="GET")[1]
    assert (described["predicts"], described["classes"]) == ("probability of 'late'", ["on time", "late"])


def test_of_several_classes_each_one_s_probability_is_answered_and_kept_by_its_name(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, spec = training_frame(), a_model_of_classes()
    estimator = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", random_state=0)
    model = FlatModel.from_bytes(to_flat(estimator.fit(frame, lateness(frame)), spec))
    monkeypatch.setattr(wiring, "served_model", cache(lambda: wiring.ServedModel(model=model, version="v2")))
    rows = [ROW, ROW | {"distance": 2_900.0, "wind": 60.0}]
    _, answer = endpoint.post({"rows": rows})
    expected = estimator.predict_proba(to_frame(pa.Table.from_pylist(rows), spec.features))
    for found, probabilities in zip(answer["predictions"], expected, strict=True):
        assert list(found) == ["on time", "late", "very late"]
        assert list(found.values()) == pytest.approx(probabilities.tolist())
    (one,) = kept()
    assert list(one.predictions) == answer["predictions"]
    described = endpoint.post(None, method="GET")[1]
    assert described["classes"] == ["on time", "late", "very late"]
    assert described["predicts"] == "probability of each class"
    assert handler.lambda_handler({"rows": rows}, None)["predictions"] == answer["predictions"]
    header, *lines = endpoint.ask({"rows": rows}, headers={"accept": "text/csv"})["body"].splitlines()
    assert header == "on time,late,very late"
    assert [list(map(float, line.split(","))) for line in lines] == [
        list(each.values()) for each in answer["predictions"]
    ]


def test_a_category_that_training_never_saw_is_answered(endpoint: Endpoint) -> None:
    assert endpoint.post(ROW | {"carrier": "ZZ"})[0] == 200


def test_the_schema_is_told(endpoint: Endpoint) -> None:
    status, answer = endpoint.post(None, method="GET")
    assert status == 200
    assert answer["model_version"] == "v1"
    assert answer["features"][1] == {"name": "wind", "kind": "numeric", "nullable": True, "example": 1.0}
    assert endpoint.post({feature["name"]: feature["example"] for feature in answer["features"]})[0] == 200
    assert answer["features"][2]["example"] in CARRIERS


def test_a_document_for_programs_tells_the_version_that_answers(endpoint: Endpoint) -> None:
    status, document = endpoint.post(None, method="GET", path="/models/trips/openapi.json")
    assert status == 200
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["version"] == "v1"
    asked = document["paths"]["/models/trips/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert endpoint.post(asked["example"])[0] == 200
    assert asked["example"]["carrier"] in CARRIERS


@pytest.mark.parametrize(
    ("body", "expected_message"),
    [
        ({name: ROW[name] for name in ("distance", "wind", "carrier")}, "holiday: missing; it must be true or false"),
        (
            ROW | {"s" * 4_000_000: 3},
            f"{'s' * 40}…: this model has no such feature; it has carrier, distance, holiday, wind",
        ),
        (ROW | {"speed": 3}, "speed: this model has no such feature; it has carrier, distance, holiday, wind"),
        (ROW | {"distance": "far"}, "distance: must be a number, not text"),
        (ROW | {"distance": True}, "distance: must be a number, not true or false"),
        (ROW | {"distance": None}, "distance: must be a number, not null"),
        (ROW | {"carrier": 7}, "carrier: must be text, not a number"),
        (ROW | {"holiday": 1}, "holiday: must be true or false, not a number"),
        (ROW | {"distance": float("nan")}, "distance: must be a number, not NaN or Infinity"),
        (ROW | {"wind": float("inf")}, "wind: must be a number or null, not NaN or Infinity"),
        (ROW | {"distance": 10**400}, "distance: must be a number, not a number that no float can hold"),
        ({"rows": [ROW, ROW | {"wind": []}]}, "row 1: wind: must be a number or null, not a list"),
        ({"rows": []}, "rows: the list is empty; at least one row is needed"),
        ({"rows": ROW}, "rows: a list of objects, not an object"),
        ({"rows": [ROW], "id": 1}, "id: nothing may stand beside rows; put a feature into each row"),
        ({"rows": [ROW, 3]}, "row 1: an object of features, not a number"),
        ([], "an object of features, not a list"),
        (None, "an object of features, not null"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_its_field(
    endpoint: Endpoint, body: object, expected_message: str
) -> None:
    assert endpoint.refusal(body) == (400, expected_message)


@pytest.mark.parametrize(
    ("raw", "expected_message"),
    [
        ('{"distance": 1', "the body is not JSON: "),
        ("", "the body is empty; send one row"),
        (b"\xff\xfe", "the body is not JSON: "),
        ("[" * 100_000, "the body is not JSON: "),
    ],
)
def test_a_body_that_is_no_json_is_refused(endpoint: Endpoint, raw: str | bytes, expected_message: str) -> None:
    status, sentence = endpoint.refusal(None, raw=raw)
    assert status == 400
    assert sentence.startswith(expected_message)


def test_a_body_of_6_mb_is_refused(endpoint: Endpoint) -> None:
    status, sentence = endpoint.refusal(None, raw=json.dumps({"rows": [ROW | {"carrier": "x" * 6_000_000}]}))
    assert status == 413
    assert sentence.startswith("the body has 6,000,")


def test_a_body_that_cannot_be_decoded_is_refused(endpoint: Endpoint) -> None:
    event = {
        "requestContext": {"requestId": "r-1", "http": {"method": "POST"}},
        "body": "a",
        "isBase64Encoded": True,
    }
    answer = handler.lambda_handler(event, None)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"].startswith("the body cannot be decoded: ")


@pytest.mark.parametrize(("rows", "expected_message"), [(1, "the prediction is"), (2, "row 0: the prediction is")])
def test_values_too_large_for_a_finite_prediction_are_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, rows: int, expected_message: str
) -> None:
    served_model = wiring.served_model()
    assert served_model is not None
    model = served_model.model
    overflow = replace(model.steps[-1], run=lambda slots: slots.append(math.inf))
    infinite = replace(served_model, model=replace(model, steps=(overflow,), answer=len(model.features)))
    monkeypatch.setattr(wiring, "served_model", cache(lambda: infinite))
    status, sentence = endpoint.refusal({"rows": [ROW] * rows})
    assert (status, sentence) == (400, f"{expected_message} not a finite number; the features' values are too large")


def test_too_many_rows_are_refused(endpoint: Endpoint) -> None:
    status, sentence = endpoint.refusal(None, raw=json.dumps({"rows": [1] * 10_001}))
    assert (status, sentence) == (413, "rows: 10001 are too many for one request, 10000 are allowed")


def test_before_the_first_champion_the_endpoint_says_so(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_URI")
    status, sentence = endpoint.refusal(ROW)
    assert (status, sentence) == (503, "trips has no champion yet: its first model is still to be trained")


def test_an_artifact_that_was_tampered_with_is_not_served(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MODEL_SHA256", "0" * 64)
    assert endpoint.post(ROW) == (
        500,
        {"error": "the prediction failed; its request id is r-1", "request_id": "r-1"},
    )
    assert "ArtifactDigestMismatch" in caplog.text


def test_an_answer_that_lambda_would_not_carry_is_refused_before_it_is_made(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    served_model = wiring.served_model()
    assert served_model is not None
    many = replace(served_model, model=replace(served_model.model, classes=tuple(f"class {n}" for n in range(22))))
    monkeypatch.setattr(wiring, "served_model", cache(lambda: many))
    assert endpoint.refusal({"rows": [ROW] * 5_000}) == (
        413,
        "rows: 5000 of 22 classes are too many for one answer, 4545 are allowed",
    )


def test_the_rollout_may_ask_a_caller_s_rows_as_of_when_they_were_asked(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shadow's: their times are points in time, and no ages."""
    asked_at: list[datetime | None] = []

    def validated(rows: Any, features: Any, *, asked_at: datetime | None = None, told: Any = asked_at) -> Any:
        told.append(asked_at)
        return validate_rows(rows, features, asked_at=asked_at)

    monkeypatch.setattr(handler, "validate_rows", validated)
    handler.lambda_handler({"rows": [ROW], "asked_at": "2013-04-01T00:00:00+00:00"}, None)
    handler.lambda_handler({"rows": [ROW]}, None)
    assert asked_at == [datetime(2013, 4, 1, tzinfo=UTC), None]


def test_the_rollout_asks_directly_and_gets_errors_raised(endpoint: Endpoint) -> None:
    answer = handler.lambda_handler({"rows": [ROW, ROW]}, None)
    assert answer["model_version"] == "v1"
    assert len(answer["predictions"]) == 2
    with pytest.raises(Exception, match="holiday: missing"):
        handler.lambda_handler({"rows": [{"distance": 1.0, "wind": None, "carrier": "AA"}]}, None)


# --- what is kept of requests and answers ---------------------------------------------------------


def kept() -> list[AnsweredRequest]:
    queue = os.environ["PREDICTIONS_QUEUE_URL"]
    found = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [decode_message(message["Body"]) for message in found]


def test_a_single_row_is_kept_with_its_answer(endpoint: Endpoint) -> None:
    _, answer = endpoint.post(ROW)
    (one,) = kept()
    assert (one.model, one.model_version, list(one.row_ids)) == ("trips", "v1", [answer["prediction_id"]])
    assert one.answered_at == datetime(2013, 4, 1, tzinfo=UTC)
    assert (list(one.rows), list(one.predictions)) == ([ROW], answer["predictions"])


def test_many_rows_are_kept_by_their_place(endpoint: Endpoint) -> None:
    endpoint.post({"rows": [ROW, ROW, ROW]})
    assert [list(each.row_ids) for each in kept()] == [["r-1:0", "r-1:1", "r-1:2"]]


def test_what_the_rollout_asks_is_not_kept(endpoint: Endpoint) -> None:
    handler.lambda_handler({"rows": [ROW]}, None)
    assert not kept()


def test_of_a_request_without_an_answer_only_that_is_kept(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    endpoint.refusal(ROW | {"distance": "far"})
    monkeypatch.setenv("MODEL_SHA256", "0" * 64)
    wiring.served_model.cache_clear()
    assert endpoint.post(ROW)[0] == 500
    troubles = kept()
    assert [(each.trouble, each.model_version, each.function_version) for each in troubles] == [
        ("refused", "v1", "7"),
        ("failed", "v1", "7"),
    ]
    assert not any(each.rows or each.predictions for each in troubles)


def test_before_the_first_champion_nothing_is_kept_of_what_nobody_answers(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_URI")
    endpoint.refusal(ROW)
    assert not kept()


def test_a_model_may_keep_nothing(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_SHARE", "0")
    assert endpoint.post(ROW)[0] == 200
    assert not kept()


def test_a_share_of_rows_is_flagged_to_be_explored_and_kept_so(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "explore" not in endpoint.post(ROW)[1]
    monkeypatch.setenv("EXPLORE_SHARE", "0.25")
    _, answer = endpoint.post({"rows": [ROW] * 400})
    assert 70 < sum(answer["explore"]) < 130
    assert endpoint.post({"rows": [ROW] * 400})[1]["explore"] == answer["explore"], "the same request, asked again"
    plain, *flagged = kept()
    assert (plain.explore_share, plain.explored) == (0.0, (False,))
    assert {(each.explore_share, each.explored) for each in flagged} == {(0.25, tuple(answer["explore"]))}


def test_an_answer_that_cannot_be_kept_is_given_all_the_same_and_counted(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREDICTIONS_QUEUE_URL", f"{os.environ['PREDICTIONS_QUEUE_URL']}-gone")
    assert endpoint.post(ROW)[0] == 200
    assert json.loads(capsys.readouterr().out)["PredictionsNotKept"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "expected_message"),
    [
        ("POST", "/models/planes/predict", 404, "there is no model 'planes'; known models: boats, trips"),
        ("GET", f"/models/{'p' * 9000}", 404, f"there is no model '{'p' * 40}…'; known models: boats, trips"),
        ("GET", "/models/planes", 404, "there is no model 'planes'; known models: boats, trips"),
        ("GET", "/models/trips/predict", 405, "GET is not allowed here, POST is"),
        ("DELETE", "/models/trips", 405, "DELETE is not allowed here, GET is"),
        ("POST", "/models/trips/openapi.json", 405, "POST is not allowed here, GET is"),
        ("POST", "/openapi.json", 405, "POST is not allowed here, GET is"),
        ("GET", "/", 404, "no such path; ask POST /models/{model}/predict, POST /models/{model}/labels, GET"),
        ("GET", "/models/trips/predict/more", 404, "no such path; ask POST /models/{model}/predict"),
    ],
)
def test_what_no_model_answers_is_told(
    endpoint: Endpoint, method: str, path: str, status: int, expected_message: str
) -> None:
    event = {"requestContext": {"requestId": "r-1", "http": {"method": method}}, "rawPath": path}
    answer = handler.unknown_model_handler(event, None)
    assert answer["statusCode"] == status
    assert json.loads(answer["body"])["error"].startswith(expected_message)
    assert ("allow" in answer["headers"]) == (status == 405)


def test_a_function_that_is_primed_has_its_model_before_it_is_asked(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "serving.primed", raising=False)
    prepared: list[str] = []

    def prepare(model: FlatModel) -> None:
        prepared.append(model.model)

    monkeypatch.setattr(FlatModel, "prepare", prepare)
    primed = importlib.import_module("serving.primed")
    assert primed.lambda_handler is handler.lambda_handler
    assert prepared == ["trips"]
    monkeypatch.setenv("MODEL_URI", "s3://artifacts/models/trips/gone.json.gz")
    assert endpoint.post(ROW)[0] == 200, "it is in memory"
    forget()
    monkeypatch.delitem(sys.modules, "serving.primed")
    with pytest.raises(Exception, match="gone"):
        importlib.import_module("serving.primed")


def test_a_function_without_a_model_is_primed_as_well(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "serving.primed", raising=False)
    monkeypatch.setenv("MODEL_URI", "")
    forget()
    assert importlib.import_module("serving.primed").lambda_handler is handler.lambda_handler


def test_the_endpoint_s_code_brings_no_heavy_library() -> None:
    code = (
        "import sys, serving.handler;"
        "heavy = {'numpy', 'pandas', 'scipy', 'sklearn', 'pyarrow', 'pydantic', 'deltalake'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert ran.returncode == 0, ran.stderr

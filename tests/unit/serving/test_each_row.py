"""What who answers files asks of a model's function directly."""

from dataclasses import replace
from typing import Any

import pytest

from serving import handler
from tests.unit.serving.conftest import ROW, Endpoint


def ask(**event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = handler.lambda_handler(event, None)
    return answer


def test_the_model_that_answers_is_described(endpoint: Endpoint) -> None:
    described = ask(describe=True)
    assert described["model_version"] == "v1"
    assert [each["name"] for each in described["features"]] == ["distance", "wind", "carrier", "holiday"]


def test_a_row_that_is_wrong_leaves_the_others_their_predictions(endpoint: Endpoint) -> None:
    _, by_http = endpoint.post({"rows": [ROW, ROW | {"distance": 10.0}]})
    lacking = {name: value for name, value in ROW.items() if name != "carrier"}
    rows = [ROW, ROW | {"distance": "far"}, ROW | {"distance": 10.0}, lacking, 7]
    answer = ask(each_by_itself=True, rows=rows)
    first, second = by_http["predictions"]
    assert answer == {
        "model_version": "v1",
        "predictions": [first, None, second, None, None],
        "errors": {
            1: "distance: must be a number, not text",
            3: "carrier: missing; it must be text",
            4: "an object of features, not a number",
        },
    }


def test_where_all_are_wrong_nothing_is_predicted(endpoint: Endpoint) -> None:
    assert ask(each_by_itself=True, rows=[7])["predictions"] == [None]


def test_a_prediction_without_a_number_is_that_row_s_error(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overflowing:
        def __init__(self, model: Any) -> None:
            self.model, self.features, self.classes = model, model.features, model.classes

        def predict(self, rows: Any) -> list[float]:
            return [0.25, float("inf")]

    served = handler._require_model()
    overflowing = replace(served, model=Overflowing(served.model))
    monkeypatch.setattr(handler, "_require_model", lambda: overflowing)
    answer = ask(each_by_itself=True, rows=[ROW, ROW])
    assert answer["predictions"] == [0.25, None]
    assert answer["errors"][1].startswith("the prediction is not a finite number")


def test_what_files_ask_is_not_kept_by_the_function(endpoint: Endpoint) -> None:
    ask(each_by_itself=True, rows=[ROW])
    queue = handler.wiring.prediction_log()
    messages = queue._client.receive_message(QueueUrl=queue._queue_url)
    assert "Messages" not in messages

"""The collector: all of a delivery lands together, and what cannot be read goes back alone."""

import logging
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.landing.prediction_log import encode_messages
from evertrain.adapters.memory.answers import InMemoryAnswerLog
from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.memory.endpoint import InMemoryEndpoint
from evertrain.adapters.memory.messages import InMemoryClock
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.project.model import Project
from evertrain.use_cases.landing.count_answers import CountAnswers
from evertrain.use_cases.landing.land_predictions import LandPredictions
from lambdas.collect import handler
from tests.builders.events import delivery
from tests.builders.models import NOW, a_group, a_model, days
from tests.builders.predictions import answered


@dataclass
class FakeLanding:
    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body


@pytest.fixture
def landing(monkeypatch: pytest.MonkeyPatch) -> FakeLanding:
    return install(monkeypatch)


def install(monkeypatch: pytest.MonkeyPatch, *, replay_clock: InMemoryClock | None = None) -> FakeLanding:
    landing = FakeLanding()
    models = {name: a_model(name) for name in ("trips", "boats")}
    use_case = LandPredictions(
        project=Project(groups={"trips": a_group()}, models=models),
        encode_file=prediction_file,
        landing=landing,
        replay_clock=replay_clock,
    )
    monkeypatch.setattr(handler, "land_predictions", lambda: use_case)
    counted = CountAnswers(
        project=use_case.project,
        registry=InMemoryModelRegistry(),
        endpoint=InMemoryEndpoint(artifacts=InMemoryArtifactStore(), models=list(models)),
        log=InMemoryAnswerLog(),
        timer=lambda: 0.0,
    )
    monkeypatch.setattr(handler, "count_answers", lambda: counted)
    return landing


def messages(*requests: Any) -> dict[str, str]:
    return {f"m{index}": next(encode_messages(request)) for index, request in enumerate(requests)}


def test_requests_of_a_delivery_land_together_by_model(landing: FakeLanding) -> None:
    requests = [answered(20, seed=1), answered(30, seed=2), replace(answered(5, seed=3), model="boats")]
    assert handler.lambda_handler(delivery(**messages(*requests)), None) == {"batchItemFailures": []}
    boats, trips = sorted(landing.objects)
    assert boats.startswith("predictions/boats/2013/04/01/")
    assert trips.startswith("predictions/trips/2013/04/01/")
    assert landing.objects[trips] == prediction_file(a_model(), requests[:2])


def test_the_same_delivery_in_another_order_is_the_same_object(landing: FakeLanding) -> None:
    requests = [answered(20, seed=seed) for seed in range(3)]
    handler.lambda_handler(delivery(**messages(*requests)), None)
    handler.lambda_handler(delivery(**messages(*reversed(requests))), None)
    assert len(landing.objects) == 1


def test_a_message_that_cannot_be_read_goes_back_alone(landing: FakeLanding) -> None:
    found = handler.lambda_handler(delivery(bad="nonsense", **messages(answered(20))), None)
    assert found == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert len(landing.objects) == 1


def test_a_model_that_is_gone_is_passed_over(landing: FakeLanding, caplog: pytest.LogCaptureFixture) -> None:
    gone = replace(answered(20), model="planes")
    assert handler.lambda_handler(delivery(**messages(gone)), None) == {"batchItemFailures": []}
    assert not landing.objects
    assert "predictions_of_unknown_model model=planes" in caplog.text


def test_in_a_replay_requests_are_of_the_replayed_present(monkeypatch: pytest.MonkeyPatch) -> None:
    landing = install(monkeypatch, replay_clock=InMemoryClock(NOW + days(100)))
    handler.lambda_handler(delivery(**messages(answered(20))), None)
    (key,) = landing.objects
    assert key.startswith("predictions/trips/2013/07/10/")


def test_what_got_no_answer_does_not_land(landing: FakeLanding) -> None:
    refused = replace(answered(20), rows=(), predictions=(), trouble="refused")
    assert handler.lambda_handler(delivery(**messages(refused)), None) == {"batchItemFailures": []}
    assert not landing.objects


def test_each_file_is_a_line_in_the_log(landing: FakeLanding, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handler.lambda_handler(delivery(**messages(answered(20))), None)
    (key,) = landing.objects
    assert caplog.messages == [f"predictions_landed model=trips rows=20 key={key}"]

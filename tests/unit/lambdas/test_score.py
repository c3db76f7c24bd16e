"""The functions that answer files: small ones at once, others by the state machine's steps."""

import logging
from typing import Any

import pytest

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.domain.landing.batches import LandedObject
from lambdas.score import handler, parts
from tests.builders.events import delivery, object_created
from tests.builders.landed import csv, features_frame
from tests.builders.models import a_model
from tests.builders.scoring import BUCKET, Scorer
from tests.unit.use_cases.landing.test_score_file import an_artifact

KEY = "scoring/trips/1.csv"


class Executions:
    def __init__(self) -> None:
        self.started: list[LandedObject] = []

    def start(self, landed: LandedObject, *, event_id: str) -> str:
        self.started.append(landed)
        return f"execution-of-{event_id}"


@pytest.fixture(scope="module")
def artifact() -> bytes:
    return an_artifact()


@pytest.fixture
def scorer(artifact: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Scorer:
    caplog.set_level(logging.INFO)
    scorer = Scorer(spec=a_model(), artifact=artifact, rows_per_part=100)
    scorer.promote()
    monkeypatch.setattr(handler, "score_file", lambda: scorer.score)
    monkeypatch.setattr(parts, "score_file", lambda: scorer.score)
    return scorer


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    executions = Executions()
    monkeypatch.setattr(handler, "executions", lambda: executions)
    return executions


def handle(key: str = KEY) -> dict[str, Any]:
    return handler.lambda_handler(delivery(one=object_created(key, bucket=BUCKET)), None)


def step(name: str, **payload: object) -> dict[str, Any]:
    return parts.lambda_handler({"step": name} | payload, None)


def test_a_small_file_is_answered_at_once(
    scorer: Scorer, executions: Executions, caplog: pytest.LogCaptureFixture
) -> None:
    scorer.land(csv(features_frame(rows=100)))
    assert handle() == {"batchItemFailures": []}
    assert len(scorer.answered()) == 100
    assert executions.started == []
    assert caplog.messages[-1] == f"file_answered model=trips version=v1 rows=100 refused=0 key={KEY}"


def test_one_of_several_parts_or_of_many_bytes_is_handed_on(scorer: Scorer, executions: Executions) -> None:
    several = scorer.land(csv(features_frame(rows=101)))
    assert handle() == {"batchItemFailures": []}
    scorer.max_bytes = 10
    large = scorer.land(csv(features_frame(rows=1)), key="scoring/trips/2.csv")
    assert handle(large.key) == {"batchItemFailures": []}
    assert executions.started == [several, large]
    assert scorer.store.published == {}


def test_a_refused_file_is_told_and_not_asked_for_again(
    scorer: Scorer, executions: Executions, caplog: pytest.LogCaptureFixture
) -> None:
    scorer.land(b"", key="scoring/boats/1.csv")
    assert handle("scoring/boats/1.csv") == {"batchItemFailures": []}
    assert "file_refused model=boats key=scoring/boats/1.csv error=\"there is no model 'boats'" in caplog.text


def test_a_file_that_is_gone_is_not_asked_for_again(scorer: Scorer, caplog: pytest.LogCaptureFixture) -> None:
    assert handle() == {"batchItemFailures": []}
    assert f"object_gone key={KEY}" in caplog.text


def test_a_function_that_fails_leaves_the_message_in_the_queue(scorer: Scorer) -> None:
    scorer.land(csv(features_frame()))
    scorer.endpoint.broken.add("1")
    assert handle() == {"batchItemFailures": [{"itemIdentifier": "one"}]}


def test_the_steps_in_their_order_answer_a_file(scorer: Scorer, caplog: pytest.LogCaptureFixture) -> None:
    scorer.land(csv(features_frame(rows=250)))
    split = step("split", bucket=BUCKET, key=KEY)
    assert split["parts"] == [0, 1, 2]
    for part in split["parts"]:
        assert step("score_part", split_uri=split["split_uri"], part=part) == {}
    assert step("finish", split_uri=split["split_uri"]) == {}
    assert len(scorer.answered()) == 250
    names = [message.split()[0] for message in caplog.messages]
    assert names == ["split", "part_scored", "part_scored", "part_scored", "file_answered"]


def test_a_refused_file_has_no_parts(scorer: Scorer) -> None:
    scorer.land(b"trip_id\n1\n")
    assert step("split", bucket=BUCKET, key=KEY) == {"split_uri": "", "parts": []}
    assert "distance: the column is missing" in scorer.store.reports[KEY].error


def test_a_step_without_its_fields_is_named(scorer: Scorer) -> None:
    with pytest.raises(InvalidEvent, match="split_uri: missing"):
        step("finish")

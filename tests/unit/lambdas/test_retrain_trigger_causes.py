"""Events become causes: named so that a repeat is the same cause, for the models that the feed concerns."""

import pytest

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.domain.project.model import Project
from evertrain.use_cases.deciding.decide_retraining import Cause, decision_id_of
from lambdas.retrain_trigger.causes import causes_of
from tests.builders.models import a_group, a_model

PROJECT = Project(
    groups={"trips": a_group()}, models={"trips": a_model("trips"), "trip_length": a_model("trip_length")}
)


def causes(name: str, **detail: object) -> list[Cause]:
    return list(causes_of({"detail-type": name, "detail": detail}, PROJECT))


def test_drift_of_a_model_concerns_that_model() -> None:
    assert causes("FeatureDriftDetected", model="trips", batch_id="b1") == [Cause(model="trips", name="drift:b1")]


def test_drift_of_a_model_s_requests_concerns_that_model() -> None:
    found = causes("RequestDriftDetected", model="trips", batch_id="requests-2013-03-12")
    assert found == [Cause(model="trips", name="drift:requests-2013-03-12")]


def test_a_quarantined_feature_batch_concerns_every_model_on_the_group() -> None:
    found = causes("FeatureBatchQuarantined", feed="features/trips", batch_id="b1")
    assert [(cause.model, cause.name) for cause in found] == [
        ("trip_length", "quarantine:b1"),
        ("trips", "quarantine:b1"),
    ]


def test_labels_concern_their_own_model_once_what_they_say_is_measured() -> None:
    assert causes("PerformanceMeasured", model="trips", batch_id="b1") == [Cause(model="trips", name="labels:b1")]


def test_an_object_outside_every_feed_concerns_no_model() -> None:
    assert causes("FeatureBatchQuarantined", feed="", batch_id="b1") == []


def test_a_tick_looks_at_every_model() -> None:
    found = causes("ScheduledTick", scheduled_time="2013-04-01T00:00:00Z")
    assert [cause.model for cause in found] == ["trip_length", "trips"]


def test_a_person_s_request_carries_the_reason() -> None:
    (cause,) = causes("RetrainAsked", model="trips", request_id="r1", reason="new planes")
    assert cause.requested_by == "new planes"


def test_a_model_that_is_gone_is_passed_over() -> None:
    assert causes("FeatureDriftDetected", model="boats", batch_id="b1") == []


def test_the_same_cause_has_the_same_decision_id_and_another_model_another() -> None:
    first, again, other = (Cause(model=model, name="labels:b1") for model in ("trips", "trips", "trip_length"))
    assert decision_id_of(first) == decision_id_of(again) != decision_id_of(other)


@pytest.mark.parametrize(
    ("name", "detail", "expected_message"),
    [
        ("FeatureDriftDetected", {"model": "trips"}, "batch_id: missing"),
        ("ModelPromoted", {"model": "trips"}, "detail-type 'ModelPromoted' is not one that asks for a decision"),
    ],
)
def test_an_event_that_is_not_understood_is_refused(
    name: str, detail: dict[str, object], expected_message: str
) -> None:
    with pytest.raises(InvalidEvent, match=expected_message):
        causes(name, **detail)

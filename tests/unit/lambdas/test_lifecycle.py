"""The lifecycle function: its payloads and answers, as docs/interfaces.md has them state by state."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.adapters.memory.approvals import InMemoryApprovals
from evertrain.adapters.memory.messages import InMemoryEscalationChannel
from evertrain.domain.deciding.decisions import LEASE_DURATION, Action, Decision, Reason
from evertrain.domain.events import EventName
from evertrain.domain.project.policies import SearchMethod, SearchSpace
from evertrain.domain.release.registry import VersionStatus
from evertrain.ports.decisions import LeaseHeld
from evertrain.use_cases.release.ask_for_approval import AskForApproval
from evertrain.use_cases.training.finish_retraining import UnknownOutcome
from lambdas.lifecycle import handler, wiring
from tests.builders.retraining import MODEL, Retraining, a_decision_to_retrain, a_trainable_model


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Retraining:
    loop = Retraining()
    loop.decide("d-1")
    monkeypatch.setattr(wiring, "leases", lambda: loop.leases)
    monkeypatch.setattr(wiring, "decisions", lambda: loop.decisions)
    monkeypatch.setattr(wiring, "plan_retraining", lambda: loop.plan_retraining)
    monkeypatch.setattr(wiring, "next_halving_round", lambda: loop.next_halving_round)
    monkeypatch.setattr(wiring, "runs", lambda: loop.runs)
    monkeypatch.setattr(wiring, "registry", lambda: loop.registry)
    monkeypatch.setattr(wiring, "gate_contender", lambda: loop.gate_contender)
    monkeypatch.setattr(wiring, "register_version", lambda: loop.register_version)
    monkeypatch.setattr(wiring, "finish_retraining", lambda: loop.finish_retraining)
    return loop


def test_a_retraining_is_led_step_by_step(loop: Retraining) -> None:
    named = {"model": MODEL, "decision_id": "d-1"}
    begun = handler.lambda_handler({"step": "acquire_lease", **named, "execution": "e-1"}, None)
    assert (begun["version"], begun["expected_champion"]) == ("", None), "all of it is still to be done"
    assert loop.leases.is_held(MODEL)

    plan = handler.lambda_handler({"step": "plan", **named, "execution": "e-1"}, None)
    assert plan == {
        "plan_uri": plan["plan_uri"],
        "round": {"number": "1", "candidates": ["14d", "28d"], "is_last": True},
        "concurrency": 8,
        "spot": True,
        "cpu": "1024",
        "memory": "2048",
        "approval": {"is_needed": False, "timeout": "7d", "timeout_seconds": 604800},
    }

    loop.evaluated("d-1")
    gate = handler.lambda_handler({"step": "gate", "plan_uri": plan["plan_uri"]}, None)
    assert gate == {"passed": True, "reason": "first_model", "sentence": gate["sentence"]}
    registered = handler.lambda_handler({"step": "register", "plan_uri": plan["plan_uri"]}, None)
    assert registered == {"version": registered["version"], "expected_champion": None}

    ended = {"outcome": "ModelPromoted", "version": registered["version"], "sentence": gate["sentence"]}
    assert handler.lambda_handler({"step": "finish", **named, **ended}, None) == {"outcome": "ModelPromoted"}
    assert not loop.leases.is_held(MODEL)
    (outcome,) = loop.decisions.outcomes(MODEL, limit=5)
    assert (outcome.name, outcome.sentence) == (EventName.MODEL_PROMOTED, gate["sentence"])


def test_a_second_execution_does_not_get_the_lease(loop: Retraining) -> None:
    payload = {"step": "acquire_lease", "model": MODEL, "decision_id": "d-1"}
    handler.lambda_handler({**payload, "execution": "e-1"}, None)
    handler.lambda_handler({**payload, "execution": "e-1"}, None)
    with pytest.raises(LeaseHeld):
        handler.lambda_handler({**payload, "execution": "e-2"}, None)


def test_a_retraining_that_has_ended_is_not_led_again(loop: Retraining) -> None:
    payload = {"step": "acquire_lease", "model": MODEL, "decision_id": "d-1"}
    handler.lambda_handler({**payload, "execution": "e-1"}, None)
    ended = {
        "step": "finish",
        "model": MODEL,
        "decision_id": "d-1",
        "outcome": "RetrainFailed",
        "sentence": "as it went",
    }
    handler.lambda_handler(ended, None)
    with pytest.raises(LeaseHeld, match="has ended already"):
        handler.lambda_handler({**payload, "execution": "e-2"}, None)
    assert not loop.leases.is_held(MODEL)


def test_a_person_is_asked_and_the_lease_lasts_as_long_as_they_may_take(
    loop: Retraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, approvals, people = a_trainable_model(), InMemoryApprovals(), InMemoryEscalationChannel()
    loop.declare(replace(spec, gate=replace(spec.gate, approval=True, approval_timeout=timedelta(hours=36))))
    asking = AskForApproval(
        runs=loop.runs,
        registry=loop.registry,
        decisions=loop.decisions,
        approvals=approvals,
        escalations=people,
        wall_clock=loop.clock,
        stage="dev",
    )
    monkeypatch.setattr(wiring, "ask_for_approval", lambda: asking)
    plan = handler.lambda_handler({"step": "plan", "model": MODEL, "decision_id": "d-1", "execution": "e-1"}, None)
    assert plan["approval"] == {"is_needed": True, "timeout": "36h", "timeout_seconds": 129_600}
    assert loop.leases.leases[MODEL].expires_at >= 129_600 + LEASE_DURATION.total_seconds()

    version = loop.register(loop.evaluated("d-1")).version.version
    asked = {"step": "ask_for_approval", "plan_uri": plan["plan_uri"], "version": version, "task_token": "t-1"}
    assert handler.lambda_handler(asked, None) == {}
    assert approvals.token(MODEL, "d-1") == "t-1"
    assert len(people.called) == 1

    ended = {"outcome": "ContenderHeld", "version": version, "sentence": "nobody approved it within 36h"}
    handler.lambda_handler({"step": "finish", "model": MODEL, "decision_id": "d-1", **ended}, None)
    assert not loop.leases.is_held(MODEL)
    assert loop.registry.version(MODEL, version).status is VersionStatus.HELD


def test_candidates_are_narrowed_round_by_round_and_the_lease_lasts_for_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = SearchSpace(parameters={"max_iter": (1, 5)}, method=SearchMethod.HALVING, concurrency=3)
    spec = a_trainable_model()
    loop = Retraining(replace(spec, training=replace(spec.training, search=search)))
    loop.decide("d-1")
    for name in ("leases", "decisions", "plan_retraining", "next_halving_round"):
        monkeypatch.setattr(wiring, name, lambda name=name: getattr(loop, name))
    asked = {"model": MODEL, "decision_id": "d-1", "execution": "e-1"}
    plan = handler.lambda_handler({"step": "plan", **asked}, None)
    assert plan["concurrency"] == 3
    assert plan["round"] == {"number": "1", "candidates": ["14d-1", "14d-2", "28d-1", "28d-2"], "is_last": False}
    # Four on a third of the rows are two waves, the better one on all rows is the third; each may be repeated.
    assert loop.leases.leases[MODEL].expires_at == (5 * 60 + 5 * 100) * 60
    for name in plan["round"]["candidates"]:
        loop.train(plan["plan_uri"], name)
    last = handler.lambda_handler({"step": "narrow", "plan_uri": plan["plan_uri"], "round": "1"}, None)
    assert last == {"number": "2", "candidates": last["candidates"], "is_last": True}
    assert len(last["candidates"]) == 1


def test_a_container_s_own_sentence_is_the_outcome_s(loop: Retraining) -> None:
    plan = loop.plan("d-1").plan
    loop.runs.put_failure(plan, "NothingToChoose: no candidate could be trained")
    payload = {"step": "finish", "model": MODEL, "decision_id": "d-1", "outcome": "RetrainFailed"}
    cause = json.dumps({"Containers": [{"Name": "train", "ExitCode": 1}]})
    answer = handler.lambda_handler({**payload, "error": "States.TaskFailed", "cause": cause}, None)
    (outcome,) = loop.decisions.outcomes(MODEL, limit=5)
    assert outcome.sentence == "NothingToChoose: no candidate could be trained"
    # Rows are wanting, nothing failed.
    assert answer == {"outcome": outcome.name} == {"outcome": "RetrainPostponed"}


def test_a_container_that_broke_is_a_failure(loop: Retraining) -> None:
    loop.runs.put_failure(loop.plan("d-1").plan, "ArtifactDigestMismatch: the bytes are others")
    payload = {"step": "finish", "model": MODEL, "decision_id": "d-1", "outcome": "RetrainFailed"}
    answer = handler.lambda_handler({**payload, "error": "States.TaskFailed", "cause": "{}"}, None)
    assert answer == {"outcome": "RetrainFailed"}


def test_a_failure_is_told_by_its_cause(loop: Retraining) -> None:
    cause = json.dumps({"errorMessage": "no labels of trips have been committed yet"})
    payload = {"step": "finish", "model": MODEL, "decision_id": "d-1", "outcome": "RetrainFailed"}
    handler.lambda_handler({**payload, "version": None, "error": "NotEnoughHistory", "cause": cause}, None)
    (outcome,) = loop.decisions.outcomes(MODEL, limit=5)
    assert outcome.sentence == "NotEnoughHistory: no labels of trips have been committed yet"
    assert outcome.version == ""


@pytest.mark.parametrize(
    ("payload", "expected_message"),
    [
        ({}, "step: missing"),
        (
            {"step": "train"},
            "step: 'train' is none of acquire_lease, plan, narrow, gate, register, ask_for_approval, fin",
        ),
        ({"step": "plan", "model": MODEL}, "decision_id: missing"),
    ],
)
def test_a_payload_that_is_not_understood_is_refused(payload: dict[str, object], expected_message: str) -> None:
    with pytest.raises(InvalidEvent, match=expected_message):
        handler.lambda_handler(payload, None)


def test_an_outcome_that_is_none_is_refused(loop: Retraining) -> None:
    payload = {"step": "finish", "model": MODEL, "decision_id": "d-1", "outcome": "RetrainRequested"}
    with pytest.raises(UnknownOutcome, match="'RetrainRequested' is none of ModelPromoted"):
        handler.lambda_handler(payload, None)


def test_a_version_that_is_only_rolled_out_is_named_with_whom_it_may_replace(loop: Retraining) -> None:
    version = loop.promoted("d-0")
    decision = replace(
        a_decision_to_retrain("d-2"),
        decision=Decision(
            action=Action.ROLL_OUT,
            reason=Reason.ASKED_BY_A_PERSON,
            sentence="a person lets version v2 come to answer",
            evidence={"rolls_out": version, "beside": "v1"},
        ),
    )
    loop.decisions.record(decision)
    payload = {"step": "acquire_lease", "model": MODEL, "decision_id": "d-2", "execution": "e-1"}
    assert handler.lambda_handler(payload, None) == {
        "version": version,
        "expected_champion": "v1",
        "sentence": "a person lets version v2 come to answer",
    }
    # The steps of the rollout are longer than what a retraining has left at its end.
    holder = loop.leases.holder(MODEL)
    assert holder is not None
    assert holder.expires_in == LEASE_DURATION + timedelta(minutes=90)

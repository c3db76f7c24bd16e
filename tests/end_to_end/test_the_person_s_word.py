"""A model that wants a person's word: its contender waits, and is approved, rejected, or held."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deciding.decisions import LEASE_DURATION, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.release.registry import ModelVersion, VersionStatus
from tests.builders.retraining import a_decision_to_retrain
from tests.end_to_end.command_line import evertrain
from tests.end_to_end.loop import Loop
from tests.end_to_end.test_the_loop import a_row, publish_retrain_requested, received, subscribe_to_escalations

pytestmark = pytest.mark.cloud

MODEL = "air_time"


def trained(loop: Loop, decision_id: str, *, timeout: timedelta) -> RecordedDecision:
    """The champion's own retraining once more, which passes the gate, as of a model that declares approval."""
    stage = loop.stage
    runs = RunDocuments(artifacts=stage.artifacts, root=f"s3://{stage.output('ArtifactBucket')}")
    champion = stage.registry.champion(MODEL)
    assert champion is not None
    plan = runs.plan(stage.registry.version(MODEL, champion.version).plan_uri)
    planned_at = plan.planned_at + timedelta(minutes=1 + len(stage.registry.versions(MODEL)))
    gate = replace(plan.spec.gate, approval=True, approval_timeout=timeout)
    spec, champion_version = replace(plan.spec, gate=gate), champion.version
    changed = {"spec": spec, "planned_at": planned_at, "champion_version": champion_version}
    runs.put_plan(replace(plan, decision_id=decision_id, **changed))
    decided = a_decision_to_retrain(decision_id, model=MODEL, decided_at=stage.now())
    stage.decisions.record(decided, lease=LEASE_DURATION)
    publish_retrain_requested(loop, model=MODEL, decision_id=decision_id)
    return decided


def version_of(loop: Loop, decision: RecordedDecision) -> ModelVersion:
    (version,) = [v for v in loop.stage.registry.versions(MODEL) if v.decision_id == decision.decision_id]
    return version


def wait_for_question(loop: Loop, decision: RecordedDecision) -> str:
    """The version that waits, once the person was asked."""
    asked = loop.wait(lambda: loop.stage.approvals.find(MODEL, decision.decision_id), awaited="the question")
    return asked.version


def test_an_approved_contender_is_rolled_out(loop: Loop) -> None:
    inbox, before = subscribe_to_escalations(loop), loop.stage.registry.champion(MODEL)
    decision = trained(loop, "put-to-a-person", timeout=timedelta(days=7))
    version = wait_for_question(loop, decision)
    command = f"evertrain approve {MODEL} put-to-a-person --stage {loop.stage.name}"

    def called() -> bool | None:
        """What was told of earlier retrainings may come first."""
        return command in (received(inbox) or "") or None

    loop.wait(called, awaited="the call")
    assert f"{version} waits for approval until" in " ".join(evertrain("status", MODEL).stdout.split())
    assert loop.stage.registry.champion(MODEL) == before
    assert loop.stage.leases.is_held(MODEL)
    told = evertrain("approve", MODEL, "some-other", status=1).stderr
    assert f"what waits is {version}, of decision put-to-a-person" in told

    answered = json.loads(evertrain("approve", MODEL, "--because", "as expected", "--json").stdout)
    assert (answered["version"], answered["answered"]["because"]) == (version, "as expected")
    outcome = loop.outcome(decision)
    assert (outcome.name, outcome.version) == (EventName.MODEL_PROMOTED, version)
    assert loop.stage.api.predict(MODEL, a_row(loop, MODEL))["model_version"] == version
    assert "was approved by" in evertrain("reject", MODEL, version, status=1).stderr
    assert "approved by" in evertrain("explain", MODEL, decision.decision_id).stdout


def test_a_rejected_contender_never_answers_and_the_model_is_free(loop: Loop) -> None:
    before = loop.stage.registry.champion(MODEL)
    decision = trained(loop, "not-wanted", timeout=timedelta(days=7))
    version = wait_for_question(loop, decision)
    assert "rejected by" in evertrain("reject", MODEL, version, "--because", "wait for spring").stdout
    outcome = loop.outcome(decision)
    assert outcome.name is EventName.CONTENDER_REJECTED
    assert outcome.sentence.endswith("UTC: wait for spring")
    assert version_of(loop, decision).status is VersionStatus.REJECTED
    assert loop.stage.registry.champion(MODEL) == before
    assert not loop.stage.leases.is_held(MODEL)


def test_without_an_answer_the_contender_is_held_and_the_model_is_free(loop: Loop) -> None:
    before = loop.stage.registry.champion(MODEL)
    decision = trained(loop, "nobody-answers", timeout=timedelta(seconds=2))
    outcome = loop.outcome(decision)
    assert outcome.name is EventName.CONTENDER_HELD
    assert outcome.sentence.startswith("nobody approved it within 2s; the gate: ")
    assert version_of(loop, decision).status is VersionStatus.HELD
    assert loop.stage.registry.champion(MODEL) == before
    assert not loop.stage.leases.is_held(MODEL)
    told = evertrain("approve", MODEL, decision.decision_id, status=1).stderr
    assert "its retraining ended as ContenderHeld" in told

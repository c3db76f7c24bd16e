"""Anybody in the account may put an event on the bus, or an item into a log: what readers need stays readable."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evertrain.adapters.aws.dynamodb import Table, key, text
from evertrain.adapters.aws.item_keys import DECISION, HELD_DECISION, OUTCOME, QUIET_DECISION, model_partition
from evertrain.adapters.deciding.decision_log import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.documents import InvalidDocument
from evertrain.adapters.memory.batches import InMemoryBatchLog, InMemoryLabelProgress, InMemoryTableStates
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEscalationChannel, InMemoryEventBus
from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.events import EventName, Tick
from evertrain.domain.project.model import Project
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.decisions import UnknownDecision
from evertrain.use_cases.deciding.decide_retraining import DecideRetraining
from evertrain.use_cases.training.finish_retraining import FinishRetraining
from lambdas.lifecycle import handler as lifecycle
from lambdas.lifecycle import wiring as lifecycle_wiring
from lambdas.retrain_trigger import handler as trigger
from tests.builders.events import delivery
from tests.builders.models import NOW, a_group, a_model
from tests.builders.retraining import a_decision_to_retrain

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = [
    "model",
    "decision_id",
    "batch_id",
    "feed",
    "reason",
    "request_id",
    "scheduled_time",
    "execution",
    "outcome",
    "version",
    "sentence",
    "error",
    "cause",
    "plan_uri",
    "round",
]
VALUES = JSON | st.sampled_from(
    ["trips", "features/trips", "labels/trips", "d-1", "RetrainFailed", "#", "outcome#", "\ud800", "\x00", "t" * 3000]
)
DETAILS = JSON | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8)
STEPS = st.sampled_from(["acquire_lease", "finish"])


@pytest.fixture
def log(table: Table, monkeypatch: pytest.MonkeyPatch) -> DynamoDBDecisionLog:
    """The log that both functions write to."""
    log = DynamoDBDecisionLog(table=table, wall_clock=lambda: 0.0)
    leases = DynamoDBLeases(table=table, wall_clock=lambda: 0.0)
    clock, bus = InMemoryClock(NOW), InMemoryEventBus()
    decide = DecideRetraining(
        project=PROJECT,
        batches=InMemoryBatchLog(),
        tables=InMemoryTableStates(),
        label_progress=InMemoryLabelProgress(),
        registry=InMemoryModelRegistry(),
        performance=InMemoryPerformanceLog(),
        decisions=log,
        leases=leases,
        bus=bus,
        escalations=InMemoryEscalationChannel(),
        clock=clock,
    )
    finish = FinishRetraining(decisions=log, leases=leases, registry=InMemoryModelRegistry(), bus=bus, clock=clock)
    monkeypatch.setattr(trigger, "project", lambda: PROJECT)
    monkeypatch.setattr(trigger, "decide_retraining", lambda: decide)
    monkeypatch.setattr(lifecycle_wiring, "decisions", lambda: log)
    monkeypatch.setattr(lifecycle_wiring, "leases", lambda: leases)
    monkeypatch.setattr(lifecycle_wiring, "finish_retraining", lambda: finish)
    return log


def everything_is_readable(log: DynamoDBDecisionLog) -> None:
    """As many entries as there are items, and the next request of a person is decided."""
    count = len(log.decisions("trips", limit=10_000, include_quiet=True))
    prefixes = (DECISION, HELD_DECISION, QUIET_DECISION)
    items = [item for prefix in prefixes for item in log._table.query(model_partition("trips"), prefix)]
    assert count == len(items)
    outcomes = list(log._table.query(model_partition("trips"), OUTCOME))
    assert len(log.outcomes("trips", limit=10_000)) == len(outcomes)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*EventName, *Tick]) | st.text(max_size=5) | JSON, DETAILS)
@example(EventName.PERFORMANCE_MEASURED, {"model": "trips", "batch_id": "b"})  # is decided: a hold
def test_whatever_an_event_says_the_decisions_stay_readable(
    log: DynamoDBDecisionLog, name: object, detail: object
) -> None:
    trigger.lambda_handler(delivery(one=json.dumps({"detail-type": name, "detail": detail})), None)
    everything_is_readable(log)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8))
def test_whatever_starts_a_retraining_the_outcomes_stay_readable(
    log: DynamoDBDecisionLog, step: str, detail: dict[str, Any]
) -> None:
    log.record(a_decision_to_retrain("d-1"))
    with suppress(Exception):  # the execution fails; what was written is what matters
        lifecycle.lambda_handler({**detail, "step": step}, None)
    everything_is_readable(log)
    assert {outcome.decision_id for outcome in log.outcomes("trips", limit=9)} <= {"d-1"}


@pytest.mark.parametrize("step", ["acquire_lease", "finish"])
def test_a_decision_that_nobody_recorded_starts_and_ends_nothing(log: DynamoDBDecisionLog, step: str) -> None:
    payload = {"step": step, "model": "trips", "decision_id": "made-up", "execution": "e", "outcome": "ModelPromoted"}
    with pytest.raises(UnknownDecision, match="nobody decided to retrain trips by made-up"):
        lifecycle.lambda_handler(payload, None)
    assert log.outcomes("trips", limit=9) == []
    assert not lifecycle_wiring.leases().is_held("trips")


def test_what_was_decided_otherwise_is_no_decision_to_retrain(log: DynamoDBDecisionLog) -> None:
    asked = {"detail-type": "PerformanceMeasured", "detail": {"model": "trips", "batch_id": "b"}}
    trigger.lambda_handler(delivery(one=asked), None)
    (held,) = log.decisions("trips", limit=9, include_quiet=True)
    payload = {"step": "acquire_lease", "model": "trips", "decision_id": held.decision_id, "execution": "e"}
    with pytest.raises(UnknownDecision):
        lifecycle.lambda_handler(payload, None)


@pytest.mark.parametrize("document", ["", "{}", "[]", '{"decision_id": {"a": 1}}', "\x00"])
def test_an_entry_that_cannot_be_read_hides_no_other(
    log: DynamoDBDecisionLog, table: Table, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    decision = a_decision_to_retrain("d-1")
    log.record(decision)
    outcome = Outcome(
        decision_id="d-1", model="trips", name=EventName.RETRAIN_FAILED, ended_at=NOW, sentence="as it went"
    )
    log.record_outcome(outcome)
    pk = model_partition("trips")
    for prefix in (DECISION, OUTCOME):
        table.transact(table.put_request(key(pk, f"{prefix}9999#by-hand") | {"document": text(document)}))
    assert log.decisions("trips", limit=9) == [decision]
    assert log.outcomes("trips", limit=9) == [outcome]
    assert "document_unreadable key=model#trips decision#9999#by-hand" in caplog.text


def test_a_value_of_the_wrong_type_is_not_written(log: DynamoDBDecisionLog) -> None:
    with pytest.raises(InvalidDocument, match="RecordedDecision cannot be written"):
        log.record(a_decision_to_retrain({"a": 1}))  # type: ignore[arg-type]
    assert log.decisions("trips", limit=9) == []

"""A decision is made once for each cause, from the state of the loop, and told at least once."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from evertrain.adapters.memory.batches import InMemoryBatchLog, InMemoryLabelProgress, InMemoryTableStates
from evertrain.adapters.memory.decisions import InMemoryDecisionLog, InMemoryLeases
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEscalationChannel, InMemoryEventBus
from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.deciding.decisions import BACKFILL, Action, Reason, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.landing.batches import TableState
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.model import Project
from evertrain.domain.training.evaluation import Gain
from evertrain.use_cases.deciding.decide_retraining import Cause, DecideRetraining
from tests.builders.batches import FEATURES, LABELS, a_batch, a_quarantine
from tests.builders.models import NOW, a_group, a_model, a_verdict, an_outcome, days
from tests.builders.registry import a_version, champion_of

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})


@dataclass
class Loop:
    """A loop with a year of rows and labels, and no champion."""

    batches: InMemoryBatchLog = field(default_factory=InMemoryBatchLog)
    tables: InMemoryTableStates = field(default_factory=InMemoryTableStates)
    label_progress: InMemoryLabelProgress = field(default_factory=InMemoryLabelProgress)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    performance: InMemoryPerformanceLog = field(default_factory=InMemoryPerformanceLog)
    decisions: InMemoryDecisionLog = field(default_factory=lambda: InMemoryDecisionLog(wall_clock=lambda: 0.0))
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    escalations: InMemoryEscalationChannel = field(default_factory=InMemoryEscalationChannel)
    clock: InMemoryClock = field(default_factory=lambda: InMemoryClock(NOW))

    def __post_init__(self) -> None:
        self.table_goes_on(until=NOW)

    def table_goes_on(self, *, until: datetime, version: int = 1) -> None:
        state = TableState(
            version=version,
            rows=300_000,
            event_time_min=NOW - days(365),
            event_time_max=until - days(1),
            ingested_at_max=until,
        )
        for feed in (FEATURES, LABELS):
            self.tables.put(feed, state)

    def promote_champion(self, version: str = "v1", *, days_ago: float = 10, decision_id: str = "d1") -> None:
        before = self.registry.champion("trips")
        self.registry.register(replace(a_version(version), decision_id=decision_id))
        self.registry.promote(
            champion_of(version, since=NOW - days(days_ago)), expected_champion=before.version if before else None
        )

    @property
    def leases(self) -> InMemoryLeases:
        return InMemoryLeases(wall_clock=lambda: 0.0, leases=self.decisions.leases)

    def decide(self, cause: str = "labels:b1", *, requested_by: str = "") -> RecordedDecision:
        return self.decider.run(Cause(model="trips", name=cause, requested_by=requested_by))

    @property
    def decider(self) -> DecideRetraining:
        return DecideRetraining(
            project=PROJECT,
            batches=self.batches,
            tables=self.tables,
            label_progress=self.label_progress,
            registry=self.registry,
            performance=self.performance,
            decisions=self.decisions,
            leases=self.leases,
            bus=self.bus,
            escalations=self.escalations,
            clock=self.clock,
        )


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_nothing_is_decided_on_half_of_a_history_unless_a_person_asks(loop: Loop) -> None:
    cause, asked = Cause(model="trips", name="labels:b1"), Cause(model="trips", name="asked:1", requested_by="Ada")
    assert not loop.decider.is_premature(cause)
    loop.leases.acquire("trips", decision_id=BACKFILL, execution="", duration=days(0.01))
    assert loop.decider.is_premature(cause)
    assert not loop.decider.is_premature(asked)
    assert loop.decide(asked.name, requested_by="Ada").decision.reason is Reason.RETRAINING_RUNNING
    loop.leases.release("trips", decision_id=BACKFILL)
    loop.leases.acquire("trips", decision_id=BACKFILL, execution="", duration=days(-1))
    assert not loop.decider.is_premature(cause), "who landed it has ended, and the loop goes on by itself"


def test_the_first_model_is_asked_for_with_its_lease(loop: Loop) -> None:
    recorded = loop.decide()
    assert (recorded.decision.action, recorded.decision.reason) == (Action.RETRAIN, Reason.NO_CHAMPION_YET)
    assert loop.leases.is_held("trips")
    (event,) = loop.bus.published
    assert event.name is EventName.RETRAIN_REQUESTED
    assert event.detail["decision_id"] == recorded.decision_id


def test_a_repeated_cause_is_decided_once_and_told_again(loop: Loop) -> None:
    first = loop.decide()
    loop.clock.moment = NOW + days(1)
    assert loop.decide() == first
    assert loop.bus.names() == ["RetrainRequested", "RetrainRequested"]
    assert len(loop.decisions.decisions("trips", limit=9)) == 1


def test_while_a_retraining_runs_another_cause_holds(loop: Loop) -> None:
    loop.decide("labels:b1")
    second = loop.decide("labels:b2")
    assert (second.decision.action, second.decision.reason) == (Action.HOLD, Reason.RETRAINING_RUNNING)


def test_a_lease_that_was_taken_since_the_state_was_read_makes_it_a_hold(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.leases.acquire("trips", decision_id="other", execution="e1", duration=days(1))
    monkeypatch.setattr(InMemoryLeases, "is_held", lambda self, model: False)
    recorded = loop.decide()
    assert recorded.decision.reason is Reason.RETRAINING_RUNNING
    assert loop.bus.names() == ["RetrainHeld"]


def test_nothing_to_do_is_kept_and_not_told(loop: Loop) -> None:
    loop.promote_champion()
    assert loop.decide().decision.reason is Reason.NOTHING_TO_DO
    assert loop.bus.published == []
    assert loop.decisions.decisions("trips", limit=9) == []
    assert len(loop.decisions.decisions("trips", limit=9, include_quiet=True)) == 1


def test_lasting_drift_against_the_champion_asks_for_a_retraining(loop: Loop) -> None:
    loop.promote_champion(days_ago=60)
    for ago in range(1, 26):
        verdict = replace(a_verdict(days_ago=ago, status=DriftStatus.DRIFTED), batch_id=f"b{ago}")
        loop.batches.record(a_batch(f"b{ago}", days_ago=ago), [verdict])
    recorded = loop.decide("drift:b1")
    assert (recorded.decision.action, recorded.decision.reason) == (Action.RETRAIN, Reason.FEATURES_DRIFTED)


def test_a_person_s_request_goes_before_the_cooldown(loop: Loop) -> None:
    loop.decide("labels:b1")
    loop.leases.release("trips", decision_id=loop.decide("labels:b1").decision_id)
    loop.promote_champion(days_ago=0)
    recorded = loop.decide("asked:r1", requested_by="new planes")
    assert recorded.decision.action is Action.RETRAIN
    assert recorded.decision.sentence == "asked by a person: new planes"


# --- calling a person ---------------------------------------------------------------------------


def test_a_broken_feed_calls_a_person_once_until_a_good_batch_came(loop: Loop) -> None:
    loop.promote_champion()
    loop.clock.moment = NOW + days(1)
    loop.batches.record_quarantine(a_quarantine("q1"))
    assert loop.decide("quarantine:q1").decision.action is Action.ESCALATE
    loop.batches.record_quarantine(a_quarantine("q2"))
    assert loop.decide("quarantine:q2").decision.reason is Reason.HUMAN_CALLED
    assert [subject for subject, _ in loop.escalations.called] == ["Evertrain: trips needs a person"]
    message = loop.escalations.called[0][1]
    assert "the feed needs repair" in message
    assert "What it would take:\n- `evertrain quarantine` says what is wrong with each batch" in message

    loop.table_goes_on(until=NOW + days(2), version=2)
    loop.batches.record(a_batch("b1"), [])
    loop.clock.moment = NOW + days(3)
    loop.batches.record_quarantine(a_quarantine("q3"))
    assert loop.decide("quarantine:q3").decision.action is Action.ESCALATE
    assert len(loop.escalations.called) == 2


def test_a_repeated_escalation_calls_nobody_again(loop: Loop) -> None:
    loop.promote_champion()
    loop.batches.record_quarantine(a_quarantine("q1"))
    first = loop.decide("quarantine:q1")
    assert loop.decide("quarantine:q1") == first
    assert len(loop.escalations.called) == 1
    assert loop.bus.names() == ["HumanCalled", "HumanCalled"]


def test_contenders_that_are_rejected_in_a_row_call_a_person_until_one_is_promoted(loop: Loop) -> None:
    loop.promote_champion(days_ago=60)
    for ago in (20, 12):
        loop.decisions.record_outcome(an_outcome(EventName.CONTENDER_REJECTED, days_ago=ago))
    recorded = loop.decide("tick:1")
    assert (recorded.decision.action, recorded.decision.reason) == (Action.ESCALATE, Reason.CONTENDERS_REJECTED)
    assert loop.decide("tick:2").decision.reason is not Reason.CONTENDERS_REJECTED
    loop.decisions.record_outcome(an_outcome(EventName.MODEL_PROMOTED, days_ago=-1))
    loop.clock.moment = NOW + days(2)
    assert loop.decide("tick:3").decision.reason is not Reason.CONTENDERS_REJECTED


def test_a_call_is_remembered_however_many_holds_follow(loop: Loop) -> None:
    loop.promote_champion()
    loop.batches.record_quarantine(a_quarantine("q0"))
    for number in range(250):
        loop.clock.moment = NOW + days(number / 24)
        loop.decide(f"quarantine:q{number}")
    assert len(loop.escalations.called) == 1


def test_the_policy_learns_from_what_the_last_retrainings_gained(loop: Loop) -> None:
    for number in range(1, 4):
        gain = Gain(value=0.01, standard_error=0.001, newer_by=days(28))
        loop.registry.register(replace(a_version(f"v{number}"), gain=gain))
        promoted = an_outcome(EventName.MODEL_PROMOTED, days_ago=60 + number)
        loop.decisions.record_outcome(replace(promoted, decision_id=f"d{number}", version=f"v{number}"))
    loop.decisions.record_outcome(replace(an_outcome(EventName.RETRAIN_POSTPONED, days_ago=59), decision_id="d8"))
    gone = replace(an_outcome(EventName.CONTENDER_REJECTED, days_ago=58), decision_id="d9", version="v9")
    loop.decisions.record_outcome(gone)
    loop.promote_champion("v8", days_ago=25)
    decision = loop.decide("labels:b1").decision
    assert decision.reason is Reason.RETRAINING_PAYS
    assert decision.evidence["lost_per_day"] == pytest.approx(0.01 / 28, rel=0.1)


def test_rows_have_grown_since_the_champion_was_trained(loop: Loop) -> None:
    first = loop.decide("labels:b1")
    assert first.decision.evidence["trainable_rows"] == 23_076, "28 of 364 days of 300,000 rows"
    loop.leases.release("trips", decision_id=first.decision_id)
    loop.promote_champion("v1", days_ago=0)
    few = {**first.decision.evidence, "trainable_rows": 5_000}
    loop.decisions._decisions["trips", first.decision_id] = replace(
        first, decision=replace(first.decision, evidence=few)
    )
    loop.clock.moment = NOW + days(10)
    assert loop.decide("labels:b2").decision.reason is Reason.NOTHING_TO_DO, "this champion is not of that training"
    loop.promote_champion("v2", days_ago=0, decision_id=first.decision_id)
    rejected = replace(an_outcome(EventName.CONTENDER_REJECTED), decision_id="d3")
    loop.decisions.record_outcome(rejected)
    loop.clock.moment = NOW + days(15)
    assert loop.decide("labels:b3").decision.reason is Reason.ROWS_HAVE_GROWN

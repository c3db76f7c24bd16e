"""A decision is made once, with its lease or not at all; one retraining of a model runs at a time."""

from dataclasses import dataclass, replace

import pytest

from evertrain.adapters.deciding.decision_log import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.memory.decisions import InMemoryDecisionLog, InMemoryLeases, Lease
from evertrain.domain.deciding.decisions import Action, Decision, Reason, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.ports.decisions import DecisionLog, LeaseHeld, LeaseHolder, Leases
from tests.builders.models import NOW, an_outcome, days

HOUR = days(1 / 24)


@dataclass
class RealTime:
    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Setting:
    log: DecisionLog
    leases: Leases
    wall_clock: RealTime


@pytest.fixture(params=["memory", "dynamodb"])
def setting(request: pytest.FixtureRequest) -> Setting:
    wall_clock = RealTime()
    if request.param == "memory":
        shared: dict[str, Lease] = {}
        return Setting(
            InMemoryDecisionLog(wall_clock=wall_clock, leases=shared),
            InMemoryLeases(wall_clock=wall_clock, leases=shared),
            wall_clock,
        )
    table = request.getfixturevalue("table")
    return Setting(
        DynamoDBDecisionLog(table=table, wall_clock=wall_clock),
        DynamoDBLeases(table=table, wall_clock=wall_clock),
        wall_clock,
    )


def a_decision(
    decision_id: str = "d1",
    *,
    model: str = "trips",
    action: Action = Action.RETRAIN,
    reason: Reason = Reason.FEATURES_DRIFTED,
    days_ago: float = 0,
) -> RecordedDecision:
    return RecordedDecision(
        decision_id=decision_id,
        model=model,
        cause=f"labels:{decision_id}",
        decided_at=NOW - days(days_ago),
        decision=Decision(action=action, reason=reason, sentence="as it is", evidence={"drifted_batches": 3}),
    )


def test_the_first_record_of_a_decision_wins(setting: Setting) -> None:
    assert setting.log.find("trips", "d1") is None
    assert setting.log.record(a_decision())
    assert not setting.log.record(a_decision(reason=Reason.PERIOD_ELAPSED))
    assert setting.log.find("trips", "d1") == a_decision()
    assert setting.log.find("boats", "d1") is None


def test_decisions_come_newest_first_without_the_quiet_ones(setting: Setting) -> None:
    quiet = a_decision("d2", action=Action.HOLD, reason=Reason.NOTHING_TO_DO, days_ago=1)
    for decision in (a_decision("d1", days_ago=2), quiet, a_decision("d3"), a_decision("d4", model="boats")):
        setting.log.record(decision)
    assert [entry.decision_id for entry in setting.log.decisions("trips", limit=9)] == ["d3", "d1"]
    everything = setting.log.decisions("trips", limit=9, include_quiet=True)
    assert [entry.decision_id for entry in everything] == ["d3", "d2", "d1"]
    assert [entry.decision_id for entry in setting.log.decisions("trips", limit=1)] == ["d3"]


def test_acts_are_found_behind_any_number_of_holds(setting: Setting) -> None:
    setting.log.record(a_decision("d1", days_ago=50))
    setting.log.record(a_decision("d2", action=Action.ESCALATE, reason=Reason.FEED_BROKEN, days_ago=40))
    for number in range(30):
        hold = a_decision(f"h{number}", action=Action.HOLD, reason=Reason.COOLDOWN, days_ago=30 - number)
        setting.log.record(hold)
    assert [entry.decision_id for entry in setting.log.acts("trips", limit=5)] == ["d2", "d1"]
    assert [entry.decision_id for entry in setting.log.acts("trips", limit=1)] == ["d2"]
    assert [entry.decision_id for entry in setting.log.decisions("trips", limit=2)] == ["h29", "h28"]


def test_a_decision_that_takes_the_lease_keeps_others_out(setting: Setting) -> None:
    assert setting.log.record(a_decision("d1"), lease=HOUR)
    assert setting.leases.is_held("trips")
    with pytest.raises(LeaseHeld, match="trips"):
        setting.log.record(a_decision("d2"), lease=HOUR)
    assert setting.log.find("trips", "d2") is None
    assert not setting.leases.is_held("boats")


def test_a_repeated_decision_is_no_conflict_with_its_own_lease(setting: Setting) -> None:
    setting.log.record(a_decision("d1"), lease=HOUR)
    assert not setting.log.record(a_decision("d1"), lease=HOUR)


def test_a_repeated_decision_does_not_take_a_lease_that_another_has_now(setting: Setting) -> None:
    setting.log.record(a_decision("d1"), lease=HOUR)
    setting.leases.release("trips", decision_id="d1")
    setting.log.record(a_decision("d2"), lease=HOUR)
    assert not setting.log.record(a_decision("d1"), lease=HOUR)


def test_a_lease_that_was_never_given_back_expires(setting: Setting) -> None:
    setting.log.record(a_decision("d1"), lease=HOUR)
    setting.wall_clock.seconds += 3601
    assert not setting.leases.is_held("trips")
    assert setting.log.record(a_decision("d2"), lease=HOUR)


def test_the_decision_s_execution_takes_the_lease_over_and_may_repeat_that(setting: Setting) -> None:
    setting.log.record(a_decision("d1"), lease=HOUR)
    for _ in range(2):
        setting.leases.acquire("trips", decision_id="d1", execution="e1", duration=HOUR)
    with pytest.raises(LeaseHeld):
        setting.leases.acquire("trips", decision_id="d1", execution="e2", duration=HOUR)
    with pytest.raises(LeaseHeld):
        setting.leases.acquire("trips", decision_id="d2", execution="e3", duration=HOUR)


def test_the_lease_says_who_took_it_also_after_it_expired(setting: Setting) -> None:
    assert setting.leases.holder("trips") is None
    setting.log.record(a_decision("d1"), lease=HOUR)
    assert setting.leases.holder("trips") == LeaseHolder(decision_id="d1", execution="", expires_in=HOUR)
    setting.leases.acquire("trips", decision_id="d1", execution="e1", duration=2 * HOUR)
    setting.wall_clock.seconds += 3 * 3600
    assert setting.leases.holder("trips") == LeaseHolder(decision_id="d1", execution="e1", expires_in=-HOUR)
    setting.leases.release("trips", decision_id="d1")
    assert setting.leases.holder("trips") is None


def test_repeating_an_acquisition_renews_it(setting: Setting) -> None:
    setting.leases.acquire("trips", decision_id="d1", execution="e1", duration=HOUR)
    setting.wall_clock.seconds += 3000
    setting.leases.acquire("trips", decision_id="d1", execution="e1", duration=HOUR)
    setting.wall_clock.seconds += 3000
    assert setting.leases.is_held("trips")


def test_only_the_holder_releases(setting: Setting) -> None:
    setting.leases.release("trips", decision_id="d1")
    setting.leases.acquire("trips", decision_id="d1", execution="e1", duration=HOUR)
    setting.leases.release("trips", decision_id="d2")
    assert setting.leases.is_held("trips")
    setting.leases.release("trips", decision_id="d1")
    setting.leases.release("trips", decision_id="d1")
    assert not setting.leases.is_held("trips")


def test_a_retraining_has_one_outcome(setting: Setting) -> None:
    first = an_outcome(EventName.MODEL_PROMOTED)
    assert setting.log.outcome_of("trips", first.decision_id) is None
    assert setting.log.record_outcome(first)
    assert not setting.log.record_outcome(replace(first, name=EventName.RETRAIN_FAILED))
    assert setting.log.outcome_of("trips", first.decision_id) == first
    assert setting.log.outcomes("trips", limit=5) == [first]


def test_outcomes_come_newest_first(setting: Setting) -> None:
    for ago in (2, 1, 3):
        setting.log.record_outcome(an_outcome(EventName.CONTENDER_REJECTED, days_ago=ago))
    assert [outcome.decision_id for outcome in setting.log.outcomes("trips", limit=2)] == ["d-1", "d-2"]

"""Wherever a retraining is cut off, one of the right ends holds afterwards: it was promoted, or nothing changed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from evertrain.adapters.memory.messages import InMemoryEscalationChannel
from evertrain.domain.deciding.decisions import LEASE_DURATION
from evertrain.domain.errors import EvertrainError
from evertrain.domain.events import EventName
from evertrain.domain.release.registry import VersionStatus
from evertrain.domain.release.rollout import LOOK_AGAIN, StepUnderWay
from evertrain.ports.decisions import LeaseHeld
from evertrain.ports.endpoint import Live
from evertrain.ports.executions import ExecutionState
from evertrain.use_cases.release.roll_out import PublishedVersion
from evertrain.use_cases.training.finish_retraining import FinishRetraining
from evertrain.use_cases.training.reconcile_retrainings import START_TIMEOUT, ReconcileRetrainings
from tests.builders.models import days
from tests.builders.retraining import MODEL, Retraining, a_decision_to_retrain

EXECUTION = "arn:aws:states:::execution:retraining:1"


@dataclass
class FakeExecutions:
    ended: dict[str, str] = field(default_factory=dict)

    def state(self, execution: str) -> ExecutionState:
        if execution not in self.ended:
            return ExecutionState(is_running=True)
        return ExecutionState(is_running=False, description=self.ended[execution])


class CutOff:
    """A retraining whose states are run one by one, as the state machine does, and a reconcile at any time."""

    def __init__(self, *, with_champion: bool = False) -> None:
        self.loop = Retraining()
        self.real_seconds = 0.0
        self.loop.decisions.wall_clock = self.loop.leases.wall_clock = lambda: self.real_seconds
        self.loop.leases.leases = self.loop.decisions.leases
        if with_champion:
            self.loop.promoted("d-0")
            self.loop.finish("d-0", EventName.MODEL_PROMOTED, version="", sentence="the first model")
            self.loop.advance(days(1))
        self.before = self.loop.registry.champion(MODEL)
        self.executions = FakeExecutions()
        self.escalations = InMemoryEscalationChannel()
        decision = a_decision_to_retrain("d-1", decided_at=self.loop.clock.now())
        self.loop.decisions.record(decision, lease=LEASE_DURATION)
        self._plan_uri = ""
        self._version = ""
        self._published: PublishedVersion | None = None
        self._step: StepUnderWay | None = None

    @property
    def states(self) -> list[Callable[[], object]]:
        return [
            self.acquire,
            self.plan,
            self.train,
            self.evaluate,
            self.register,
            self.publish,
            self.smoke_test,
            self.shift_alias,
            self.health_check,
            *self.later_steps,
            self.promote,
            self.finish,
        ]

    def acquire(self) -> None:
        self.loop.leases.acquire(MODEL, decision_id="d-1", execution=EXECUTION, duration=LEASE_DURATION)

    def plan(self) -> None:
        self._plan_uri = self.loop.plan("d-1").plan_uri

    def train(self) -> None:
        for candidate in self.loop.runs.plan(self._plan_uri).candidates:
            self.loop.train(self._plan_uri, candidate.name)

    def evaluate(self) -> None:
        self.loop.evaluate(self._plan_uri)

    def register(self) -> None:
        self._version = self.loop.register(self._plan_uri).version.version

    def publish(self) -> None:
        self._published = self.loop.roll_out.publish(MODEL, self._version)

    def smoke_test(self) -> None:
        self.loop.roll_out.smoke_test(MODEL, self._version, function_version=self._function_version)

    @property
    def later_steps(self) -> list[Callable[[], object]]:
        """Of a rollout beside a champion."""
        return [self.shift_alias, self.health_check] * 2 if self.before else []

    def shift_alias(self) -> None:
        assert self._published is not None
        number = 0 if self._step is None else self._step.number
        self._step = self.loop.shift(self._version, self._published, step=number)

    def health_check(self) -> None:
        """All looks of a step."""
        assert self._step is not None
        self._step = self.loop.look(self._version, self._step)
        while self._step.next == LOOK_AGAIN:
            self._step = self.loop.look(self._version, self._step)

    def promote(self) -> None:
        self.loop.roll_out.promote(
            MODEL,
            self._version,
            function_version=self._function_version,
            expected_champion=self.before.version if self.before else None,
        )

    def finish(self) -> None:
        self.loop.finish("d-1", EventName.MODEL_PROMOTED, version=self._version, sentence="not worse")

    @property
    def _function_version(self) -> str:
        assert self._published is not None
        return self._published.function_version

    def reconcile(self) -> tuple[str, ...]:
        loop = self.loop
        return ReconcileRetrainings(
            decisions=loop.decisions,
            leases=loop.leases,
            executions=self.executions,
            registry=loop.registry,
            endpoint=loop.endpoint,
            finish_retraining=FinishRetraining(
                decisions=loop.decisions,
                leases=loop.leases,
                registry=loop.registry,
                bus=loop.bus,
                clock=loop.clock,
            ),
            bus=loop.bus,
            escalations=self.escalations,
        ).run(MODEL)

    def stop(self) -> None:
        self.executions.ended[EXECUTION] = "its execution ended as ABORTED"

    def assert_right_end(self) -> None:
        champion = self.loop.registry.champion(MODEL)
        outcome = self.loop.decisions.outcome_of(MODEL, "d-1")
        assert outcome is not None
        assert self.loop.leases.holder(MODEL) is None
        expected = champion.function_version if champion else "$LATEST"
        assert self.loop.endpoint.live(MODEL).function_version == expected
        mine = [each for each in self.loop.registry.versions(MODEL) if each.decision_id == "d-1"]
        if champion != self.before:
            assert [each.status for each in mine] == [VersionStatus.CHAMPION]
            assert champion is not None
            assert champion.version == mine[0].version
        else:
            assert {each.status for each in mine} <= {VersionStatus.ROLLED_BACK}
            assert outcome.name in (EventName.RETRAIN_FAILED, EventName.ROLLED_BACK)


STATES_OF_A_FIRST_MODEL, STATES_BESIDE_A_CHAMPION = 11, 15
STATES = [
    *((False, number) for number in range(STATES_OF_A_FIRST_MODEL)),
    *((True, number) for number in range(STATES_BESIDE_A_CHAMPION)),
]


def test_all_states_are_tried() -> None:
    assert len(CutOff().states) == STATES_OF_A_FIRST_MODEL
    assert len(CutOff(with_champion=True).states) == STATES_BESIDE_A_CHAMPION


@pytest.mark.parametrize(("with_champion", "done"), STATES)
def test_stopped_after_any_state_one_of_the_right_ends_holds(done: int, *, with_champion: bool) -> None:
    run = CutOff(with_champion=with_champion)
    last = len(run.states) - 1
    for state in run.states[: done + 1]:
        state()
    run.stop()
    mended = run.reconcile()
    run.assert_right_end()
    finished = done == last
    assert bool(mended) is not finished
    assert len(run.escalations.called) == len(mended)
    outcome = run.loop.decisions.outcome_of(MODEL, "d-1")
    assert outcome is not None
    promoted = done >= last - 1
    assert (outcome.name is EventName.MODEL_PROMOTED) is promoted
    # A repeat, by the tick or by a second event, changes nothing and calls nobody.
    assert run.reconcile() == ()
    assert len(run.escalations.called) == len(mended)
    # And the model is free for the next retraining.
    run.loop.decisions.record(a_decision_to_retrain("d-2", decided_at=run.loop.clock.now()), lease=LEASE_DURATION)


@pytest.mark.parametrize(("with_champion", "late"), STATES)
def test_a_step_that_was_under_way_when_the_execution_was_stopped_comes_too_late(
    late: int, *, with_champion: bool
) -> None:
    run = CutOff(with_champion=with_champion)
    for state in run.states[:late]:
        state()
    run.stop()
    run.reconcile()
    with suppress(EvertrainError):
        run.states[late]()
    run.reconcile()
    run.assert_right_end()
    assert (run.loop.registry.champion(MODEL) != run.before) is (late == len(run.states) - 1)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (VersionStatus.REJECTED, EventName.CONTENDER_REJECTED),
        (VersionStatus.HELD, EventName.CONTENDER_HELD),
    ],
)
def test_what_a_person_did_not_want_stays_so_where_its_last_state_was_cut_off(
    status: VersionStatus, outcome: EventName
) -> None:
    run = CutOff(with_champion=True)
    for state in run.states[:5]:
        state()
    (mine,) = [each for each in run.loop.registry.versions(MODEL) if each.decision_id == "d-1"]
    run.loop.registry.withdraw(MODEL, mine.version, leaves_as=status)
    run.stop()
    assert run.reconcile()
    recorded = run.loop.decisions.outcome_of(MODEL, "d-1")
    assert recorded is not None
    assert recorded.name is outcome
    assert run.loop.registry.version(MODEL, mine.version).status is status
    assert run.loop.registry.champion(MODEL) == run.before
    assert run.loop.leases.holder(MODEL) is None


def test_while_the_execution_runs_nothing_is_touched() -> None:
    run = CutOff(with_champion=True)
    for state in run.states[:8]:
        state()  # the alias is shifted already, and nobody is promoted yet
    live = run.loop.endpoint.live(MODEL).function_version
    assert run.reconcile() == ()
    assert run.loop.endpoint.live(MODEL).function_version == live
    assert run.loop.decisions.outcome_of(MODEL, "d-1") is None
    with pytest.raises(LeaseHeld):
        run.loop.decisions.record(a_decision_to_retrain("d-2"), lease=LEASE_DURATION)


def test_a_retraining_that_never_began_is_asked_for_again_and_given_up_with_its_lease() -> None:
    run = CutOff()
    run.real_seconds = START_TIMEOUT.total_seconds()
    assert run.reconcile() == ()
    assert run.loop.bus.names() == []
    run.real_seconds += 1
    assert run.reconcile() == ()
    assert run.loop.bus.names() == ["RetrainRequested"]
    assert run.loop.bus.published[0].detail["decision_id"] == "d-1"
    run.real_seconds = LEASE_DURATION.total_seconds()
    assert run.reconcile()
    outcome = run.loop.decisions.outcome_of(MODEL, "d-1")
    assert outcome is not None
    assert (outcome.name, outcome.sentence) == (EventName.RETRAIN_FAILED, "it was never started")
    assert run.loop.leases.holder(MODEL) is None


def test_a_retraining_whose_lease_another_took_has_ended() -> None:
    run = CutOff()
    run.acquire()
    run.real_seconds = LEASE_DURATION.total_seconds()
    run.loop.decisions.record(
        a_decision_to_retrain("d-2", decided_at=run.loop.clock.now() + days(1)), lease=LEASE_DURATION
    )
    assert len(run.reconcile()) == 1
    assert run.loop.decisions.outcome_of(MODEL, "d-1") is not None
    assert run.loop.decisions.outcome_of(MODEL, "d-2") is None
    holder = run.loop.leases.holder(MODEL)
    assert holder is not None
    assert holder.decision_id == "d-2"


def test_an_alias_that_was_moved_by_hand_goes_back_to_the_champion() -> None:
    run = CutOff(with_champion=True)
    run.loop.finish("d-1", EventName.RETRAIN_FAILED, version="", sentence="as it went")
    run.loop.endpoint.point_alias(MODEL, Live(function_version="$LATEST"))
    (sentence,) = run.reconcile()
    assert sentence == "the endpoint answers by function version $LATEST, and not by the champion's alone, 1"
    ((subject, message),) = run.escalations.called
    assert subject == "Evertrain: a retraining of trips was cut off"
    assert sentence in message


def test_a_person_is_told_before_anything_is_mended_and_so_also_when_that_fails() -> None:
    run = CutOff()
    run.acquire()
    run.stop()
    record = run.loop.decisions.record_outcome

    def throttled(outcome: object) -> bool:
        raise RuntimeError("throttled")

    run.loop.decisions.record_outcome = throttled  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        run.reconcile()
    ((_, message),) = run.escalations.called
    assert message.startswith("decision d-1 was cut off: its execution ended as ABORTED.")
    run.loop.decisions.record_outcome = record  # type: ignore[method-assign]
    assert len(run.reconcile()) == 1
    run.assert_right_end()

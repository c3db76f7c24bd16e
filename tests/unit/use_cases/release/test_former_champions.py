"""A former champion that a person rolls out again, and that fails beside today's: it may still be taken back to."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from evertrain.adapters.memory.messages import InMemoryEscalationChannel
from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.release.registry import RegistryConflict, VersionStatus
from evertrain.ports.executions import ExecutionState
from evertrain.use_cases.release.ask_rollout import AskRollout
from evertrain.use_cases.release.take_back import TakeBack
from evertrain.use_cases.training.reconcile_retrainings import ReconcileRetrainings
from tests.builders.models import days
from tests.builders.retraining import MODEL, Retraining


class NothingRuns:
    def state(self, execution: str) -> ExecutionState:
        return ExecutionState(is_running=False, description="its execution ended as ABORTED")


class Again:
    """The old version was champion, the new one is, and the old one answers a share of the requests again."""

    def __init__(self) -> None:
        self.loop = Retraining()
        self.old = self.loop.promoted("d-1")
        self.loop.advance(days(1))
        self.new = self.loop.promoted("d-2")
        self.loop.advance(days(1))
        loop = self.loop
        for decision_id, version in (("d-1", self.old), ("d-2", self.new)):
            loop.finish(decision_id, EventName.MODEL_PROMOTED, version=version, sentence="not worse")
        self.asked = self.ask()
        self.published = loop.roll_out.publish(MODEL, self.old)
        self.loop.shift(self.old, self.published)

    def ask(self) -> RecordedDecision:
        loop = self.loop
        return AskRollout(
            registry=loop.registry,
            decisions=loop.decisions,
            bus=loop.bus,
            clock=loop.clock,
            new_id=lambda: f"asked-{loop.clock.now():%j}",
        ).run(MODEL, self.old)

    def promote(self) -> None:
        number = self.published.function_version
        self.loop.roll_out.promote(MODEL, self.old, function_version=number, expected_champion=self.new)

    # --- what ends it -------------------------------------------------------------------------------

    def fails(self) -> None:
        """Smoke test, look or step, and the state machine rolls it back."""
        back_to = self.published.previous_function_version
        self.loop.roll_out.rollback(MODEL, self.old, previous_function_version=back_to)

    def is_taken_back(self) -> None:
        self.take_back()

    def is_cut_off(self) -> None:
        loop = self.loop
        # Well within its lease, and yet nothing runs any more.
        loop.leases.leases = loop.decisions.leases
        loop.leases.acquire(MODEL, decision_id=self.asked.decision_id, execution="e", duration=timedelta(hours=4))
        ReconcileRetrainings(
            decisions=loop.decisions,
            leases=loop.leases,
            executions=NothingRuns(),
            registry=loop.registry,
            endpoint=loop.endpoint,
            finish_retraining=loop.finish_retraining,
            bus=loop.bus,
            escalations=InMemoryEscalationChannel(),
        ).run(MODEL)

    def take_back(self) -> str:
        loop = self.loop
        return (
            TakeBack(registry=loop.registry, endpoint=loop.endpoint, roll_out=loop.roll_out, clock=loop.clock)
            .run(MODEL)
            .champion.version
        )

    @property
    def outcome(self) -> EventName | None:
        outcome = self.loop.decisions.outcome_of(MODEL, self.asked.decision_id)
        return outcome.name if outcome else None


@pytest.mark.parametrize("ends", [Again.fails, Again.is_taken_back, Again.is_cut_off])
def test_it_is_retired_as_before_and_the_one_that_a_rollback_goes_to(ends: Callable[[Again], None]) -> None:
    again = Again()
    ends(again)
    assert again.loop.registry.version(MODEL, again.old).status is VersionStatus.RETIRED
    # What was under way comes too late.
    with pytest.raises(RegistryConflict, match=f"{again.old} of trips is retired: it can't be"):
        again.loop.shift(again.old, again.published)
    with pytest.raises(RegistryConflict, match=f"{again.old} of trips is retired: it can't be promoted"):
        again.promote()
    assert again.take_back() == again.old


def test_a_rollout_of_it_that_is_cut_off_is_told_as_rolled_back() -> None:
    again = Again()
    again.is_cut_off()
    assert again.outcome is EventName.ROLLED_BACK


def test_where_it_was_promoted_and_another_came_after_it_is_told_as_promoted() -> None:
    again = Again()
    again.promote()
    again.loop.advance(days(1))
    assert again.loop.promoted("d-3") != again.old
    again.is_cut_off()
    assert again.outcome is EventName.MODEL_PROMOTED


def test_it_may_be_rolled_out_once_more() -> None:
    again = Again()
    again.is_cut_off()
    again.loop.advance(days(1))
    again.ask()
    assert again.loop.registry.version(MODEL, again.old).status is VersionStatus.REGISTERED

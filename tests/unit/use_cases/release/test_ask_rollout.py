"""A person lets a version come to answer without training: what is asked for, and what is refused."""

from dataclasses import replace
from itertools import count

import pytest

from evertrain.adapters.memory.decisions import InMemoryDecisionLog
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEventBus
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.deciding.decisions import LEASE_DURATION, Action
from evertrain.domain.release.registry import UnknownVersion, VersionStatus
from evertrain.ports.decisions import LeaseHeld
from evertrain.use_cases.release.ask_rollout import AskRollout, NothingToRollOut
from tests.builders.models import NOW
from tests.builders.registry import a_version, champion_of


class Asking:
    """v1 is champion, v2 was rejected, v3 was champion and taken back, v4 never came to its end."""

    def __init__(self) -> None:
        self.registry = InMemoryModelRegistry()
        self.decisions = InMemoryDecisionLog(wall_clock=lambda: 0.0)
        self.bus = InMemoryEventBus()
        statuses = {"v1": None, "v2": VersionStatus.REJECTED, "v3": None, "v4": VersionStatus.ROLLED_BACK}
        for name, status in statuses.items():
            self.registry.register(a_version(name))
            if status:
                self.registry.withdraw("trips", name, leaves_as=status)
        self.registry.promote(champion_of("v3"), expected_champion=None)
        self.registry.promote(champion_of("v1"), expected_champion="v3", leaves_as=VersionStatus.ROLLED_BACK)
        numbers = count(1)
        self.ask = AskRollout(
            registry=self.registry,
            decisions=self.decisions,
            bus=self.bus,
            clock=InMemoryClock(NOW),
            new_id=lambda: f"id-{next(numbers)}",
        )


def test_the_champion_with_new_code_is_what_is_meant_where_no_version_is_named() -> None:
    asking = Asking()
    asked = asking.ask.run("trips", because="a faster parser")
    assert asking.decisions.find("trips", "id-1") == asked
    assert asked.decision.action is Action.ROLL_OUT
    assert asked.decision.evidence == {"rolls_out": "v1", "beside": "v1"}
    assert asked.decision.sentence == ("a person lets the code that is deployed now come to answer: a faster parser")
    assert asking.bus.names() == ["RetrainRequested"]
    assert asking.registry.version("trips", "v1").status is VersionStatus.CHAMPION


def test_one_that_the_gate_refused_may_be_let_in() -> None:
    asking = Asking()
    asked = asking.ask.run("trips", "v2")
    assert asked.decision.evidence == {"rolls_out": "v2", "beside": "v1"}
    assert asking.registry.version("trips", "v2").status is VersionStatus.REGISTERED


def test_one_that_nobody_approved_in_time_may_come_to_answer_after_all() -> None:
    asking = Asking()
    asking.registry.admit("trips", "v2")
    asking.registry.withdraw("trips", "v2", leaves_as=VersionStatus.HELD)
    asking.ask.run("trips", "v2")
    assert asking.registry.version("trips", "v2").status is VersionStatus.REGISTERED


def test_one_that_was_taken_back_is_refused_with_the_remedy() -> None:
    with pytest.raises(NothingToRollOut, match="v3 of trips was taken back; `evertrain rollback trips v3`"):
        Asking().ask.run("trips", "v3")


def test_one_whose_rollout_never_came_to_its_end_may_try_again() -> None:
    asking = Asking()
    asking.ask.run("trips", "v4")
    assert asking.registry.version("trips", "v4").status is VersionStatus.REGISTERED


def test_what_is_not_there_is_refused() -> None:
    asking = Asking()
    with pytest.raises(UnknownVersion):
        asking.ask.run("trips", "v9")
    with pytest.raises(NothingToRollOut, match="boats has no champion yet: `evertrain retrain boats`"):
        asking.ask.run("boats")


def test_while_a_retraining_runs_nothing_is_changed() -> None:
    asking = Asking()
    first = asking.ask.run("trips")
    with pytest.raises(LeaseHeld):
        asking.ask.run("trips", "v2")
    assert asking.registry.version("trips", "v2").status is VersionStatus.REJECTED
    assert asking.bus.names() == ["RetrainRequested"]
    assert asking.decisions.record(replace(first), lease=LEASE_DURATION) is False

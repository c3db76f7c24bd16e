"""How a model's loop stands, as people read it."""

from datetime import timedelta

from evertrain.adapters.memory.approvals import InMemoryApprovals
from evertrain.adapters.memory.batches import InMemoryBatchLog, InMemoryTableStates
from evertrain.adapters.memory.decisions import InMemoryDecisionLog, InMemoryLeases
from evertrain.domain.events import EventName
from evertrain.domain.training.outcomes import Outcome
from evertrain.terminal.console import console
from evertrain.terminal.show import statuses
from evertrain.use_cases.deciding.model_status import ReadModelStatus
from tests.builders.models import NOW, a_model, days
from tests.unit.use_cases.release.test_take_back import Clock, Release, release

__all__ = ["release"]


def shown(release: Release, *, name: EventName = EventName.MODEL_PROMOTED) -> str:
    """With v3 as the version of the last outcome."""
    decisions = InMemoryDecisionLog(wall_clock=NOW.timestamp)
    ended = Outcome(decision_id="d1", model="trips", name=name, ended_at=NOW, sentence="v3 ...", version="v3")
    decisions.record_outcome(ended)
    read = ReadModelStatus(
        batches=InMemoryBatchLog(),
        tables=InMemoryTableStates(),
        registry=release.registry,
        decisions=decisions,
        leases=InMemoryLeases(wall_clock=NOW.timestamp),
        endpoint=release.endpoint,
        approvals=InMemoryApprovals(),
        wall_clock=Clock(NOW),
    )
    with console.capture() as told:
        statuses([read.run(a_model())])
    return " ".join(told.get().split())


def test_after_a_rollback_it_is_told_which_version_answers_again_since_when_and_why(release: Release) -> None:
    assert "taken back" not in shown(release)
    now = NOW + days(9)
    release.take_back(now=now).run("trips", because="nonsense at night")
    told = f"v3 was rolled back, v2 answers since {now:%Y-%m-%d %H:%M}: nonsense at night"
    assert f"taken back {told}" in shown(release)


def test_a_version_that_its_own_rollout_took_back_is_told_by_its_outcome_alone(release: Release) -> None:
    release.take_back(now=NOW + timedelta(days=9)).run("trips")
    assert "taken back" not in shown(release, name=EventName.ROLLED_BACK)

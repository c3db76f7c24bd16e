"""A person lets a version come to answer without training anything: by the same steps as a contender.

The champion itself, so that new serving code comes to the callers a share at a time; or one that the gate refused or
nobody approved, by somebody who knows better.
"""

from collections.abc import Callable
from dataclasses import dataclass

from evertrain.domain.deciding.decisions import (
    BESIDE,
    LEASE_DURATION,
    ROLLS_OUT,
    Action,
    Decision,
    Reason,
    RecordedDecision,
    Trigger,
    decision_event,
)
from evertrain.domain.errors import EvertrainError
from evertrain.domain.release.registry import MAY_ANSWER, VersionStatus
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog
from evertrain.ports.messages import EventBus
from evertrain.ports.registry import ModelRegistry


class NothingToRollOut(EvertrainError):
    """The model has no champion, or the version that is asked for was taken back."""

    exit_status = 2


@dataclass(frozen=True, kw_only=True)
class AskRollout:
    """`new_id`: of a decision, another at each call."""

    registry: ModelRegistry
    decisions: DecisionLog
    bus: EventBus
    clock: Clock
    new_id: Callable[[], str]

    def run(self, model: str, version: str | None = None, *, because: str = "") -> RecordedDecision:
        """Without a version the champion, with the code that is deployed now.

        Raises NothingToRollOut, UnknownVersion, and LeaseHeld while a retraining runs."""
        champion = self.registry.champion(model)
        name = version or (champion.version if champion else None)
        if name is None:
            raise NothingToRollOut(f"{model} has no champion yet: `evertrain retrain {model}` trains one")
        status = self.registry.version(model, name).status
        has_answered = any(each.version == name for each in self.registry.history(model))
        if status is VersionStatus.ROLLED_BACK and has_answered:
            raise NothingToRollOut(
                f"{name} of {model} was taken back; `evertrain rollback {model} {name}` lets it answer at once"
            )
        decision_id = self.new_id()
        what = "the code that is deployed now" if champion and name == champion.version else f"version {name}"
        recorded = RecordedDecision(
            decision_id=decision_id,
            model=model,
            cause=f"asked:{decision_id}",
            decided_at=self.clock.now(),
            decision=Decision(
                action=Action.ROLL_OUT,
                reason=Reason.ASKED_BY_A_PERSON,
                sentence=f"a person lets {what} come to answer" + (f": {because}" if because else ""),
                triggers=(Trigger.MANUAL,),
                evidence={ROLLS_OUT: name, BESIDE: champion.version if champion else ""},
            ),
        )
        self.decisions.record(recorded, lease=LEASE_DURATION)
        if status not in MAY_ANSWER:
            # One that answered well before may be taken back to, also if it fails beside today's champion.
            self.registry.admit(model, name, goes_back_to=VersionStatus.RETIRED if has_answered else None)
        self.bus.publish([decision_event(recorded)])
        return recorded

"""The decision log, the outcomes of retrainings, and the lease that lets one run at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.errors import EvertrainError
from evertrain.domain.training.outcomes import Outcome


class LeaseHeld(EvertrainError):
    """Another retraining of this model holds the lease."""


class UnknownDecision(EvertrainError):
    """Nobody recorded the decision, or it was not to retrain: an event that somebody made up."""


class DecisionLog(Protocol):
    def find(self, model: str, decision_id: str) -> RecordedDecision | None: ...

    def record(self, decision: RecordedDecision, *, lease: timedelta | None = None) -> bool:
        """False where this decision was recorded before.

        With `lease`, the decision and the model's lease in its name are written in one transaction:
        raises LeaseHeld, and records nothing, when another retraining holds it.
        """

    def decisions(self, model: str, *, limit: int, include_quiet: bool = False) -> Sequence[RecordedDecision]:
        """The newest first; those with nothing to do only where asked."""

    def acts(self, model: str, *, limit: int) -> Sequence[RecordedDecision]:
        """Decisions to retrain or to call a person, the newest first, however many holds came in between."""

    def record_outcome(self, outcome: Outcome) -> bool:
        """False where this decision's outcome was recorded before."""

    def outcome_of(self, model: str, decision_id: str) -> Outcome | None: ...

    def outcomes(self, model: str, *, limit: int) -> Sequence[Outcome]:
        """The newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHolder:
    """`execution`: empty until the decision's execution has taken the lease over. `expires_in`: 0 or less where the
    lease is free for others."""

    decision_id: str
    execution: str
    expires_in: timedelta


class Leases(Protocol):
    """Expiry is in real time, also where history is replayed: it is about processes, not about rows."""

    def acquire(self, model: str, *, decision_id: str, execution: str, duration: timedelta) -> None:
        """A repeat by the same execution succeeds. Raises LeaseHeld for any other one, until it expires."""

    def release(self, model: str, *, decision_id: str) -> None:
        """Harmless where it is not held, or held by another."""

    def is_held(self, model: str) -> bool: ...

    def holder(self, model: str) -> LeaseHolder | None:
        """Who took it last and has not released it."""

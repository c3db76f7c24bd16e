"""Decision log, outcomes and leases in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from evertrain.domain.deciding.decisions import Action, Reason, RecordedDecision
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.decisions import LeaseHeld, LeaseHolder


@dataclass
class Lease:
    decision_id: str
    execution: str
    expires_at: float


@dataclass
class InMemoryDecisionLog:
    """`leases` is shared with InMemoryLeases, as one table is by the adapters."""

    wall_clock: Callable[[], float]
    leases: dict[str, Lease] = field(default_factory=dict)
    _decisions: dict[tuple[str, str], RecordedDecision] = field(default_factory=dict)
    _outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)

    def find(self, model: str, decision_id: str) -> RecordedDecision | None:
        return self._decisions.get((model, decision_id))

    def record(self, decision: RecordedDecision, *, lease: timedelta | None = None) -> bool:
        key = (decision.model, decision.decision_id)
        if key in self._decisions:
            return False
        if lease is not None:
            held = self.leases.get(decision.model)
            if held and held.expires_at > self.wall_clock() and held.decision_id != decision.decision_id:
                raise LeaseHeld(f"a retraining of {decision.model} is running already")
            self.leases[decision.model] = Lease(decision.decision_id, "", self.wall_clock() + lease.total_seconds())
        self._decisions[key] = decision
        return True

    def decisions(self, model: str, *, limit: int, include_quiet: bool = False) -> Sequence[RecordedDecision]:
        found = [
            entry
            for (of, _), entry in self._decisions.items()
            if of == model and (include_quiet or entry.decision.reason is not Reason.NOTHING_TO_DO)
        ]
        return sorted(found, key=lambda entry: entry.decided_at, reverse=True)[:limit]

    def acts(self, model: str, *, limit: int) -> Sequence[RecordedDecision]:
        found = self.decisions(model, limit=len(self._decisions))
        return [entry for entry in found if entry.decision.action is not Action.HOLD][:limit]

    def record_outcome(self, outcome: Outcome) -> bool:
        key = (outcome.model, outcome.decision_id)
        return self._outcomes.setdefault(key, outcome) is outcome

    def outcome_of(self, model: str, decision_id: str) -> Outcome | None:
        return self._outcomes.get((model, decision_id))

    def outcomes(self, model: str, *, limit: int) -> Sequence[Outcome]:
        found = [outcome for (of, _), outcome in self._outcomes.items() if of == model]
        return sorted(found, key=lambda outcome: outcome.ended_at, reverse=True)[:limit]


@dataclass
class InMemoryLeases:
    wall_clock: Callable[[], float]
    leases: dict[str, Lease] = field(default_factory=dict)

    def acquire(self, model: str, *, decision_id: str, execution: str, duration: timedelta) -> None:
        held = self.leases.get(model)
        if held and held.expires_at > self.wall_clock():
            ours = held.decision_id == decision_id and held.execution in ("", execution)
            if not ours:
                raise LeaseHeld(f"another retraining of {model} is running")
        self.leases[model] = Lease(decision_id, execution, self.wall_clock() + duration.total_seconds())

    def release(self, model: str, *, decision_id: str) -> None:
        if model in self.leases and self.leases[model].decision_id == decision_id:
            del self.leases[model]

    def is_held(self, model: str) -> bool:
        return model in self.leases and self.leases[model].expires_at > self.wall_clock()

    def holder(self, model: str) -> LeaseHolder | None:
        held = self.leases.get(model)
        if held is None:
            return None
        remaining = timedelta(seconds=held.expires_at - self.wall_clock())
        return LeaseHolder(decision_id=held.decision_id, execution=held.execution, expires_in=remaining)

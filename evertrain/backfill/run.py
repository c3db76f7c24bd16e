"""Lands history in a deployed stage, in its order, while the loop holds still; then asks for a first champion."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from evertrain.adapters.stage import Stage
from evertrain.backfill.batches import PastBatch
from evertrain.domain.deciding.decisions import BACKFILL, Action, Reason, RecordedDecision
from evertrain.domain.landing.batches import Quarantine
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.training.outcomes import Outcome
from evertrain.terminal.waiting import wait_until

LEASE = timedelta(minutes=15)
"""Renewed with each batch: if this process ends, the loop goes on by itself after so long."""

IN_FLIGHT = 4
"""Batches that are checked and committed while the next one lands."""

BATCH_SECONDS, RETRAINING_SECONDS = 300.0, 3600.0


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """`models`: all that draw from what is landed. `on_batch`: told of each that is done, with its quarantine if it
    was set aside."""

    stage: Stage
    models: Sequence[ModelSpec]
    on_batch: Callable[[PastBatch, Quarantine | None], None]
    _landed: deque[PastBatch] = field(default_factory=deque)

    def land(self, batches: Sequence[PastBatch]) -> None:
        """What has landed already changes nothing. Raises LeaseHeld while a model is retrained, WaitedTooLong."""
        try:
            for batch in batches:
                self._hold_still()
                self.stage.land(batch.feed, batch.name, batch.body, landed_at=batch.known_at)
                self._landed.append(batch)
                while len(self._landed) > IN_FLIGHT:
                    self._await_oldest()
            while self._landed:
                self._await_oldest()
        finally:
            for spec in self.models:
                self.stage.leases.release(spec.name, decision_id=BACKFILL)

    def _hold_still(self) -> None:
        for spec in self.models:
            self.stage.leases.acquire(spec.name, decision_id=BACKFILL, execution="", duration=LEASE)

    def _await_oldest(self) -> None:
        batch = self._landed.popleft()
        awaited = f"{batch.feed}/{batch.name}"
        found: object = wait_until(
            lambda: self.stage.landing_result(batch.feed, batch.body), seconds=BATCH_SECONDS, awaited=awaited
        )
        if isinstance(found, Quarantine):
            self.on_batch(batch, found)
            return
        wait_until(
            lambda: self.stage.is_committed(batch.feed, batch.body) or None, seconds=BATCH_SECONDS, awaited=awaited
        )
        self.on_batch(batch, None)

    def first_champion(
        self, spec: ModelSpec, *, follow: Callable[[RecordedDecision], Outcome]
    ) -> Outcome | RecordedDecision | None:
        """What came of a retraining; or the decision that there is none. None where there is a champion already."""
        if self.stage.registry.champion(spec.name) is not None:
            return None
        cause = self.stage.ask_for_retraining(spec.name, reason="a first model, of history that was landed")
        decided = wait_until(
            lambda: self.stage.decision_for(cause), seconds=BATCH_SECONDS, awaited=f"the decision for {spec.name}"
        )
        if decided.decision.reason is Reason.RETRAINING_RUNNING:
            decided = self.stage.decisions.acts(spec.name, limit=1)[0]  # its labels asked for one first
        return follow(decided) if decided.decision.action is Action.RETRAIN else decided

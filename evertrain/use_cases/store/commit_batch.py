"""Adds an accepted batch to its table, once, and notes how the table stands."""

from dataclasses import dataclass

from evertrain.domain.errors import EvertrainError
from evertrain.domain.event_details import BatchCommitted
from evertrain.domain.events import COMMITTED_EVENTS, Event
from evertrain.domain.landing.batches import Batch, Feed, TableState
from evertrain.ports.batches import BatchLog
from evertrain.ports.feature_store import TableStates, TableWriter
from evertrain.ports.messages import EventBus


class UnknownBatch(EvertrainError):
    """No batch of this id was accepted."""


@dataclass(frozen=True, kw_only=True)
class CommitBatch:
    batches: BatchLog
    tables: TableWriter
    states: TableStates
    bus: EventBus

    def run(self, feed: Feed, batch_id: str) -> TableState:
        """A repeat commits nothing new, and tells it again. Raises UnknownBatch."""
        batch = self.batches.find(feed, batch_id)
        if not isinstance(batch, Batch):
            raise UnknownBatch(f"no batch {batch_id} of {feed} was accepted")
        state = self.states.get(feed) if self.batches.is_committed(feed, batch_id) else None
        if state is None:
            state = self._commit(batch)
        detail: BatchCommitted = {
            "feed": str(feed),
            "batch_id": batch_id,
            "table_version": state.version,
            "rows": batch.rows,
        }
        self.bus.publish([Event(name=COMMITTED_EVENTS[feed.kind], detail=detail)])
        return state

    def _commit(self, batch: Batch) -> TableState:
        """Marked as committed last. A run that fails before that commits the batch again, which the table ignores for
        some weeks."""
        state = self.tables.commit(batch)
        self.states.put(batch.feed, state)
        self.batches.mark_committed(batch.feed, batch.batch_id)
        return state

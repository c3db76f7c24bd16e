"""Writes down what became of a landed object, and tells it: accepted with verdicts, or set aside with reasons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evertrain.domain.event_details import BatchAccepted, BatchQuarantined
from evertrain.domain.events import ACCEPTED_EVENTS, QUARANTINED_EVENTS, Event, EventName
from evertrain.domain.landing.batches import Batch, BatchFile, Fault, Feed, FeedKind, LandedObject, Quarantine
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.ports.batch_reader import BatchRejected
from evertrain.ports.batches import BatchLog
from evertrain.ports.messages import EventBus
from evertrain.use_cases.monitoring.compare_batch import BatchComparison, CompareBatch, collect_faults
from evertrain.use_cases.monitoring.drift_events import verdict_events


@dataclass(frozen=True, kw_only=True)
class RecordBatch:
    batches: BatchLog
    compare: CompareBatch
    bus: EventBus

    def require_no_fault(self, feed: Feed, batch_id: str, comparisons: Sequence[BatchComparison]) -> None:
        """Raises BatchRejected. A person may have looked at the batch already, and found nothing wrong."""
        faults = collect_faults(comparisons)
        if faults and not self.batches.is_released(feed, batch_id):
            raise BatchRejected(faults)

    def accept(
        self,
        landed: LandedObject,
        feed: Feed,
        batch_id: str,
        files: Sequence[BatchFile],
        comparisons: Sequence[BatchComparison],
        *,
        now: datetime,
    ) -> Batch:
        batch = Batch.from_files(files, batch_id=batch_id, feed=feed, source_key=landed.key)
        verdicts = [self.compare.save(comparison, batch, now=now) for comparison in comparisons]
        self.batches.record(batch, verdicts)
        return batch

    def quarantine(
        self,
        landed: LandedObject,
        feed: Feed | None,
        batch_id: str,
        faults: Sequence[Fault],
        *,
        now: datetime,
        copy: Callable[[Quarantine], str],
    ) -> Quarantine:
        """`copy` keeps the object; answers the copy's URI."""
        quarantine = Quarantine(
            batch_id=batch_id, feed=feed, source_key=landed.key, quarantined_at=now, faults=tuple(faults)
        )
        quarantine = replace(quarantine, object_uri=copy(quarantine))
        self.batches.record_quarantine(quarantine)
        return quarantine

    def announce(self, found: Batch | Quarantine) -> None:
        """Recorded first, told second: whoever fails in between tells it at the next delivery."""
        if not self.batches.is_published(found.feed, found.batch_id):
            self.bus.publish(self._events_of(found))
            self.batches.mark_published(found.feed, found.batch_id)

    def _events_of(self, found: Batch | Quarantine) -> list[Event]:
        if isinstance(found, Quarantine):
            return [_quarantined_event(found)]
        verdicts = self.batches.batch_verdicts(found.feed, found.batch_id)
        return [_accepted_event(found), *(event for verdict in verdicts for event in _checked_events(found, verdict))]


def _quarantined_event(quarantine: Quarantine) -> Event:
    kind = FeedKind.FEATURES if quarantine.feed is None else quarantine.feed.kind
    detail: BatchQuarantined = {
        "feed": str(quarantine.feed or ""),
        "batch_id": quarantine.batch_id,
        "source_key": quarantine.source_key,
        "object_uri": quarantine.object_uri,
        "faults": [
            {"code": fault.code, "column": fault.column, "message": fault.message} for fault in quarantine.faults
        ],
    }
    return Event(name=QUARANTINED_EVENTS[kind], detail=detail)


def _accepted_event(batch: Batch) -> Event:
    detail: BatchAccepted = {
        "feed": str(batch.feed),
        "batch_id": batch.batch_id,
        "rows": batch.rows,
        "event_time_min": batch.event_time_min.isoformat(),
        "event_time_max": batch.event_time_max.isoformat(),
    }
    return Event(name=ACCEPTED_EVENTS[batch.feed.kind], detail=detail)


def _checked_events(batch: Batch, verdict: DriftVerdict) -> list[Event]:
    return verdict_events(
        batch.feed,
        verdict,
        checked=EventName.FEATURE_BATCH_CHECKED,
        detected=EventName.FEATURE_DRIFT_DETECTED,
    )

"""What the bus is told of a verdict."""

from evertrain.domain.event_details import BatchChecked
from evertrain.domain.events import Event, EventName
from evertrain.domain.landing.batches import Feed
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict


def verdict_events(feed: Feed, verdict: DriftVerdict, *, checked: EventName, detected: EventName) -> list[Event]:
    """That it was checked, and, where something is to be decided on, that something was detected."""
    detail: BatchChecked = {
        "model": verdict.model,
        "feed": str(feed),
        "batch_id": verdict.batch_id,
        "status": verdict.status.value,
        "trouble": verdict.trouble,
        "reference_version": verdict.reference_version,
        "drifted_features": list(verdict.drifted_features),
        "drifted_relations": list(verdict.drifted_relations),
        "drifted_slices": list(verdict.drifted_slices),
        "psi_max": max((feature.psi for feature in verdict.features), default=0.0),
        "event_time_min": verdict.event_time_min.isoformat(),
    }
    events = [Event(name=checked, detail=detail)]
    if verdict.status is DriftStatus.DRIFTED:
        events.append(Event(name=detected, detail=detail))
    return events

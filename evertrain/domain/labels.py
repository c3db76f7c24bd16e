"""Ground truth that comes late: up to when labels are complete."""

from datetime import datetime, timedelta

from evertrain.domain.batches import TableState


def watermark(labels: TableState | None, *, latency: timedelta, now: datetime) -> datetime | None:
    """The event time before which labels count as complete; None while none have landed.

    A label that is younger than its latency may still be missing, and labels that never
    landed are not complete however old they are: the earlier of both bounds holds.
    """
    if labels is None:
        return None
    return min(now - latency, labels.event_time_max)

"""Ground truth that comes late: up to when labels are complete."""

from datetime import datetime, timedelta

from evertrain.domain.batches import TableState


def watermark(labels: TableState, *, latency: timedelta, now: datetime) -> datetime:
    """The event time before which labels count as complete.

    A label that is younger than its latency may still be missing, and labels that never
    landed are not complete however old they are: the earlier of both bounds holds.
    """
    return min(now - latency, labels.event_time_max)

"""Ground truth that comes late: up to when labels are complete."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelState:
    """What is known of a model's labels. `rows` counts landed label rows, corrections included."""

    rows: int
    newest_event_time: datetime
    last_landed_at: datetime


def watermark(state: LabelState | None, *, latency: timedelta, now: datetime) -> datetime | None:
    """The event time before which labels count as complete; None while none have landed.

    A label that is younger than its latency may still be missing, and labels that never
    landed are not complete however old they are: the earlier of both bounds holds.
    """
    if state is None:
        return None
    return min(now - latency, state.newest_event_time)

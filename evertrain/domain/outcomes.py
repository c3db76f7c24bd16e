"""How a retraining ended."""

from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.events import EventName


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One of `events.OUTCOMES`, for one decision. `version` is empty where none was registered."""

    decision_id: str
    model: str
    name: EventName
    ended_at: datetime
    sentence: str
    version: str = ""

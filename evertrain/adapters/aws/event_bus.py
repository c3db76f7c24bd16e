"""Evertrain's own EventBridge bus."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evertrain.domain.errors import EvertrainError
from evertrain.domain.events import SOURCE, Event

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_MAX_ENTRIES = 10
"""Entries that PutEvents takes."""


class EventsNotPublished(EvertrainError):
    """EventBridge took the call, but not every event."""


class EventBridgeBus:
    def __init__(self, *, client: "EventBridgeClient", bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, events: Sequence[Event]) -> None:
        """Raises EventsNotPublished; those before it may be out, so consumers bear repeats."""
        for start in range(0, len(events), _MAX_ENTRIES):
            some = events[start : start + _MAX_ENTRIES]
            response = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus_name,
                        "Source": SOURCE,
                        "DetailType": event.name.value,
                        "Detail": json.dumps(event.detail),
                    }
                    for event in some
                ]
            )
            refused = [
                f"{event.name}: {entry['ErrorCode']} {entry.get('ErrorMessage', '')}".strip()
                for event, entry in zip(some, response["Entries"], strict=True)
                if "ErrorCode" in entry
            ]
            if refused:
                raise EventsNotPublished(f"not published on {self._bus_name}: {'; '.join(refused)}")

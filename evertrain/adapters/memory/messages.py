"""Event bus, people and clock in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evertrain.domain.events import Event


@dataclass
class InMemoryEventBus:
    published: list[Event] = field(default_factory=list)

    def publish(self, events: Sequence[Event]) -> None:
        self.published.extend(events)

    def names(self) -> list[str]:
        return [event.name.value for event in self.published]


@dataclass
class InMemoryEscalationChannel:
    called: list[tuple[str, str]] = field(default_factory=list)

    def call(self, *, subject: str, message: str) -> None:
        self.called.append((subject, message))


@dataclass
class InMemoryClock:
    moment: datetime

    def now(self) -> datetime:
        return self.moment

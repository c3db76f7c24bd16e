"""Events to machines, calls to humans."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evertrain.domain.events import Event
from evertrain.domain.landing.label_reports import LabelReport


class EventBus(Protocol):
    def publish(self, events: Sequence[Event]) -> None:
        """All of them, in order, or an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribers:
    """How many addresses are told, and how many were asked and have not confirmed it."""

    confirmed: int
    pending: int


class EscalationChannel(Protocol):
    def call(self, *, subject: str, message: str) -> None: ...


class LabelReportQueue(Protocol):
    def put(self, report: LabelReport) -> None:
        """Kept when this returns; lands soon."""

"""The feature store as it was at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evertrain.domain.project.interval import Interval


class Snapshot(Protocol):
    """What rows are read by: a plan, or the store as it is now."""

    @property
    def known_at(self) -> datetime:
        """What was ingested later does not exist."""

    @property
    def table_versions(self) -> Mapping[str, int]:
        """By feed, such as `features/flights`."""

    @property
    def excluded(self) -> tuple[Interval, ...]:
        """Event times of which no row is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSnapshot:
    """Implements `Snapshot`."""

    known_at: datetime
    table_versions: Mapping[str, int]
    excluded: tuple[Interval, ...] = ()

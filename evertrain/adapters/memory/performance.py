"""Realised performance in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, Performance

DayT = TypeVar("DayT", DayPerformance, DayPredictions)
Kept = dict[tuple[str, str], dict[datetime, DayT]]
"""By model and version, and by day."""


@dataclass
class InMemoryPerformanceLog:
    _promised: Kept[DayPerformance] = field(default_factory=dict)
    _realised: Kept[DayPerformance] = field(default_factory=dict)
    _predicted: Kept[DayPredictions] = field(default_factory=dict)

    def performance(self, model: str, version: str) -> Performance:
        return Performance(
            model=model,
            version=version,
            promised=_in_order(self._promised, model, version),
            realised=_in_order(self._realised, model, version),
            predicted=_in_order(self._predicted, model, version),
        )

    def put_promised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        self._promised.setdefault((model, version), {}).update({each.day: each for each in days})

    def put_realised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        _keep(self._realised, model, version, days)

    def put_predicted(self, model: str, version: str, days: Sequence[DayPredictions]) -> None:
        _keep(self._predicted, model, version, days)


def _keep(kept: Kept[DayT], model: str, version: str, days: Sequence[DayT]) -> None:
    """A day that is known up to a later time stays."""
    of_version = kept.setdefault((model, version), {})
    for each in days:
        if each.day not in of_version or of_version[each.day].until < each.until:
            of_version[each.day] = each


def _in_order(kept: Kept[DayT], model: str, version: str) -> tuple[DayT, ...]:
    days = kept.get((model, version), {})
    return tuple(days[day] for day in sorted(days))

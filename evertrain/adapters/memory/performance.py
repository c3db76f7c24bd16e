"""Realised performance in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, Performance

Days = dict[datetime, DayPerformance]


@dataclass
class InMemoryPerformanceLog:
    _promised: dict[tuple[str, str], Days] = field(default_factory=dict)
    _realised: dict[tuple[str, str], Days] = field(default_factory=dict)
    _predicted: dict[tuple[str, str], dict[datetime, DayPredictions]] = field(default_factory=dict)

    def performance(self, model: str, version: str) -> Performance:
        promised, realised = (kept.get((model, version), {}) for kept in (self._promised, self._realised))
        predicted = self._predicted.get((model, version), {})
        return Performance(
            model=model,
            version=version,
            promised=_in_order(promised),
            realised=_in_order(realised),
            predicted=tuple(predicted[day] for day in sorted(predicted)),
        )

    def put_promised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        self._promised.setdefault((model, version), {}).update({each.day: each for each in days})

    def put_realised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        kept = self._realised.setdefault((model, version), {})
        for each in days:
            if each.day not in kept or kept[each.day].until < each.until:
                kept[each.day] = each

    def put_predicted(self, model: str, version: str, days: Sequence[DayPredictions]) -> None:
        kept = self._predicted.setdefault((model, version), {})
        for each in days:
            if each.day not in kept or kept[each.day].until < each.until:
                kept[each.day] = each


def _in_order(days: Days) -> tuple[DayPerformance, ...]:
    return tuple(days[day] for day in sorted(days))

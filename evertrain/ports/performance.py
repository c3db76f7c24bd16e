"""How good each model version turned out to be, by day."""

from collections.abc import Sequence
from typing import Protocol

from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, Performance


class PerformanceLog(Protocol):
    def performance(self, model: str, version: str) -> Performance:
        """Of the last months, without days where nothing was measured."""

    def put_promised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        """What it scored at the gate; keeping the same again is harmless."""

    def put_predicted(self, model: str, version: str, days: Sequence[DayPredictions]) -> None:
        """Never goes back: a day whose rows were counted up to a later time stays."""

    def put_realised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        """Never goes back: a day that was measured up to a later time stays."""

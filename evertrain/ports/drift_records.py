"""What is kept of each judged batch besides its verdict: the sketch that windows are made of, and reports."""

from collections.abc import Callable
from typing import Protocol

from evertrain.domain.monitoring.drift import DriftVerdict


class DriftRecords(Protocol):
    def save(self, verdict: DriftVerdict, *, sketch: bytes, page: Callable[[], str]) -> None:
        """Under model, reference version and batch; keeping the same again is harmless. `page`: renders it, where it
        is kept."""

    def save_sketch(self, sketch: bytes, *, model: str, version: str, batch_id: str) -> None:
        """The sketch alone."""

    def find_sketch(self, *, model: str, version: str, batch_id: str) -> bytes | None:
        """None where none was kept."""

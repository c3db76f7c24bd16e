"""What is kept of each judged batch besides its verdict: the sketch that windows are made of, and reports."""

from typing import Protocol

from evertrain.domain.drift import DriftVerdict


class DriftRecords(Protocol):
    def keep(self, verdict: DriftVerdict, *, sketch: bytes, page: str) -> None:
        """Under model, reference version and batch; keeping the same again is harmless."""

    def sketch(self, verdict: DriftVerdict) -> bytes | None:
        """None where none was kept."""

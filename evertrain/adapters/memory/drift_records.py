"""Drift records in memory: the sketches, and the pages where they are wanted."""

from collections.abc import Callable
from dataclasses import dataclass, field

from evertrain.domain.monitoring.drift import DriftVerdict


@dataclass
class InMemoryDriftRecords:
    keep_pages: bool = False
    kept: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    pages: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def save(self, verdict: DriftVerdict, *, sketch: bytes, page: Callable[[], str]) -> None:
        name = (verdict.model, verdict.reference_version, verdict.batch_id)
        self.kept[name] = sketch
        if self.keep_pages:
            self.pages[name] = page()

    def save_sketch(self, sketch: bytes, *, model: str, version: str, batch_id: str) -> None:
        self.kept[model, version, batch_id] = sketch

    def find_sketch(self, *, model: str, version: str, batch_id: str) -> bytes | None:
        return self.kept.get((model, version, batch_id))

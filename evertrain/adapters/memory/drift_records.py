"""Drift records in memory."""

from dataclasses import dataclass, field

from evertrain.domain.monitoring.drift import DriftVerdict


@dataclass
class InMemoryDriftRecords:
    kept: dict[tuple[str, str, str], tuple[bytes, str]] = field(default_factory=dict)

    def save(self, verdict: DriftVerdict, *, sketch: bytes, page: str) -> None:
        self.kept[verdict.model, verdict.reference_version, verdict.batch_id] = (sketch, page)

    def save_sketch(self, sketch: bytes, *, model: str, version: str, batch_id: str) -> None:
        self.kept[model, version, batch_id] = (sketch, "")

    def find_sketch(self, *, model: str, version: str, batch_id: str) -> bytes | None:
        found = self.kept.get((model, version, batch_id))
        return found[0] if found else None

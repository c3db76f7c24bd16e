"""Drift records in S3: `drift/<model>/<version>/<batch>` with .sketch, .json and .html."""

from collections.abc import Callable

from evertrain.adapters.documents import dump
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.ports.artifacts import ArtifactNotFound, ArtifactStore


class S3DriftRecords:
    """`root`: the URI of the artifacts' bucket."""

    def __init__(self, *, artifacts: ArtifactStore, root: str) -> None:
        self._artifacts = artifacts
        self._root = root

    def save(self, verdict: DriftVerdict, *, sketch: bytes, page: Callable[[], str]) -> None:
        name = _name(verdict.model, verdict.reference_version, verdict.batch_id)
        for suffix, data in ((".sketch", sketch), (".json", dump(verdict)), (".html", page().encode())):
            self._artifacts.put_named(data, key=f"{name}{suffix}")

    def save_sketch(self, sketch: bytes, *, model: str, version: str, batch_id: str) -> None:
        self._artifacts.put_named(sketch, key=f"{_name(model, version, batch_id)}.sketch")

    def find_sketch(self, *, model: str, version: str, batch_id: str) -> bytes | None:
        try:
            return self._artifacts.get(f"{self._root}/{_name(model, version, batch_id)}.sketch")
        except ArtifactNotFound:
            return None


def _name(model: str, version: str, batch_id: str) -> str:
    return f"{ArtifactPrefix.DRIFT}/{model}/{version}/{batch_id}"

"""Drift records in S3: `drift/<model>/<version>/<batch>` with .sketch, .json and .html."""

from evertrain.adapters.documents import dump
from evertrain.domain.drift import DriftVerdict
from evertrain.ports.artifacts import ArtifactNotFound, Artifacts

PREFIX = "drift/"


class S3DriftRecords:
    """`root`: the URI of the artifacts' bucket."""

    def __init__(self, *, artifacts: Artifacts, root: str) -> None:
        self._artifacts = artifacts
        self._root = root

    def keep(self, verdict: DriftVerdict, *, sketch: bytes, page: str) -> None:
        name = _name(verdict)
        for suffix, data in ((".sketch", sketch), (".json", dump(verdict)), (".html", page.encode())):
            self._artifacts.put_named(data, key=f"{name}{suffix}")

    def sketch(self, verdict: DriftVerdict) -> bytes | None:
        try:
            return self._artifacts.get(f"{self._root}/{_name(verdict)}.sketch")
        except ArtifactNotFound:
            return None


def _name(verdict: DriftVerdict) -> str:
    return f"{PREFIX}{verdict.model}/{verdict.reference_version}/{verdict.batch_id}"

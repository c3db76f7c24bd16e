"""Parts of large objects in S3: `parts/<batch>/` with split.json, and of each part .json, .keys and sketches."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from evertrain.adapters.documents import dump, load
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.landing.large_batches import BatchSplit, CheckedPart
from evertrain.ports.artifacts import ArtifactNotFound, ArtifactStore
from evertrain.ports.parts import PartMissing


class S3PartStore:
    """`root`: the URI of the artifacts' bucket."""

    def __init__(self, *, artifacts: ArtifactStore, root: str) -> None:
        self._artifacts = artifacts
        self._root = root

    def put_split(self, split: BatchSplit) -> str:
        return self._artifacts.put_named(dump(split), key=f"{ArtifactPrefix.PARTS}/{split.batch_id}/split.json")

    def split(self, uri: str) -> BatchSplit:
        return load(BatchSplit, self._artifacts.get(uri))

    def put(
        self, split: BatchSplit, index: int, part: CheckedPart, *, sketches: Mapping[str, bytes], keys: Any
    ) -> None:
        name = _name(split, index)
        for model, sketch in sketches.items():
            self._artifacts.put_named(sketch, key=f"{name}.{model}.sketch")
        file = io.BytesIO()
        np.save(file, keys, allow_pickle=False)
        self._artifacts.put_named(file.getvalue(), key=f"{name}.keys")
        # Last: where this one is, the others are.
        self._artifacts.put_named(dump(part), key=f"{name}.json")

    def part(self, split: BatchSplit, index: int) -> CheckedPart:
        try:
            return load(CheckedPart, self._get(split, index, ".json"))
        except ArtifactNotFound as error:
            raise PartMissing(f"part {index} of batch {split.batch_id} has not been checked") from error

    def sketch(self, split: BatchSplit, index: int, model: str) -> bytes | None:
        try:
            return self._get(split, index, f".{model}.sketch")
        except ArtifactNotFound:
            return None

    def keys(self, split: BatchSplit, index: int) -> Any:
        return np.load(io.BytesIO(self._get(split, index, ".keys")), allow_pickle=False)

    def _get(self, split: BatchSplit, index: int, suffix: str) -> bytes:
        return self._artifacts.get(f"{self._root}/{_name(split, index)}{suffix}")


def _name(split: BatchSplit, index: int) -> str:
    return f"{ArtifactPrefix.PARTS}/{split.batch_id}/{index:05d}"

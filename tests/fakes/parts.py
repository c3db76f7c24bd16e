"""Parts of large objects in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evertrain.domain.landing.large_batches import BatchSplit, CheckedPart
from evertrain.ports.parts import PartMissing

Name = tuple[str, int]


@dataclass
class FakePartStore:
    _splits: dict[str, BatchSplit] = field(default_factory=dict)
    _parts: dict[Name, CheckedPart] = field(default_factory=dict)
    _sketches: dict[Name, Mapping[str, bytes]] = field(default_factory=dict)
    _keys: dict[Name, Any] = field(default_factory=dict)

    def put_split(self, split: BatchSplit) -> str:
        uri = f"memory://{split.batch_id}"
        self._splits[uri] = split
        return uri

    def split(self, uri: str) -> BatchSplit:
        return self._splits[uri]

    def put(
        self, split: BatchSplit, index: int, part: CheckedPart, *, sketches: Mapping[str, bytes], keys: Any
    ) -> None:
        name = (split.batch_id, index)
        self._parts[name], self._sketches[name], self._keys[name] = part, sketches, keys

    def part(self, split: BatchSplit, index: int) -> CheckedPart:
        if (split.batch_id, index) not in self._parts:
            raise PartMissing(f"part {index} of batch {split.batch_id} has not been checked")
        return self._parts[split.batch_id, index]

    def sketch(self, split: BatchSplit, index: int, model: str) -> bytes | None:
        return self._sketches[split.batch_id, index].get(model)

    def keys(self, split: BatchSplit, index: int) -> Any:
        return self._keys[split.batch_id, index].copy()

"""What those who check a large object in parts leave for each other."""

from collections.abc import Mapping
from typing import Any, Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.large_batches import BatchSplit, CheckedPart


class PartMissing(EvertrainError):
    """A part has not been checked."""


class PartStore(Protocol):
    """Everything has one place, made from the batch's id: a repeated step replaces its own."""

    def put_split(self, split: BatchSplit) -> str:
        """Returns the URI."""

    def split(self, uri: str) -> BatchSplit: ...

    def put(
        self, split: BatchSplit, index: int, part: CheckedPart, *, sketches: Mapping[str, bytes], keys: Any
    ) -> None:
        """`sketches`: by model. `keys`: shape (rows,), unsigned 64 bits."""

    def part(self, split: BatchSplit, index: int) -> CheckedPart:
        """Raises PartMissing."""

    def sketch(self, split: BatchSplit, index: int, model: str) -> bytes | None: ...

    def keys(self, split: BatchSplit, index: int) -> Any: ...

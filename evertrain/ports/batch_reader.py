"""Reads landed bytes as rows of a feed, or says all that is wrong with them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from evertrain.domain.batches import Fault, Feed
from evertrain.domain.errors import EvertrainError


class BatchRejected(EvertrainError):
    """The bytes are no batch of their feed. `faults` are all that was found, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


class Rows(Protocol):
    """The valid, normalised rows of a batch."""

    @property
    def count(self) -> int: ...

    @property
    def event_times(self) -> tuple[datetime, datetime]:
        """The earliest and the latest."""

    def columns(self, names: Sequence[str]) -> Mapping[str, Any]:
        """float64 with NaN for missing where numeric or boolean, `statistics.layouts.Categories` else."""

    def to_parquet(self, *, ingested_at: datetime) -> bytes:
        """The file as the feature store keeps it; equal rows and times give equal bytes."""


class BatchReader(Protocol):
    def read(self, body: bytes, *, name: str, feed: Feed, now: datetime) -> Rows:
        """Raises BatchRejected."""

    def ingested_at(self, stored: bytes) -> datetime:
        """When the batch of this stored file was first ingested."""

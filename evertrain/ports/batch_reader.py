"""Reads a landed object as rows of a feed, or says all that is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Fault, Feed
from evertrain.domain.landing.large_batches import RowGroupRange


class BatchRejected(EvertrainError):
    """The object is no batch of its feed. `faults` are all that was found, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


class BatchRows(Protocol):
    """The valid, normalised rows of a batch, which need not fit in memory."""

    @property
    def count(self) -> int: ...

    @property
    def event_times(self) -> tuple[datetime, datetime]:
        """The earliest and the latest."""

    def parts(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Columns of some rows at a time: float64 with NaN for missing where numeric or boolean,
        `statistics.layouts.Categories` else."""

    @property
    def ingested_at(self) -> datetime: ...

    @property
    def missing(self) -> Mapping[str, int]:
        """By column, how many rows have no value."""

    @property
    def keys(self) -> Any:
        """Shape (rows,), or (rows, 2) for labels, unsigned 64 bits. Hashes of what must be unique, and for labels
        also of what makes two labels equal. Empty where uniqueness has been checked already."""

    @property
    def file(self) -> BinaryIO:
        """At its beginning: the Parquet file as the feature store keeps it. Equal rows and times give equal bytes."""


class BatchReader(Protocol):
    def read(
        self, body: BinaryIO, *, name: str, feed: Feed, now: datetime, known_at: datetime | None = None
    ) -> AbstractContextManager[BatchRows]:
        """The rows, valid until the context ends. `known_at`: when they count as ingested, by default `now`. No event
        may be later than `now`. Raises BatchRejected."""


class LargeBatchReader(BatchReader, Protocol):
    """Reads an object in parts, too."""

    def split(self, body: BinaryIO, *, name: str, part_bytes: int) -> tuple[RowGroupRange, ...]:
        """Parts of a Parquet file of which only the footer need be there. Raises BatchRejected."""

    def read_part(
        self,
        body: BinaryIO,
        *,
        name: str,
        feed: Feed,
        now: datetime,
        known_at: datetime | None = None,
        groups: RowGroupRange,
    ) -> AbstractContextManager[BatchRows]:
        """As `read`, of a part, with `keys`. What only the whole shows is not looked at. Raises BatchRejected."""

    def whole_file_faults(self, feed: Feed, *, count: int, missing: Mapping[str, int], keys: Any) -> Sequence[Fault]:
        """Faults that no single part shows: too many or too few rows, too many missing values, duplicate rows."""

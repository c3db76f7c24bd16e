"""A landed object that is too large for one function: how it is cut, and what was found in each part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evertrain.domain.landing.batches import BatchFile, Fault, Feed, LandedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedReference:
    """A champion's version and reference. Every part is compared with it, even if the champion changes meanwhile."""

    version: str
    reference_uri: str
    trained_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroupRange:
    """Consecutive row groups of a Parquet file, from `first` up to but excluding `end`, and the bytes that hold them.

    `rows_before`: rows of the file that precede them.
    """

    first: int
    end: int
    offset: int
    length: int
    rows_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSplit:
    """`batch_id`: made from the object's content. `known_at`: when it landed. `size` and `footer_offset`: of the
    object, in bytes."""

    batch_id: str
    feed: Feed
    landed: LandedObject
    size: int
    footer_offset: int
    known_at: datetime
    pinned: Mapping[str, PinnedReference]
    parts: tuple[RowGroupRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPart:
    """`file`: None where the part has faults. `missing`: by column, how many rows have no value."""

    file: BatchFile | None
    missing: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

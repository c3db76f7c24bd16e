"""A landed object that is too large for one function: how it is cut, and what was found in each part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evertrain.domain.landing.batches import BatchFile, Fault, Feed, LandedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A champion, and the reference that every part is compared with, whoever is champion meanwhile."""

    version: str
    reference_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroups:
    """Consecutive row groups of a Parquet file, from `first` to before `end`, and the bytes that hold them.

    `rows_before`: in the file, before the first of theirs.
    """

    first: int
    end: int
    offset: int
    length: int
    rows_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`batch_id`: made from the object's content. `known_at`: when it landed. `size` and `footer_offset`: of the
    object, in bytes."""

    batch_id: str
    feed: Feed
    landed: LandedObject
    size: int
    footer_offset: int
    known_at: datetime
    pinned: Mapping[str, Pinned]
    parts: tuple[RowGroups, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPart:
    """`file`: None where the part has faults. `missing`: by column, how many rows have no value."""

    file: BatchFile | None
    missing: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

"""Landed objects and what became of them: accepted as a batch, or quarantined with reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from evertrain.domain.project.feature_group import FeatureKind


class FeedKind(StrEnum):
    """What a feed carries: rows of a feature group, labels of a model, predictions of its endpoint, or labels of
    these predictions."""

    FEATURES = "features"
    LABELS = "labels"
    PREDICTIONS = "predictions"
    PREDICTION_LABELS = "prediction_labels"


LABEL_KINDS = (FeedKind.LABELS, FeedKind.PREDICTION_LABELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Where a batch belongs: `features/flights` is of a feature group, `labels/flights` of a model."""

    kind: FeedKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedObject:
    """An object as S3 announced it. The event may come twice, late, or out of order."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFile:
    """Normalised rows of a batch as one Parquet file. `path`: relative to the feed's table."""

    path: str
    rows: int
    bytes: int
    event_time_min: datetime
    event_time_max: datetime
    ingested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One accepted batch. Its id is made from the object's content, so landing it again changes nothing.

    `files`: one, or, of a batch that was checked in parts, as many as parts.
    """

    batch_id: str
    feed: Feed
    source_key: str
    files: tuple[BatchFile, ...]
    rows: int
    event_time_min: datetime
    event_time_max: datetime
    ingested_at: datetime

    @classmethod
    def from_files(cls, files: Sequence[BatchFile], *, batch_id: str, feed: Feed, source_key: str) -> "Batch":
        """The batch of at least one file."""
        return cls(
            batch_id=batch_id,
            feed=feed,
            source_key=source_key,
            files=tuple(files),
            rows=sum(file.rows for file in files),
            event_time_min=min(file.event_time_min for file in files),
            event_time_max=max(file.event_time_max for file in files),
            ingested_at=max(file.ingested_at for file in files),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A feed's whole table after a commit. `rows` includes corrections. `columns`: all but the times and `key`.
    `key`: the name of the entity column."""

    version: int
    rows: int
    event_time_min: datetime
    event_time_max: datetime
    ingested_at_max: datetime
    columns: Mapping[str, FeatureKind] = field(default_factory=dict)
    key: str = ""


class FaultStanding(StrEnum):
    """`certain`: the object is set aside. `doubtful`: it may be the world that changed, so the batch is accepted, and
    kept out of training until it is known. `settled`: a person accepted it, or it stayed for some batches: what
    looked like a fault is how it is now."""

    CERTAIN = "certain"
    DOUBTFUL = "doubtful"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a landed object. `column` is empty where the whole object is meant."""

    code: str
    message: str
    column: str = ""
    standing: FaultStanding = FaultStanding.CERTAIN


COMPARISON_FAULT_CODES = frozenset(
    {
        "mostly_missing",
        "partly_missing",
        "constant",
        "mostly_one_value",
        "unknown_levels",
        "unit_changed",
        "beyond_training",
        "columns_exchanged",
    }
)
"""Codes of faults that only show in a comparison with a reference. A person may know that nothing is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """A landed object that was set aside: nothing of it reached the feature store."""

    batch_id: str
    feed: Feed | None
    source_key: str
    quarantined_at: datetime
    faults: tuple[Fault, ...] = field(default=())
    object_uri: str = ""

"""What a feature group declares: its columns with their kinds; and how a model draws from a group not its own."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from evertrain.domain.project.file_format import UNDECLARED, FileFormat


class FeatureKind(StrEnum):
    """How a column is compared, stored and encoded.

    A timestamp is stored as one. Models and statistics see its age: how many days before the row's event time it was.
    """

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"

    @property
    def is_quantitative(self) -> bool:
        """Its values have an order and distances."""
        return self in (FeatureKind.NUMERIC, FeatureKind.TIMESTAMP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A typed column of a feature group. `minimum` and `maximum` bound what is physically possible,
    `maximum_missing` the share of a batch's rows that may have no value."""

    name: str
    kind: FeatureKind
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    maximum_missing: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSize:
    """Fewer or more rows are a fault of the sender. `every`: how often a batch comes, if that is declared."""

    minimum_rows: int = 1
    maximum_rows: int | None = None
    every: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGroup:
    """A table of the feature store that any model of the organisation may draw from.

    `freshness`: how old its newest row may be before a human is told. `batch`: how many rows a good batch has.
    `utc_offset`: how far ahead of UTC the clock is that times without a zone were read from; None where such times
    are refused. `format`: how its text files are written, as far as that is declared.
    """

    name: str
    entity_key: str
    event_time: str
    columns: tuple[Column, ...]
    owner: str = ""
    description: str = ""
    freshness: timedelta | None = None
    batch: BatchSize = BatchSize()
    utc_offset: timedelta | None = None
    format: FileFormat = UNDECLARED

    def has_column(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


class KnownBy(StrEnum):
    """By when a joined value has to be ingested to be used in training.

    `training`: by the time of training. `event`: by the event time of the row that it is joined to. That is what the
    endpoint sees: a value that came late was not there yet.
    """

    TRAINING = "training"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedGroup:
    """What a model draws from another group than its own: the values that were valid at the time of its row.

    `key`: the column of the model's own group that holds this group's entity key. `maximum_age`: older values are
    missing.
    """

    group: FeatureGroup
    feature_names: tuple[str, ...]
    key: str
    maximum_age: timedelta
    known_by: KnownBy = KnownBy.TRAINING

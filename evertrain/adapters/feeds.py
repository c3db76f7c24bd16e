"""The columns of each feed, as they land and as the feature store keeps them."""

from dataclasses import dataclass

import pyarrow as pa

from evertrain.domain.batches import Feed, FeedKind
from evertrain.domain.model_spec import BatchSize, Column, FeatureKind, Project, Task

EVENT_TIME, INGESTED_AT = "event_time", "ingested_at"
TIMESTAMP = pa.timestamp("us", tz="UTC")

PLAIN_TIMESTAMP = pa.timestamp("us")
"""The same instants without a zone: making Python's own of these needs no time zone database, which Lambda lacks."""

_TYPES = {
    FeatureKind.NUMERIC: pa.float64(),
    FeatureKind.BOOLEAN: pa.bool_(),
    FeatureKind.CATEGORICAL: pa.string(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSchema:
    """`key` and `landed_event_time`: as a batch names them. `columns`: the features, or the label."""

    key: str
    landed_event_time: str
    columns: tuple[Column, ...]
    batch: BatchSize
    binary: bool
    """The only column is a label that is 0 or 1."""

    @property
    def stored(self) -> pa.Schema:
        """The table's schema in the feature store."""
        return pa.schema(
            [
                pa.field(self.key, pa.string(), nullable=False),
                pa.field(EVENT_TIME, TIMESTAMP, nullable=False),
                pa.field(INGESTED_AT, TIMESTAMP, nullable=False),
                *(pa.field(column.name, _TYPES[column.kind]) for column in self.columns),
            ]
        )


def schema_of(feed: Feed, project: Project) -> FeedSchema:
    """The feed is one of the project's."""
    if feed.kind is FeedKind.FEATURES:
        group = project.groups[feed.name]
        return FeedSchema(
            key=group.entity_key,
            landed_event_time=group.event_time,
            columns=group.columns,
            batch=group.batch,
            binary=False,
        )
    spec = project.models[feed.name]
    return FeedSchema(
        key=spec.group.entity_key,
        landed_event_time=spec.group.event_time,
        columns=(Column(name=spec.label.name, kind=FeatureKind.NUMERIC),),
        batch=BatchSize(),
        binary=spec.task is Task.CLASSIFICATION,
    )

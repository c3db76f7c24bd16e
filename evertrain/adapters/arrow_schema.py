"""The feature store's schema in Arrow's types."""

import pyarrow as pa

from evertrain.adapters.feeds import EVENT_TIME, INGESTED_AT, FeedSchema
from evertrain.domain.model_spec import FeatureKind

TIMESTAMP = pa.timestamp("us", tz="UTC")

PLAIN_TIMESTAMP = pa.timestamp("us")
"""The same instants without a zone: making Python's own of these needs no time zone database, which Lambda lacks."""

_TYPES = {
    FeatureKind.NUMERIC: pa.float64(),
    FeatureKind.BOOLEAN: pa.bool_(),
    FeatureKind.CATEGORICAL: pa.string(),
    FeatureKind.TIMESTAMP: TIMESTAMP,
}


def stored_schema(feed: FeedSchema) -> pa.Schema:
    return pa.schema(
        [
            pa.field(feed.key, pa.string(), nullable=False),
            pa.field(EVENT_TIME, TIMESTAMP, nullable=False),
            pa.field(INGESTED_AT, TIMESTAMP, nullable=False),
            *(pa.field(column.name, _TYPES[column.kind]) for column in feed.columns),
        ]
    )

"""The feature store's schema in Arrow's types."""

import pyarrow as pa

from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, FeedSchema
from evertrain.tables.columns import ARROW_TYPES, TIMESTAMP

PLAIN_TIMESTAMP = pa.timestamp("us")
"""The same instants without a zone: making Python's own of these needs no time zone database, which Lambda lacks."""


def stored_schema(feed: FeedSchema) -> pa.Schema:
    return pa.schema(
        [
            pa.field(feed.key, pa.string(), nullable=False),
            pa.field(EVENT_TIME, TIMESTAMP, nullable=False),
            pa.field(INGESTED_AT, TIMESTAMP, nullable=False),
            *(pa.field(column.name, ARROW_TYPES[column.kind]) for column in feed.columns),
        ]
    )

"""What Delta writer and reader share: where tables are, how their store is reached, what their log tells."""

import os
from datetime import UTC
from typing import Any

from arro3.core import DataType
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from evertrain.domain.batches import Feed, TableState
from evertrain.domain.feeds import EVENT_TIME, INGESTED_AT, INGESTED_MONTH
from evertrain.domain.model_spec import FeatureKind

DELTA_TYPES = {
    FeatureKind.NUMERIC: "double",
    FeatureKind.BOOLEAN: "boolean",
    FeatureKind.CATEGORICAL: "string",
    FeatureKind.TIMESTAMP: "timestamp",
}


def table_uri(root: str, feed: Feed) -> str:
    return f"{root}/{feed}"


def storage_options(root: str) -> dict[str, str]:
    """Credentials and region come from the environment, as for boto3. Commits are made by S3's conditional put."""
    if not root.startswith("s3://"):
        return {}
    options = {"AWS_CONDITIONAL_PUT": "etag"}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        options |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        }
    return options


def open_table(root: str, feed: Feed, *, version: int | None = None) -> DeltaTable | None:
    """None where nothing was committed yet."""
    try:
        return DeltaTable(table_uri(root, feed), version=version, storage_options=storage_options(root))
    except TableNotFoundError:
        return None


def state_of(table: DeltaTable) -> TableState:
    """From the log's statistics alone: no data file is opened."""
    actions = files_of(table)
    return TableState(
        version=table.version(),
        rows=sum(action["num_records"] for action in actions),
        event_time_min=min(action["min.event_time"] for action in actions),
        event_time_max=max(action["max.event_time"] for action in actions),
        ingested_at_max=max(action["max.ingested_at"] for action in actions),
        columns=columns_of(table),
    )


def columns_of(table: DeltaTable) -> dict[str, FeatureKind]:
    """Besides the key, which comes first, and what tells when."""
    kinds = {name: kind for kind, name in DELTA_TYPES.items()}
    fields = [
        field for field in table.schema().fields[1:] if field.name not in (EVENT_TIME, INGESTED_AT, INGESTED_MONTH)
    ]
    return {field.name: kinds[field.type.type] for field in fields}


def files_of(table: DeltaTable) -> list[dict[str, Any]]:
    """One entry for each data file: `path`, `num_records`, `min.<column>` and `max.<column>` of both times."""
    actions = table.get_add_actions(flatten=True)
    columns: dict[str, list[Any]] = {name: list(actions.column(name).to_pylist()) for name in ("path", "num_records")}
    for name in ("min.event_time", "max.event_time", "min.ingested_at", "max.ingested_at"):
        # By way of a time without a zone: one with it needs a time zone database, which Lambda may lack.
        plain = actions.column(name).cast(DataType.timestamp("us")).to_pylist()
        columns[name] = [moment.replace(tzinfo=UTC) for moment in plain]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

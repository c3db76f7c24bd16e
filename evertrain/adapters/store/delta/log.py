"""What Delta writer and reader share: where tables are, how their store is reached, what their log tells."""

import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from arro3.core import DataType
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from evertrain.domain.landing.batches import Feed, TableState
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, INGESTED_MONTH
from evertrain.domain.project.feature_group import FeatureKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DELTA_TYPES = {
    FeatureKind.NUMERIC: "double",
    FeatureKind.BOOLEAN: "boolean",
    FeatureKind.CATEGORICAL: "string",
    FeatureKind.TIMESTAMP: "timestamp",
}


RETENTION_HOURS = 7 * 24
"""Hours. Maintenance keeps every version younger than this whole: a running training or `--as-of` may read it."""


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
    actions = table.get_add_actions(flatten=True)
    return TableState(
        version=table.version(),
        rows=sum(actions.column("num_records").to_pylist()),
        event_time_min=_from_microseconds(min(_microseconds(actions, "min.event_time"))),
        event_time_max=_from_microseconds(max(_microseconds(actions, "max.event_time"))),
        ingested_at_max=_from_microseconds(max(_microseconds(actions, "max.ingested_at"))),
        columns=columns_of(table),
        key=key_column(table),
    )


def key_column(table: DeltaTable) -> str:
    return table.schema().fields[0].name


def columns_of(table: DeltaTable) -> dict[str, FeatureKind]:
    """All columns except the key, which comes first, and those of times."""
    kinds = {name: kind for kind, name in DELTA_TYPES.items()}
    fields = [
        field for field in table.schema().fields[1:] if field.name not in (EVENT_TIME, INGESTED_AT, INGESTED_MONTH)
    ]
    return {field.name: kinds[field.type.type] for field in fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """What the log tells of a table's file. `size`: bytes. None of its rows is earlier or later than these times."""

    path: str
    size: int
    rows: int
    event_time_min: datetime
    event_time_max: datetime
    ingested_at_min: datetime
    ingested_at_max: datetime


def files_of(table: DeltaTable) -> list[DataFile]:
    """In the order of their paths."""
    actions = table.get_add_actions(flatten=True)
    columns: list[list[Any]] = [
        list(actions.column(name).to_pylist()) for name in ("path", "size_bytes", "num_records")
    ]
    for name in (EVENT_TIME, INGESTED_AT):
        columns.append([_from_microseconds(each) for each in _microseconds(actions, f"min.{name}")])
        # Maintenance, like any other writer of Delta, cuts what is below a millisecond.
        columns.append(
            [_from_microseconds(each - each % 1000 + 999) for each in _microseconds(actions, f"max.{name}")]
        )
    names = [field.name for field in fields(DataFile)]
    return sorted(
        (DataFile(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)),
        key=lambda file: file.path,
    )


def _microseconds(actions: Any, name: str) -> list[int]:
    # As numbers: a time with a zone needs a time zone database, which Lambda may lack.
    return list(actions.column(name).cast(DataType.int64()).to_pylist())


def _from_microseconds(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)

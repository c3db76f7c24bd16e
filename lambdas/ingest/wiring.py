"""The ingest use case with its adapters, made on first use."""

from functools import cache
from pathlib import Path

from evertrain.adapters.clients import client
from evertrain.adapters.delta_writer import DeltaWriter
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.dynamodb_batches import DynamoDBBatchLog, DynamoDBTableStates
from evertrain.adapters.event_bus import EventBridgeBus
from evertrain.adapters.project_files import load_project
from evertrain.adapters.settings import Settings
from evertrain.use_cases.commit_batch import CommitBatch


@cache
def commit_batch() -> CommitBatch:
    settings = Settings.from_environment()
    batches = Table(client=client("dynamodb"), name=settings.batches_table)
    return CommitBatch(
        batches=DynamoDBBatchLog(table=batches),
        tables=DeltaWriter(
            root=f"s3://{settings.feature_store_bucket}/tables", project=load_project(Path(__file__).parents[2])
        ),
        states=DynamoDBTableStates(table=batches),
        bus=EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name),
    )

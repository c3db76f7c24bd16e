"""Use cases of the feature store with their adapters, made on first use."""

from functools import cache
from pathlib import Path

from evertrain.adapters.clients import client
from evertrain.adapters.delta_upkeep import DeltaUpkeep
from evertrain.adapters.delta_writer import DeltaWriter
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.dynamodb_batches import DynamoDBBatchLog, DynamoDBTableStates
from evertrain.adapters.dynamodb_registry import DynamoDBModelRegistry
from evertrain.adapters.event_bus import EventBridgeBus
from evertrain.adapters.project_files import load_project
from evertrain.adapters.settings import Settings
from evertrain.domain.model_spec import Project
from evertrain.use_cases.commit_batch import CommitBatch
from evertrain.use_cases.maintain_store import MaintainStore


@cache
def commit_batch() -> CommitBatch:
    settings = Settings.from_environment()
    return CommitBatch(
        batches=DynamoDBBatchLog(table=_batches()),
        tables=DeltaWriter(root=_root(), project=_project()),
        states=DynamoDBTableStates(table=_batches()),
        bus=EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name),
    )


@cache
def maintain_store() -> MaintainStore:
    settings = Settings.from_environment()
    return MaintainStore(
        project=_project(),
        tables=DeltaUpkeep(root=_root()),
        states=DynamoDBTableStates(table=_batches()),
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
    )


def _root() -> str:
    return f"s3://{Settings.from_environment().feature_store_bucket}/tables"


@cache
def _project() -> Project:
    return load_project(Path(__file__).parents[2])


@cache
def _batches() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().batches_table)

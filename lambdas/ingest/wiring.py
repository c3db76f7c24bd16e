"""Use cases of the feature store with their adapters, made on first use."""

from functools import cache
from pathlib import Path

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.store.label_progress import DynamoDBLabelProgress
from evertrain.adapters.store.table_files import S3TableFiles
from evertrain.adapters.store.table_format import label_progress_reader, table_maintenance, table_writer
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.domain.deployment.prefixes import tables_root
from evertrain.domain.project.model import Project
from evertrain.use_cases.store.commit_batch import CommitBatch
from evertrain.use_cases.store.maintain_store import MaintainStore
from evertrain.use_cases.store.measure_label_progress import MeasureLabelProgress


@cache
def commit_batch() -> CommitBatch:
    settings = Settings.from_environment()
    return CommitBatch(
        batches=DynamoDBBatchLog(table=_batches()),
        tables=table_writer(_root(), project=project()),
        states=DynamoDBTableStates(table=_batches()),
        bus=EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name),
    )


@cache
def maintain_store() -> MaintainStore:
    settings = Settings.from_environment()
    clock = make_clock(settings.clock, decisions=_decisions)
    return MaintainStore(
        project=project(),
        tables=table_maintenance(
            _root(), files=S3TableFiles(client=client("s3"), bucket=settings.feature_store_bucket)
        ),
        states=DynamoDBTableStates(table=_batches()),
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        labels=MeasureLabelProgress(
            tables=label_progress_reader(_root()),
            log=DynamoDBLabelProgress(table=_batches()),
            clock=clock,
        ),
        clock=clock,
    )


def _root() -> str:
    return tables_root(Settings.from_environment().feature_store_bucket)


@cache
def project() -> Project:
    return load_project(Path(__file__).parents[2])


@cache
def _batches() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().batches_table)


def _decisions() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().decisions_table)


def stage() -> str:
    return Settings.from_environment().stage

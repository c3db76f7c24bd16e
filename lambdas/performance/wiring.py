"""The use cases that measure performance and count predictions, with their adapters, made on first use."""

from functools import cache, lru_cache
from pathlib import Path

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.monitoring.performance_log import DynamoDBPerformanceLog
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.store.label_progress import DynamoDBLabelProgress
from evertrain.adapters.store.table_format import table_reader
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deployment.prefixes import tables_root
from evertrain.domain.event_details import PerformanceMeasured
from evertrain.domain.events import Event, EventName
from evertrain.domain.project.model import Project
from evertrain.scoring import ServableModel
from evertrain.sklearn_tier.reading import read_model as read_artifact
from evertrain.use_cases.monitoring.count_predictions import CountPredictions
from evertrain.use_cases.monitoring.measure_performance import MeasurePerformance
from evertrain.use_cases.training.training_rows import StoredTrainingRows


@cache
def measure_performance() -> MeasurePerformance:
    settings, counting = Settings.from_environment(), count_predictions()
    return MeasurePerformance(
        project=project(),
        tables=counting.tables,
        label_progress=DynamoDBLabelProgress(table=_batches()),
        registry=counting.registry,
        runs=RunDocuments(artifacts=counting.artifacts, root=f"s3://{settings.artifact_bucket}"),
        artifacts=counting.artifacts,
        rows=counting.rows,
        log=counting.log,
        clock=counting.clock,
        read_model=read_model,
    )


@cache
def count_predictions() -> CountPredictions:
    settings = Settings.from_environment()
    return CountPredictions(
        project=project(),
        tables=DynamoDBTableStates(table=_batches()),
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        artifacts=S3ArtifactStore(client=client("s3"), bucket=settings.artifact_bucket),
        rows=StoredTrainingRows(tables=table_reader(tables_root(settings.feature_store_bucket))),
        log=DynamoDBPerformanceLog(table=_batches()),
        clock=make_clock(settings.clock, decisions=_decisions),
        read_model=read_model,
    )


def announce(model: str, *, batch_id: str) -> None:
    """`batch_id`: of the labels by which more is known."""
    bus = EventBridgeBus(client=client("events"), bus_name=Settings.from_environment().event_bus_name)
    detail: PerformanceMeasured = {"model": model, "batch_id": batch_id}
    bus.publish([Event(name=EventName.PERFORMANCE_MEASURED, detail=detail)])


@cache
def project() -> Project:
    return load_project(_root())


@lru_cache(maxsize=2)
def read_model(data: bytes) -> ServableModel:
    """Labels come more often than champions do."""
    return read_artifact(data, root=_root())


def _root() -> Path:
    return Path(__file__).parents[2]


def stage() -> str:
    return Settings.from_environment().stage


def _batches() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().batches_table)


def _decisions() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().decisions_table)

"""The monitor's use case with its adapters, made on first use."""

from functools import cache, lru_cache
from pathlib import Path

from evertrain.adapters.clients import client
from evertrain.adapters.clocks import clock_of
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.dynamodb_batches import DynamoDBBatchLog
from evertrain.adapters.dynamodb_registry import DynamoDBModelRegistry
from evertrain.adapters.event_bus import EventBridgeBus
from evertrain.adapters.landed_rows import LandedRowsReader
from evertrain.adapters.project_files import load_project
from evertrain.adapters.s3_artifacts import S3Artifacts
from evertrain.adapters.s3_drift_records import S3DriftRecords
from evertrain.adapters.s3_landing import S3BatchFiles, S3LandingZone, S3QuarantineStore
from evertrain.adapters.settings import Settings
from evertrain.statistics.reference import Reference
from evertrain.use_cases.check_batch import CheckBatch
from evertrain.use_cases.watch_requests import WatchRequests


@cache
def check_batch() -> CheckBatch:
    settings = Settings.from_environment()
    project = load_project(Path(__file__).parents[2])
    s3, dynamodb = client("s3"), client("dynamodb")
    artifacts = S3Artifacts(client=s3, bucket=settings.artifact_bucket)

    @lru_cache(maxsize=32)  # a reference is immutable: its URI names its content
    def load_reference(uri: str) -> Reference:
        return Reference.from_bytes(artifacts.get(uri))

    batches = DynamoDBBatchLog(table=Table(client=dynamodb, name=settings.batches_table))
    registry = DynamoDBModelRegistry(table=Table(client=dynamodb, name=settings.registry_table))
    records = S3DriftRecords(artifacts=artifacts, root=f"s3://{settings.artifact_bucket}")
    bus = EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name)
    clock = clock_of(settings.clock, decisions=lambda: Table(client=dynamodb, name=settings.decisions_table))
    return CheckBatch(
        project=project,
        landing=S3LandingZone(client=s3),
        reader=LandedRowsReader(project=project),
        files=S3BatchFiles(client=s3, bucket=settings.feature_store_bucket),
        quarantine=S3QuarantineStore(client=s3, bucket=settings.quarantine_bucket),
        batches=batches,
        registry=registry,
        load_reference=load_reference,
        records=records,
        requests=WatchRequests(
            batches=batches,
            registry=registry,
            load_reference=load_reference,
            records=records,
            bus=bus,
            clock=clock,
        ),
        bus=bus,
        clock=clock,
    )


def stage() -> str:
    return Settings.from_environment().stage

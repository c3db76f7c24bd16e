"""The monitor's use cases with their adapters, made on first use."""

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.landing.objects import S3LandingZone
from evertrain.adapters.landing.parts import S3PartStore
from evertrain.adapters.landing.partwise_executions import PartwiseExecutions
from evertrain.adapters.landing.quarantine import S3QuarantineStore
from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.adapters.monitoring.drift_records import S3DriftRecords
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.store.batch_files import S3BatchFiles
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.domain.project.model import Project
from evertrain.ports.clock import Clock
from evertrain.statistics.reference import Reference
from evertrain.use_cases.landing.check_batch import CheckBatch
from evertrain.use_cases.landing.check_large_batch import CheckLargeBatch
from evertrain.use_cases.landing.record_batch import RecordBatch
from evertrain.use_cases.monitoring.compare_batch import CompareBatch
from evertrain.use_cases.monitoring.watch_requests import WatchRequests

MIN_PARTS = 4
"""Into how many parts an object is cut that is just too large for one function."""


@cache
def check_batch() -> CheckBatch:
    shared = _shared()
    return CheckBatch(
        project=shared.project,
        landing=shared.landing,
        reader=shared.reader,
        files=shared.files,
        quarantine=shared.quarantine,
        batches=shared.batches,
        tables=shared.tables,
        compare=shared.compare,
        record=shared.record,
        requests=WatchRequests(
            batches=shared.batches,
            registry=shared.compare.registry,
            load_reference=shared.compare.load_reference,
            records=shared.compare.records,
            bus=shared.record.bus,
            clock=shared.clock,
        ),
        clock=shared.clock,
    )


@cache
def check_large_batch() -> CheckLargeBatch:
    shared, settings = _shared(), Settings.from_environment()
    return CheckLargeBatch(
        project=shared.project,
        landing=shared.landing,
        reader=shared.reader,
        files=shared.files,
        quarantine=shared.quarantine,
        batches=shared.batches,
        tables=shared.tables,
        parts=S3PartStore(artifacts=shared.artifacts, root=f"s3://{settings.artifact_bucket}"),
        compare=shared.compare,
        record=shared.record,
        clock=shared.clock,
        max_bytes=settings.large_object_bytes,
        part_bytes=settings.large_object_bytes // MIN_PARTS,
    )


@cache
def large_batch_checks() -> PartwiseExecutions:
    arn = Settings.from_environment().large_batches_arn
    return PartwiseExecutions(client=client("stepfunctions"), state_machine_arn=arn)


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What checking alone and checking in parts have in common."""

    project: Project
    artifacts: S3ArtifactStore
    landing: S3LandingZone
    reader: LandedRowsReader
    files: S3BatchFiles
    quarantine: S3QuarantineStore
    batches: DynamoDBBatchLog
    tables: DynamoDBTableStates
    compare: CompareBatch
    record: RecordBatch
    clock: Clock


@cache
def _shared() -> _Shared:
    settings = Settings.from_environment()
    project = load_project(Path(__file__).parents[2])
    s3, dynamodb = client("s3"), client("dynamodb")
    artifacts = S3ArtifactStore(client=s3, bucket=settings.artifact_bucket)

    @lru_cache(maxsize=32)  # a reference is immutable: its URI names its content
    def load_reference(uri: str) -> Reference:
        return Reference.from_bytes(artifacts.get(uri))

    batches_table = Table(client=dynamodb, name=settings.batches_table)
    batches = DynamoDBBatchLog(table=batches_table)
    compare = CompareBatch(
        project=project,
        registry=DynamoDBModelRegistry(table=Table(client=dynamodb, name=settings.registry_table)),
        load_reference=load_reference,
        batches=batches,
        records=S3DriftRecords(artifacts=artifacts, root=f"s3://{settings.artifact_bucket}"),
    )
    return _Shared(
        project=project,
        artifacts=artifacts,
        landing=S3LandingZone(client=s3),
        reader=LandedRowsReader(project=project),
        files=S3BatchFiles(client=s3, bucket=settings.feature_store_bucket),
        quarantine=S3QuarantineStore(client=s3, bucket=settings.quarantine_bucket),
        batches=batches,
        tables=DynamoDBTableStates(table=batches_table),
        compare=compare,
        record=RecordBatch(
            batches=batches,
            compare=compare,
            bus=EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name),
        ),
        clock=make_clock(settings.clock, decisions=lambda: Table(client=dynamodb, name=settings.decisions_table)),
    )


def stage() -> str:
    return Settings.from_environment().stage

"""What the lifecycle function is made of, each part once and only when first asked for. Importing does no I/O."""

import time
from datetime import timedelta
from functools import cache
from pathlib import Path

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import SystemClock, make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.escalation_channel import SnsEscalationChannel
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.deciding.decision_log import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.approvals import DynamoDBApprovals
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.store.label_progress import DynamoDBLabelProgress
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.project.model import Project
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog, Leases
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore
from evertrain.use_cases.release.ask_for_approval import AskForApproval
from evertrain.use_cases.release.register_version import RegisterVersion
from evertrain.use_cases.training.finish_retraining import FinishRetraining
from evertrain.use_cases.training.gate_contender import GateContender
from evertrain.use_cases.training.next_halving_round import NextHalvingRound
from evertrain.use_cases.training.plan_retraining import PlanRetraining


@cache
def leases() -> Leases:
    return DynamoDBLeases(table=_decisions_table(), wall_clock=time.time)


@cache
def decisions() -> DecisionLog:
    return DynamoDBDecisionLog(table=_decisions_table(), wall_clock=time.time)


@cache
def plan_retraining() -> PlanRetraining:
    batches = Table(client=client("dynamodb"), name=_settings().batches_table)
    return PlanRetraining(
        project=_project(),
        tables=DynamoDBTableStates(table=batches),
        batches=DynamoDBBatchLog(table=batches),
        label_progress=DynamoDBLabelProgress(table=batches),
        registry=registry(),
        decisions=decisions(),
        runs=runs(),
        clock=_clock(),
    )


@cache
def next_halving_round() -> NextHalvingRound:
    return NextHalvingRound(runs=runs())


@cache
def gate_contender() -> GateContender:
    return GateContender(runs=runs())


@cache
def register_version() -> RegisterVersion:
    return RegisterVersion(runs=runs(), registry=registry(), clock=_clock())


@cache
def ask_for_approval() -> AskForApproval:
    settings = _settings()
    return AskForApproval(
        runs=runs(),
        registry=registry(),
        decisions=decisions(),
        approvals=DynamoDBApprovals(table=_decisions_table()),
        escalations=SnsEscalationChannel(client=client("sns"), topic_arn=settings.escalation_topic_arn),
        wall_clock=SystemClock(),
        stage=settings.stage,
    )


@cache
def finish_retraining() -> FinishRetraining:
    return FinishRetraining(
        decisions=decisions(),
        leases=leases(),
        registry=registry(),
        bus=EventBridgeBus(client=client("events"), bus_name=_settings().event_bus_name),
        clock=_clock(),
    )


def bake() -> timedelta | None:
    """Of each step of a rollout in this stage; None where models declare it."""
    return _settings().bake


@cache
def _settings() -> Settings:
    return Settings.from_environment()


@cache
def _project() -> Project:
    return load_project(Path(__file__).resolve().parents[2])


@cache
def _clock() -> Clock:
    return make_clock(_settings().clock, decisions=_decisions_table)


@cache
def _decisions_table() -> Table:
    return Table(client=client("dynamodb"), name=_settings().decisions_table)


@cache
def registry() -> ModelRegistry:
    return DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=_settings().registry_table))


@cache
def runs() -> RunStore:
    bucket = _settings().artifact_bucket
    return RunDocuments(artifacts=S3ArtifactStore(bucket=bucket, client=client("s3")), root=f"s3://{bucket}")

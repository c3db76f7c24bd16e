"""The trigger's use case with its adapters, made on first use."""

import time
from functools import cache
from pathlib import Path

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.escalation_channel import SnsEscalationChannel
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.deciding.decision_log import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.monitoring.performance_log import DynamoDBPerformanceLog
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.store.label_progress import DynamoDBLabelProgress
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.domain.project.model import Project
from evertrain.use_cases.deciding.decide_retraining import DecideRetraining


@cache
def project() -> Project:
    return load_project(Path(__file__).parents[2])


@cache
def decide_retraining() -> DecideRetraining:
    settings = Settings.from_environment()
    batches = Table(client=client("dynamodb"), name=settings.batches_table)
    decisions = Table(client=client("dynamodb"), name=settings.decisions_table)
    registry = Table(client=client("dynamodb"), name=settings.registry_table)
    return DecideRetraining(
        project=project(),
        batches=DynamoDBBatchLog(table=batches),
        tables=DynamoDBTableStates(table=batches),
        label_progress=DynamoDBLabelProgress(table=batches),
        registry=DynamoDBModelRegistry(table=registry),
        performance=DynamoDBPerformanceLog(table=batches),
        decisions=DynamoDBDecisionLog(table=decisions, wall_clock=time.time),
        leases=DynamoDBLeases(table=decisions, wall_clock=time.time),
        bus=EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name),
        escalations=SnsEscalationChannel(client=client("sns"), topic_arn=settings.escalation_topic_arn),
        clock=make_clock(settings.clock, decisions=lambda: decisions),
    )

"""The trigger's use case with its adapters, made on first use."""

import time
from functools import cache
from pathlib import Path

from evertrain.adapters.clients import client
from evertrain.adapters.clocks import clock_of
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.dynamodb_batches import DynamoDBBatchLog, DynamoDBLabelProgress, DynamoDBTableStates
from evertrain.adapters.dynamodb_decisions import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.dynamodb_registry import DynamoDBModelRegistry
from evertrain.adapters.event_bus import EventBridgeBus
from evertrain.adapters.human_channel import SnsHumanChannel
from evertrain.adapters.project_files import load_project
from evertrain.adapters.settings import Settings
from evertrain.domain.model_spec import Project
from evertrain.use_cases.decide_retraining import DecideRetraining


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
        decisions=DynamoDBDecisionLog(table=decisions, real_time=time.time),
        leases=DynamoDBLeases(table=decisions, real_time=time.time),
        bus=EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name),
        humans=SnsHumanChannel(client=client("sns"), topic_arn=settings.escalation_topic_arn),
        clock=clock_of(settings.clock, decisions=lambda: decisions),
    )

"""The use case with its adapters, made on first use."""

import time
from functools import cache
from pathlib import Path

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.escalation_channel import SnsEscalationChannel
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.deciding.decision_log import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.training.executions import StepFunctionsExecutions
from evertrain.domain.project.model import Project
from evertrain.use_cases.training.finish_retraining import FinishRetraining
from evertrain.use_cases.training.reconcile_retrainings import ReconcileRetrainings


@cache
def project() -> Project:
    return load_project(Path(__file__).parents[2])


@cache
def reconcile_retrainings() -> ReconcileRetrainings:
    settings = Settings.from_environment()
    decisions_table = Table(client=client("dynamodb"), name=settings.decisions_table)
    decisions = DynamoDBDecisionLog(table=decisions_table, wall_clock=time.time)
    leases = DynamoDBLeases(table=decisions_table, wall_clock=time.time)
    registry = DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table))
    bus = EventBridgeBus(client=client("events"), bus_name=settings.event_bus_name)
    return ReconcileRetrainings(
        decisions=decisions,
        leases=leases,
        executions=StepFunctionsExecutions(client=client("stepfunctions")),
        registry=registry,
        endpoint=LambdaEndpoint(client=client("lambda"), function_prefix=settings.serving_function_prefix),
        finish_retraining=FinishRetraining(
            decisions=decisions,
            leases=leases,
            registry=registry,
            bus=bus,
            clock=make_clock(settings.clock, decisions=lambda: decisions_table),
        ),
        bus=bus,
        escalations=SnsEscalationChannel(client=client("sns"), topic_arn=settings.escalation_topic_arn),
    )

"""The registry shown in MLflow, where a stage names a server: beside the loop, which never waits for it."""

from collections.abc import Callable

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from evertrain.domain.deployment.variables import Variable
from evertrain.domain.events import OUTCOME_EVENTS, SOURCE, Tick
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.grants import grant, grant_items
from infra.options import Options
from infra.python_function import python_function
from infra.sqs_to_lambda import SqsToLambda

MIRROR = Bundle(folder="lambdas/mirror", lock="control.txt")


class MlflowMirror(Construct):
    """A function that looks when a retraining has ended, and once an hour: at tags, rollbacks, and what it missed."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        options: Options,
        data: DataStack,
        build: Callable[[Bundle], BuiltBundle],
    ) -> None:
        super().__init__(scope, name)
        secret = {str(Variable.MLFLOW_SECRET_ARN): options.mlflow_secret} if options.mlflow_secret else {}
        function = python_function(
            self,
            "Mirror",
            bundle=build(MIRROR),
            handler="lambdas.mirror.handler.lambda_handler",
            description="Shows the model registry in MLflow",
            memory_mib=256,
            timeout=Duration.minutes(2),
            environment={**data.settings(), str(Variable.MLFLOW_TRACKING_URI): options.mlflow, **secret},
        )
        self.ended = SqsToLambda(
            self, "Mirrored", function=function, batch_size=1, max_concurrency=2, alarm_topic=data.escalations
        )
        self.ended.add_event_rule(
            "RetrainingEnded",
            pattern=events.EventPattern(source=[SOURCE], detail_type=[str(each) for each in OUTCOME_EVENTS]),
            bus=data.bus,
        )
        self.ended.add_schedule(
            "MirrorTick", "rate(1 hour)", message=Tick.MIRROR, description="Looks whether MLflow shows the registry"
        )
        grant_items(function, data.registry, "GetItem", "Query")
        if options.mlflow_secret:
            grant(function, "secretsmanager:GetSecretValue", on=[options.mlflow_secret])

"""What the rollout function is made of, once and only when first asked for. Importing does no I/O."""

from functools import cache

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import SystemClock, make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.monitoring.performance_log import DynamoDBPerformanceLog
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.answer_log import DynamoDBAnswerLog
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.training.runs import RunDocuments
from evertrain.use_cases.release.roll_out import RollOut
from evertrain.use_cases.release.take_steps import TakeSteps


@cache
def roll_out() -> RollOut:
    settings = Settings.from_environment()
    artifacts = S3ArtifactStore(bucket=settings.artifact_bucket, client=client("s3"))
    return RollOut(
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        endpoint=LambdaEndpoint(client=client("lambda"), function_prefix=settings.serving_function_prefix),
        runs=RunDocuments(artifacts=artifacts, root=f"s3://{settings.artifact_bucket}"),
        clock=make_clock(
            settings.clock, decisions=lambda: Table(client=client("dynamodb"), name=settings.decisions_table)
        ),
    )


@cache
def take_steps() -> TakeSteps:
    settings, parts = Settings.from_environment(), roll_out()
    batches = Table(client=client("dynamodb"), name=settings.batches_table)
    return TakeSteps(
        registry=parts.registry,
        endpoint=parts.endpoint,
        runs=parts.runs,
        answers=DynamoDBAnswerLog(table=batches),
        performance=DynamoDBPerformanceLog(table=batches),
        roll_out=parts,
        wall_clock=SystemClock().now,
        bake=settings.bake,
    )

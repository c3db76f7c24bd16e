"""The use case with its adapters, made on first use."""

from functools import cache
from pathlib import Path

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.landing.objects import S3LandingZone
from evertrain.adapters.landing.partwise_executions import PartwiseExecutions
from evertrain.adapters.landing.prediction_log import SqsPredictionLog
from evertrain.adapters.landing.scoring_files import ArrowScoringFiles
from evertrain.adapters.landing.scoring_store import S3ScoringStore
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.use_cases.landing.score_file import ScoreFile


@cache
def score_file() -> ScoreFile:
    settings = Settings.from_environment()
    s3 = client("s3")
    return ScoreFile(
        project=load_project(Path(__file__).parents[2]),
        landing=S3LandingZone(client=s3),
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        endpoint=LambdaEndpoint(client=client("lambda"), function_prefix=settings.serving_function_prefix),
        files=ArrowScoringFiles(),
        store=S3ScoringStore(
            artifacts=S3ArtifactStore(client=s3, bucket=settings.artifact_bucket),
            root=f"s3://{settings.artifact_bucket}",
            client=s3,
            bucket=settings.scores_bucket,
        ),
        log=SqsPredictionLog(client=client("sqs"), queue_url=settings.predictions_queue_url),
        max_bytes=settings.large_object_bytes,
    )


@cache
def executions() -> PartwiseExecutions:
    arn = Settings.from_environment().scoring_arn
    return PartwiseExecutions(client=client("stepfunctions"), state_machine_arn=arn)

"""What the rollout function is made of, once and only when first asked for. Importing does no I/O."""

from functools import cache

from evertrain.adapters.clients import client
from evertrain.adapters.clocks import clock_of
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.dynamodb_registry import DynamoDBModelRegistry
from evertrain.adapters.lambda_endpoint import LambdaEndpoint
from evertrain.adapters.run_documents import RunDocuments
from evertrain.adapters.s3_artifacts import S3Artifacts
from evertrain.adapters.settings import Settings
from evertrain.use_cases.roll_out import RollOut


@cache
def roll_out() -> RollOut:
    settings = Settings.from_environment()
    artifacts = S3Artifacts(bucket=settings.artifact_bucket, client=client("s3"))
    return RollOut(
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        endpoint=LambdaEndpoint(client=client("lambda"), function_prefix=settings.serving_function_prefix),
        runs=RunDocuments(artifacts=artifacts, root=f"s3://{settings.artifact_bucket}"),
        clock=clock_of(
            settings.clock, decisions=lambda: Table(client=client("dynamodb"), name=settings.decisions_table)
        ),
    )

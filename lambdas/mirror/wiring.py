"""The use case with its adapters, made on first use."""

from functools import cache

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.secrets import read_secret
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.mlflow import MlflowRegistry, authorization_of
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.use_cases.release.mirror_registry import MirrorRegistry


def mirror_registry() -> MirrorRegistry:
    """Made anew for each look: a password may have changed."""
    settings = Settings.from_environment()

    @cache
    def authorization() -> str:
        arn = settings.mlflow_secret_arn
        return authorization_of(read_secret(client("secretsmanager"), arn)) if arn else ""

    return MirrorRegistry(
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        mirror=MlflowRegistry(url=settings.mlflow_url, stage=settings.stage, authorization=authorization),
    )

"""The model that this function version is pinned to, loaded on first use and kept."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client, short_timeout_client
from evertrain.adapters.landing.prediction_log import SqsPredictionLog
from evertrain.adapters.project.settings import Settings
from evertrain.scoring import ServableModel
from evertrain.sklearn_tier.reading import read_model

if TYPE_CHECKING:
    from evertrain.scoring.explanations import Explainer


@dataclass(frozen=True)
class ServedModel:
    model: ServableModel
    version: str

    @cached_property
    def explainer(self) -> "Explainer":
        """Made when somebody asks: predictions cost nothing for it. Raises NotExplainable."""
        from evertrain.scoring.explanations import explainer_of  # noqa: PLC0415  # a cold start is shorter without

        return explainer_of(self.model)


@cache
def served_model() -> ServedModel | None:
    """None before the first promotion: `$LATEST` names no artifact. The digest is checked before anything is read."""
    settings = Settings.from_environment()
    if not settings.model_uri:
        return None
    artifacts = S3ArtifactStore(client=client("s3"), bucket=settings.artifact_bucket)
    data = artifacts.get(settings.model_uri, expected_sha256=settings.model_sha256)
    return ServedModel(model=read_model(data, root=Path(__file__).parents[1]), version=settings.model_version)


@cache
def prediction_log() -> SqsPredictionLog:
    queue_url = Settings.from_environment().predictions_queue_url
    return SqsPredictionLog(client=short_timeout_client("sqs"), queue_url=queue_url)


def log_share() -> float:
    return Settings.from_environment().log_share


def explore_share() -> float:
    return Settings.from_environment().explore_share


def stage() -> str:
    return Settings.from_environment().stage


def model_name() -> str:
    return Settings.from_environment().model_name


def model_version() -> str:
    """Empty of `$LATEST`."""
    settings = Settings.from_environment()
    return settings.model_version if settings.model_uri else ""


def function_version() -> str:
    return Settings.from_environment().function_version


def known_models() -> list[str]:
    return Settings.from_environment().known_models

"""The model that this function version is pinned to, loaded on first use and kept."""

import os
from dataclasses import dataclass
from functools import cache

from evertrain.adapters.aws.artifacts import S3Artifacts
from evertrain.adapters.aws.clients import client, hurried_client
from evertrain.adapters.landing.prediction_log import SqsPredictionLog
from evertrain.scoring import FlatModel


@dataclass(frozen=True)
class Served:
    model: FlatModel
    version: str


@cache
def served() -> Served | None:
    """None before the first promotion: `$LATEST` names no artifact. The digest is checked before anything is read."""
    uri = os.environ.get("MODEL_URI")
    if not uri:
        return None
    artifacts = S3Artifacts(client=client("s3"), bucket=os.environ["ARTIFACT_BUCKET"])
    data = artifacts.get(uri, expected_sha256=os.environ["MODEL_SHA256"])
    return Served(model=FlatModel.from_bytes(data), version=os.environ["MODEL_VERSION"])


@cache
def prediction_log() -> SqsPredictionLog:
    return SqsPredictionLog(client=hurried_client("sqs"), queue_url=os.environ["PREDICTIONS_QUEUE_URL"])


def log_share() -> float:
    return float(os.environ["LOG_SHARE"])


def stage() -> str:
    return os.environ["EVERTRAIN_STAGE"]


def model_name() -> str:
    return os.environ["MODEL_NAME"]


def known_models() -> list[str]:
    return os.environ["KNOWN_MODELS"].split(",")

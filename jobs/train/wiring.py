"""What both jobs of the training container share, each part once and only when first asked for."""

from functools import cache
from pathlib import Path

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.store.table_format import table_reader
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deployment.prefixes import tables_root
from evertrain.scoring import ServableModel
from evertrain.sklearn_tier.reading import read_model as read_artifact
from evertrain.use_cases.training.training_rows import StoredTrainingRows


@cache
def settings() -> Settings:
    return Settings.from_environment()


@cache
def root() -> Path:
    """The project that a person stands in; in the container, the one that the image was built from."""
    here = Path.cwd()
    return here if (here / "models").is_dir() else Path(__file__).resolve().parents[2]


@cache
def training_rows() -> StoredTrainingRows:
    return StoredTrainingRows(tables=table_reader(tables_root(settings().feature_store_bucket)))


@cache
def artifacts() -> S3ArtifactStore:
    return S3ArtifactStore(bucket=settings().artifact_bucket, client=client("s3"))


@cache
def runs() -> RunDocuments:
    return RunDocuments(artifacts=artifacts(), root=f"s3://{settings().artifact_bucket}")


def read_model(data: bytes) -> ServableModel:
    return read_artifact(data, root=root())

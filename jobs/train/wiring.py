"""What the training container is made of, each part once and only when first asked for. Importing does no I/O."""

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from time import perf_counter
from typing import Any

import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evertrain.adapters.clients import client
from evertrain.adapters.delta_reader import DeltaReader, load_training_rows
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.dynamodb_registry import DynamoDBModelRegistry
from evertrain.adapters.estimators import load_estimator
from evertrain.adapters.project_files import load_project
from evertrain.adapters.run_documents import RunDocuments
from evertrain.adapters.s3_artifacts import S3Artifacts
from evertrain.adapters.settings import Settings
from evertrain.domain.model_spec import ModelSpec, Project
from evertrain.domain.training import Interval, TrainingPlan
from evertrain.use_cases.evaluate_contenders import EvaluateContenders
from evertrain.use_cases.train_contender import TrainContender

_LIBRARIES = ("scikit-learn", "numpy", "pandas")
"""What a model's numbers depend on."""


@cache
def train_contender() -> TrainContender:
    return TrainContender(
        project=_project(),
        read_rows=_read_rows,
        runs=_runs(),
        artifacts=_artifacts(),
        make_estimator=_make_estimator,
        library_versions={"python": python_version()} | {name: version(name) for name in _LIBRARIES},
        timer=perf_counter,
    )


@cache
def evaluate_contenders() -> EvaluateContenders:
    registry = DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=_settings().registry_table))
    return EvaluateContenders(
        project=_project(), read_rows=_read_rows, runs=_runs(), artifacts=_artifacts(), registry=registry
    )


def _make_estimator(spec: ModelSpec, seed: int) -> Any:
    estimator = load_estimator(_root(), spec.name, seed=seed)
    # As many threads as the task was given vCPUs: where several tasks share a machine, each would take all of it,
    # and threads that wait for each other cost more than they bring. After loading: it reaches loaded libraries only.
    threadpool_limits(limits=min(max(1, spec.task_size.cpu // 1024), os.cpu_count() or 1))
    return estimator


def _read_rows(spec: ModelSpec, plan: TrainingPlan, rows: Interval) -> pa.Table:
    return load_training_rows(tables=_tables(), spec=spec, plan=plan, rows=rows)


@cache
def _settings() -> Settings:
    return Settings.from_environment()


@cache
def _root() -> Path:
    """The project that a person stands in; in the container, the one that the image was built from."""
    here = Path.cwd()
    return here if (here / "models").is_dir() else Path(__file__).resolve().parents[2]


@cache
def _project() -> Project:
    return load_project(_root())


@cache
def _tables() -> DeltaReader:
    return DeltaReader(root=f"s3://{_settings().feature_store_bucket}/tables")


@cache
def _artifacts() -> S3Artifacts:
    return S3Artifacts(bucket=_settings().artifact_bucket, client=client("s3"))


@cache
def _runs() -> RunDocuments:
    return RunDocuments(artifacts=_artifacts(), root=f"s3://{_settings().artifact_bucket}")

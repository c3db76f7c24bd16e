"""What trains a contender. Apart from `evaluation`, which must not wait for scikit-learn to be imported."""

import os
from functools import cache
from importlib.metadata import version
from platform import python_version
from time import perf_counter
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evertrain.adapters.estimators import load_estimator
from evertrain.domain.model_spec import ModelSpec
from evertrain.use_cases.train_contender import TrainContender
from jobs.train import wiring

_LIBRARIES = ("scikit-learn", "numpy", "pandas")
"""What a model's numbers depend on."""


@cache
def train_contender() -> TrainContender:
    return TrainContender(
        project=wiring.project(),
        rows=wiring.training_rows(),
        runs=wiring.runs(),
        artifacts=wiring.artifacts(),
        make_estimator=_make_estimator,
        library_versions={"python": python_version()} | {name: version(name) for name in _LIBRARIES},
        timer=perf_counter,
    )


def _make_estimator(spec: ModelSpec, seed: int) -> Any:
    estimator = load_estimator(wiring.root(), spec.name, seed=seed)
    # As many threads as the task was given vCPUs: where several tasks share a machine, each would take all of it,
    # and threads that wait for each other cost more than they bring. After loading: it reaches loaded libraries only.
    threadpool_limits(limits=min(max(1, spec.task_size.cpu // 1024), os.cpu_count() or 1))
    return estimator

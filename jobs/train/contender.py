"""What trains a contender. Apart from `evaluation`, which must not wait for scikit-learn to be imported."""

import os
from functools import cache
from importlib.metadata import version
from platform import python_version
from time import perf_counter
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evertrain.adapters.training.code_provenance import code_provenance
from evertrain.adapters.training.estimators import load_estimator
from evertrain.adapters.training.own_metrics import load_metric
from evertrain.domain.project.requirements import named_distributions
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.plan import TrainingPlan
from evertrain.use_cases.training.train_contender import TrainContender
from jobs.train import wiring

_LIBRARIES = ("scikit-learn", "numpy", "pandas", "pyarrow", "deltalake")
"""What a model's numbers and its rows depend on."""


@cache
def train_contender() -> TrainContender:
    return TrainContender(
        rows=wiring.training_rows(),
        runs=wiring.runs(),
        artifacts=wiring.artifacts(),
        make_estimator=_make_estimator,
        library_versions={"python": python_version()} | _versions(),
        code=lambda model: code_provenance(wiring.root(), model),
        timer=perf_counter,
        load_metric=lambda spec: load_metric(wiring.root(), spec),
        read_model=wiring.read_model,
    )


def _versions() -> dict[str, str]:
    """With those of the libraries that the project's own estimators bring."""
    own = wiring.root() / "requirements" / "models.txt"
    named = named_distributions(own.read_text(encoding="utf-8")) if own.is_file() else []
    return {name: version(name) for name in (*_LIBRARIES, *named)}


def _make_estimator(plan: TrainingPlan, candidate: Candidate) -> Any:
    estimator = load_estimator(wiring.root(), plan.model, seed=plan.seed, parameters=candidate.parameters)
    # One thread for each vCPU of the task. Tasks that share a machine would each take all of it, and threads that
    # wait for each other cost more than they gain. Called after loading, since it reaches loaded libraries only.
    threadpool_limits(limits=min(max(1, plan.task_size.cpu // 1024), os.cpu_count() or 1))
    return estimator

"""`evertrain check`: is the project right, can its models be served, and with `--deployed`: is the stage?"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from evertrain.adapters.documents import dump
from evertrain.adapters.project.files import load_project
from evertrain.adapters.training.estimators import InvalidEstimator, estimator_path, load_estimator
from evertrain.adapters.training.own_metrics import InvalidMetric, load_own_metric
from evertrain.conversion import ParityError, UnsupportedEstimator
from evertrain.conversion.fitting import weight_parameter
from evertrain.conversion.rehearsal import (
    ROWS,
    Form,
    Rehearsal,
    made_up_predictions,
    made_up_truth,
    rehearse,
)
from evertrain.domain.project.metric import METRIC_FILE
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.policies import Tier
from evertrain.domain.training.candidates import parameter_grid
from evertrain.domain.training.evaluation import EstimatorFailed
from evertrain.sklearn_tier.reading import read_model
from evertrain.sklearn_tier.writing import to_artifact
from evertrain.statistics.metrics import metric_value
from evertrain.terminal import show
from evertrain.toolchain.own_libraries import BUNDLE_MIB, REQUIREMENTS, SKLEARN_LOCK, missing_libraries
from evertrain.toolchain.workspace import Workspace


def check(
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Also the deployed stage: is anybody called, does anything wait?")
    ] = False,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    fit: Annotated[
        bool,
        typer.Option("--fit/--no-fit", help="Fit every estimator on made-up rows, and see whether it can be served."),
    ] = True,
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Validate every feature group and model folder; needs no cloud. Exit status 1 is something to mend.

    Every estimator is fitted on 500 made-up rows, converted to what the endpoint serves, and compared with it.
    """
    loaded, served = proven_project(project, fits=fit)
    if deployed:
        from evertrain.cli.operations import check_deployed  # noqa: PLC0415  # brings boto3

        checked = check_deployed(loaded, stage)
        print(json.dumps(json.loads(dump(checked)), indent=2)) if as_json else show.stage_check(checked)
        _require_fitted(served)
        raise typer.Exit(1 if checked.problems else 0)
    if as_json:
        print(json.dumps({"groups": sorted(loaded.groups), "models": _as_document(served)}, indent=2))
    else:
        fitted = {name: proof for name, proof in served.items() if not proof.is_failed}
        show.project(loaded, {name: (proof.rehearsed, proof.told) for name, proof in fitted.items()})
    _require_fitted(served)


@dataclass(frozen=True)
class Proof:
    """Of a model: what came of fitting and converting its estimator on made-up rows, or why that is not known.
    `is_failed`: since the estimator raised."""

    rehearsed: Rehearsal | None
    told: str = ""
    is_failed: bool = False


def _require_fitted(served: Mapping[str, Proof]) -> None:
    """Raises InvalidEstimator where one could not be fitted: nearly always something to mend."""
    if failed := [proof.told for proof in served.values() if proof.is_failed]:
        raise InvalidEstimator(
            f"{'; '.join(failed)}; mend it, or leave this out by --no-fit, if `evertrain backtest` can fit it on "
            "rows of your own"
        )


def proven_project(folder: Path, *, fits: bool) -> tuple[Project, dict[str, Proof]]:
    """And what came of each model. Raises InvalidProject, InvalidEstimator."""
    loaded = load_project(folder)
    return loaded, {name: _proof(folder, spec, fits=fits) for name, spec in loaded.models.items()}


def _proof(project: Path, spec: ModelSpec, *, fits: bool) -> Proof:
    """Raises InvalidEstimator where the model cannot be trained, or cannot be served."""
    path, largest = estimator_path(Path(), spec.name), Proof(None, "not tried: --no-fit")
    _require_libraries(project, spec)
    _try_own_metric(project, spec)
    untried = ""
    for estimator in _different_estimators(project, spec):
        try:
            if spec.endpoint.explore and spec.training.label_weights:
                weight_parameter(estimator)
            if fits:
                rehearsed = _rehearsed(estimator, spec, project)
                if largest.rehearsed is None or rehearsed.size > largest.rehearsed.size:
                    largest = Proof(rehearsed)
        except EstimatorFailed as error:
            untried = f"{path}: {error}"
        except (UnsupportedEstimator, ParityError) as error:
            raise InvalidEstimator(f"{path}: {error}") from error
    return Proof(None, untried, is_failed=True) if untried else largest


def _require_libraries(project: Path, spec: ModelSpec) -> None:
    """Raises InvalidEstimator."""
    needed = {"train.txt": "the training image"}
    if spec.endpoint.tier is Tier.SKLEARN:
        needed[SKLEARN_LOCK] = f'the function of tier "{Tier.SKLEARN}"'
    for lock, what in needed.items():
        if missing := missing_libraries(Workspace.of(project), spec.name, lock=lock):
            lines = " and ".join(missing.values())
            raise InvalidEstimator(
                f"models/{spec.name}/ imports {', '.join(missing)}, which {what} has not; write {lines} into "
                f"{REQUIREMENTS}"
            )


def _rehearsed(estimator: Any, spec: ModelSpec, project: Path) -> Rehearsal:
    """By the declared tier. Where that is flat and refused, the other one is tried before it is proposed."""
    form = Form(write=to_artifact, read=lambda data: read_model(data, root=project))

    def by(tier: Tier) -> Rehearsal:
        declared = replace(spec, endpoint=replace(spec.endpoint, tier=tier))
        return rehearse(estimator, declared, rng=np.random.default_rng(0), timer=perf_counter, form=form)

    try:
        return by(spec.endpoint.tier)
    except UnsupportedEstimator as refused:
        if spec.endpoint.tier is Tier.SKLEARN:
            raise
        try:
            other = by(Tier.SKLEARN)
        except (UnsupportedEstimator, ParityError, EstimatorFailed):
            raise refused from None
        raise UnsupportedEstimator(
            f'{refused}. Or declare tier = "{Tier.SKLEARN}" in [endpoint] of models/{spec.name}/model.toml: '
            f"scikit-learn itself then answers, in {show.cost_of(other.seconds_a_row)} a row, from a function of "
            f"{BUNDLE_MIB[Tier.SKLEARN]:.0f} MiB"
        ) from refused


def _try_own_metric(project: Path, spec: ModelSpec) -> None:
    """Raises InvalidMetric where it gives no number of made-up rows."""
    if (own := load_own_metric(project, spec)) is None:
        return
    rng = np.random.default_rng(0)
    truth = made_up_truth(spec, rng=rng, rows=ROWS)
    value = metric_value(own, truth, made_up_predictions(spec, truth, rng=rng))
    if not isfinite(value):
        raise InvalidMetric(f"models/{spec.name}/{METRIC_FILE}: {spec.metric} of {ROWS} made-up rows is {value}")


def _different_estimators(project: Path, spec: ModelSpec) -> Iterator[Any]:
    """Of the candidates, one of each make: those that differ in numbers alone are converted alike."""
    known = set()
    for parameters in parameter_grid(spec.training.search):
        estimator = load_estimator(project, spec.name, seed=0, parameters=parameters)
        parts = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
        make = (type(estimator), *sorted((name, _make_of(part)) for name, part in parts.items()))
        if make not in known:
            known.add(make)
            yield estimator


def _make_of(part: object) -> str:
    """The same for all numbers; words and switches change what is converted."""
    return repr(part) if part is None or isinstance(part, str | bool) else str(type(part))


def _as_document(served: Mapping[str, Proof]) -> dict[str, Any]:
    return {
        name: {"not_proven": proof.told}
        if proof.rehearsed is None
        else {
            "tier": proof.rehearsed.tier,
            "bundle_mib": BUNDLE_MIB[proof.rehearsed.tier],
            "not_flat": proof.rehearsed.not_flat or None,
            "artifact_bytes": proof.rehearsed.size,
            "microseconds_a_row": round(proof.rehearsed.seconds_a_row * 1e6, 1),
            "parity": proof.rehearsed.parity,
            "explained": proof.rehearsed.seconds_explained is not None,
            "explained_as": proof.rehearsed.explained,
        }
        for name, proof in sorted(served.items())
    }

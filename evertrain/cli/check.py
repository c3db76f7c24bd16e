"""`evertrain check`: is the project right, and with `--deployed` the stage?"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from evertrain.adapters.documents import dump
from evertrain.adapters.project.files import load_project
from evertrain.adapters.training.estimators import InvalidEstimator, estimator_path, load_estimator
from evertrain.domain.project.model import Project
from evertrain.domain.training.candidates import parameter_grid
from evertrain.terminal import show


def check(
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Also the deployed stage: is anybody called, does anything wait?")
    ] = False,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Validate every feature group and model folder; needs no cloud. Exit status 1 is something to mend."""
    loaded = valid_project(project)
    if deployed:
        from evertrain.cli.operations import check_deployed  # noqa: PLC0415  # brings boto3

        checked = check_deployed(loaded, stage)
        print(json.dumps(json.loads(dump(checked)), indent=2)) if as_json else show.stage_check(checked)
        raise typer.Exit(1 if checked.problems else 0)
    if as_json:
        print(json.dumps({"groups": sorted(loaded.groups), "models": sorted(loaded.models)}, indent=2))
    else:
        show.project(loaded)


def valid_project(folder: Path) -> Project:
    """With estimators that can be made. Raises InvalidProject, InvalidEstimator."""
    loaded = load_project(folder)
    for name, spec in loaded.models.items():
        for parameters in parameter_grid(spec.training.search):
            estimator = load_estimator(folder, name, seed=0, parameters=parameters)
            if spec.endpoint.explore and spec.training.label_weights:
                _require_weights(estimator, estimator_path(Path(), name))
    return loaded


def _require_weights(estimator: Any, path: Path) -> None:
    """Raises InvalidEstimator."""
    from evertrain.conversion.fitting import UnsupportedEstimator, weight_parameter  # noqa: PLC0415  # brings sklearn

    try:
        weight_parameter(estimator)
    except UnsupportedEstimator as error:
        raise InvalidEstimator(f"{path}: {error}") from error

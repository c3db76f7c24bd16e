"""The command that shows what a model turned out to be worth."""

from pathlib import Path
from typing import Annotated

import typer

from evertrain.adapters.documents import dump
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.cli.models import find_model
from evertrain.domain.release.registry import UnknownVersion
from evertrain.terminal import show
from evertrain.use_cases.monitoring.performance_status import performance_status


def performance(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a folder below models/")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="the champion when left out")] = "",
    days: Annotated[int, typer.Option(min=1, max=1000, help="Show the last so many days.")] = 14,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how good predictions turned out to be, day by day, beside what was promised at the gate."""
    spec, deployed = find_model(load_project(project), model), Stage.find(stage)
    champion = deployed.registry.champion(model)
    if not version and champion is None:
        raise UnknownVersion(f"{model} has no champion yet, so there is nothing to measure")
    shown = version or (champion.version if champion else "")
    deployed.registry.version(model, shown)  # or it is told that there is none
    status = performance_status(deployed.performance.performance(model, shown), spec.metric)
    print(dump(status).decode()) if as_json else show.performance(status, days=days)

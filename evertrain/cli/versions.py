"""A model's versions: which there are, how two differ, what was noted of one, who answered when, and back to an
earlier one."""

from typing import Annotated

import typer

from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.cli.models import find_model
from evertrain.cli.of_stages import HERE, AsJson, ModelName, ProjectFolder, StageName, print_json
from evertrain.cli.store import parse_past_time
from evertrain.domain.release.differences import differences
from evertrain.domain.release.tags import InvalidTag, parse_tags
from evertrain.terminal.versions_table import (
    show_answered,
    show_differences,
    show_rollout,
    show_tags,
    show_taken_back,
    show_versions,
)


def versions(
    model: ModelName,
    at: Annotated[str | None, typer.Option(help="Who answered then? An ISO 8601 time, UTC.")] = None,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List every version of a model with its window, its score and what the gate said; or who answered at a time."""
    find_model(load_project(project), model)
    deployed = Stage.find(stage)
    registry = deployed.registry
    if moment := parse_past_time("--at", at, now=deployed.now()):
        answered = registry.champion_at(model, moment)
        print_json(answered) if as_json else show_answered(model, moment, answered)
        return
    found = registry.versions(model)
    print_json(found) if as_json else show_versions(found)


def diff(
    model: ModelName,
    first: Annotated[str, typer.Argument(metavar="VERSION", help="as `evertrain versions` names it")],
    second: Annotated[str, typer.Argument(metavar="[VERSION]", help="the champion when left out")] = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell two versions of a model apart: rows, parameters, code, libraries, scores."""
    find_model(load_project(project), model)
    registry = Stage.find(stage).registry
    champion = registry.champion(model)
    other = second or (champion.version if champion else "")
    found = differences(registry.version(model, first), registry.version(model, other))
    print_json(found) if as_json else show_differences(first, other, found)


def tag(
    model: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="as `evertrain versions` names it")],
    tags: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="set these")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Take one away; may be repeated.")] = None,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Note something of a version, for people and programs: who reviewed it, a ticket, an experiment."""
    find_model(load_project(project), model)
    put = parse_tags(tags or [])
    if not put and not remove:
        raise InvalidTag("nothing to change: name KEY=VALUE, or --remove KEY")
    found = Stage.find(stage).registry.tag(model, version, put=put, remove=remove or [])
    print_json(found) if as_json else show_tags(found)


def rollback(
    model: ModelName,
    version: Annotated[
        str,
        typer.Argument(
            metavar="[VERSION]", help="one that answered before; the champion's predecessor when left out"
        ),
    ] = "",
    because: Annotated[str, typer.Option(help="Why, for whoever reads the versions later.")] = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Let an earlier champion answer again, at once: nothing is trained. The next contender is judged against it."""
    find_model(load_project(project), model)
    taken_back = Stage.find(stage).take_back.run(model, version or None, because=because)
    print_json(taken_back) if as_json else show_taken_back(model, taken_back)


def rollout(
    model: ModelName,
    version: Annotated[
        str,
        typer.Argument(metavar="[VERSION]", help="the champion, with new code, when left out"),
    ] = "",
    because: Annotated[str, typer.Option(help="Why, for whoever reads the decisions later.")] = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a version come to answer by the steps of a rollout, without training: the champion with new serving code,
    or one that the gate refused."""
    find_model(load_project(project), model)
    asked = Stage.find(stage).ask_rollout.run(model, version or None, because=because)
    print_json(asked) if as_json else show_rollout(asked)

"""`evertrain doctor`: what is missing on this machine or in the stage, and the command that mends it."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from evertrain.adapters.project.files import load_project
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import Project
from evertrain.terminal.console import console
from evertrain.toolchain.node import NodeMissing, find_node
from evertrain.toolchain.workspace import Workspace

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`remedy`: what to do about it; empty where nothing is wrong."""

    what: str
    told: str
    remedy: str = ""


def doctor(
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at Python, Node, the project, credentials, region and the stage. Exit status 1 is something to mend."""
    findings = list(_findings(stage, project))
    if as_json:
        print(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        for each in findings:
            mark = "[red]✗[/]" if each.remedy else "[green]✓[/]"
            console.print(f"{mark} {each.what}: {escape(each.told)}", soft_wrap=True)
            if each.remedy:
                console.print(f"    {each.remedy}", soft_wrap=True, markup=False)
    raise typer.Exit(1 if any(each.remedy for each in findings) else 0)


def _findings(stage: str, folder: Path) -> Iterator[Finding]:
    """In the order in which one needs them; what rests on something that is missing is not looked at."""
    yield _python()
    workspace = Workspace.of(folder)
    yield _node(workspace)
    loaded, of_project = _project(folder)
    yield of_project
    if find_spec("boto3") is None:
        yield Finding(what="AWS", told="boto3 is not installed", remedy="pip install 'evertrain[aws]'")
        return
    account = _account(workspace)
    yield account
    if not account.remedy and loaded is not None:
        yield from _stage(stage, loaded, workspace)


def _python() -> Finding:
    try:
        installed = version("evertrain")
    except PackageNotFoundError:
        installed = "from a folder"
    told = f"{sys.version.split()[0]}, evertrain {installed}"
    is_new = sys.version_info >= OLDEST_PYTHON
    return Finding(what="Python", told=told, remedy="" if is_new else "make setup PYTHON=python3.13")


def _node(workspace: Workspace) -> Finding:
    """The CDK runs on it."""
    try:
        return Finding(what="Node", told=find_node().version)
    except NodeMissing as error:
        remedy = "make setup" if workspace.is_repository else "pip install 'evertrain[local]'"
        return Finding(what="Node", told=str(error), remedy=remedy)


def _project(folder: Path) -> tuple[Project | None, Finding]:
    try:
        loaded = load_project(folder)
    except EvertrainError as error:
        count = len(str(error).splitlines())
        first = str(error).splitlines()[0]
        return None, Finding(what="project", told=f"{first} ({count} in all)", remedy="evertrain check")
    return loaded, Finding(what="project", told=f"models {', '.join(sorted(loaded.models))}")


_ENTER = 'eval "$(evertrain local env)"'


def _up(workspace: Workspace) -> str:
    return "make local" if workspace.is_repository else "evertrain local up"


def _account(workspace: Workspace) -> Finding:
    from evertrain.adapters.aws.account import account_id  # noqa: PLC0415  # brings boto3

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        return Finding(
            what="AWS",
            told="no region is set",
            remedy=f"export AWS_REGION=eu-central-1, or for the embedded cloud: {_ENTER}",
        )
    try:
        account = account_id()
    except EvertrainError as error:
        remedy = "export AWS_PROFILE=…"
        if endpoint:
            remedy = f"{_up(workspace)}, then: {_ENTER}"
        return Finding(what="AWS", told=str(error), remedy=remedy)
    return Finding(what="AWS", told=f"account {account}" + (f", at {endpoint}" if endpoint else ""))


def _stage(stage: str, project: Project, workspace: Workspace) -> Iterator[Finding]:
    from evertrain.cli.operations import check_deployed  # noqa: PLC0415  # brings boto3

    what = f"stage {stage}"
    try:
        checked = check_deployed(project, stage)
    except EvertrainError as error:
        local = bool(os.environ.get("AWS_ENDPOINT_URL"))
        deploy = "make deploy" if workspace.is_repository else "evertrain deploy"
        remedy = f"{_up(workspace)}, then: {_ENTER}" if local else f"EVERTRAIN_STAGE={stage} {deploy}"
        yield Finding(what=what, told=str(error), remedy=remedy)
        return
    for problem in checked.problems:
        yield Finding(what=what, told=problem, remedy="evertrain check --deployed")
    if not checked.problems:
        yield Finding(what=what, told="somebody is told when needed, nothing waits, and every champion answers")

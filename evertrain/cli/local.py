"""`evertrain local`: the loop on this machine. The embedded cloud, with this folder's models deployed to it."""

import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evertrain.cli.extras import require_extra
from evertrain.domain.errors import EvertrainError
from evertrain.terminal.console import console
from evertrain.toolchain.cdk import run_cdk
from evertrain.toolchain.embedded_cloud import ACCOUNT, REGION, EmbeddedCloud
from evertrain.toolchain.environments import install_environments
from evertrain.toolchain.workspace import Workspace

STAGE = "local"
BAKE_SECONDS = 20
"""Of each step of a rollout, unless `-c bake=` says otherwise."""

SHORT_ROLLOUTS = (
    f"each step of a rollout lasts {BAKE_SECONDS} seconds here, in place of what [rollout] bake declares; "
    "-c bake=SECONDS chooses"
)

app = typer.Typer(help="The loop on this machine: an embedded cloud with this folder's models.", no_args_is_help=True)

ProjectFolder = Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")]
StageName = Annotated[str, typer.Option("--stage", help="Which deployment.")]
HERE = Path()


class DeploymentFailed(EvertrainError):
    """`cdk deploy` to the embedded cloud."""


class NotRunning(EvertrainError):
    """The embedded cloud."""


@app.command()
def up(
    stage: StageName = STAGE,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the embedded cloud; by default 4566, or where it runs.")
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option("-c", "--context", metavar="KEY=VALUE", help="A choice for the deployment.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Calls of one event source at a time; by default as declared.")
    ] = None,
    project: ProjectFolder = HERE,
) -> None:
    """Start the embedded cloud, if it does not run, and deploy this folder's models to it; again after a change."""
    require_extra("local")
    from evertrain.cli.check import proven_project  # noqa: PLC0415  # brings what the extra does

    models = sorted(proven_project(project, fits=True)[0].models)
    workspace, choices = Workspace.of(project), context or []
    workspace.prepare()
    install_environments(workspace)
    cloud = EmbeddedCloud(workspace=workspace)
    console.print(cloud.start(port=port, concurrency=concurrency), soft_wrap=True, markup=False)
    usual = _usual(choices)
    _deploy(cloud, [f"stage={stage}", *usual, *choices])
    console.print(f"stage {stage} is deployed, with {', '.join(models)}", soft_wrap=True)
    if usual:
        console.print(SHORT_ROLLOUTS, soft_wrap=True, markup=False)
    if "clock=replay" not in choices:
        _tell_next(project, stage, models)


def _usual(choices: list[str]) -> list[str]:
    """Who tries a rollout on a laptop does not want to wait for an hour and a half."""
    is_chosen = any(each.startswith("bake=") or each == "clock=replay" for each in choices)
    return [] if is_chosen else [f"bake={BAKE_SECONDS}"]


def _deploy(cloud: EmbeddedCloud, choices: list[str]) -> None:
    """Raises DeploymentFailed, NodeMissing, CdkMissing."""
    workspace = cloud.workspace
    log = workspace.cloud_home / "deploy.log"
    log.unlink(missing_ok=True)
    console.print(f"cdk deploy, for a minute or two; log {log}", soft_wrap=True, markup=False)
    environment = _without_aws() | cloud.environment()
    options = [word for each in choices for word in ("-c", each)]
    for arguments in (
        ["bootstrap", "--app", "", "--progress", "events", f"aws://{ACCOUNT}/{REGION}"],
        ["deploy", "--all", "--require-approval", "never", "--concurrency", "4", *options],
    ):
        if run_cdk(workspace, arguments, environment=environment, log=log):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
            raise DeploymentFailed(f"cdk {arguments[0]} failed; the end of {log}:\n{tail}")


def _without_aws() -> dict[str, str]:
    """A profile of the caller's would be asked before the embedded cloud's key."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _tell_next(project: Path, stage: str, models: list[str]) -> None:
    model = models[0] if len(models) == 1 else "MODEL"
    where = "" if project == HERE else f" --project {project}"
    on_stage = "" if stage == STAGE else f" --stage {stage}"
    prefix = "make " if Workspace.of(project).is_repository else "evertrain local "
    console.print("\nNext, land your history, and get a first champion:\n")
    for command in (
        f'eval "$(evertrain local env{on_stage}{where})"',
        f"evertrain backfill {model} --rows FILE{where}",
    ):
        console.print(f"  {command}", soft_wrap=True, markup=False)
    console.print(
        f"\n`{prefix}down` stops the cloud and keeps what it holds, `{prefix}forget` begins anew.", soft_wrap=True
    )


@app.command()
def down(project: ProjectFolder = HERE) -> None:
    """Stop the embedded cloud; what it holds is kept."""
    print(EmbeddedCloud(workspace=Workspace.of(project)).stop())


@app.command()
def forget(project: ProjectFolder = HERE) -> None:
    """Stop it and forget what it holds: the next `up` begins anew."""
    print(EmbeddedCloud(workspace=Workspace.of(project)).forget())


@app.command()
def env(stage: StageName = STAGE, project: ProjectFolder = HERE) -> None:
    """Print what points a shell at the embedded cloud: eval "$(evertrain local env)"."""
    environment = _environment_of_running(EmbeddedCloud(workspace=Workspace.of(project)))
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")  # they would be asked before the cloud's own key
    for name, value in (environment | {"EVERTRAIN_STAGE": stage}).items():
        print(f"export {name}={shlex.quote(value)}")


@app.command(hidden=True)
def install(project: ProjectFolder = HERE) -> None:
    """Make the embedded cloud's environments; `make setup` does it before they are needed."""
    workspace = Workspace.of(project)
    workspace.prepare()
    install_environments(workspace)


@app.command()
def status(
    project: ProjectFolder = HERE, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Tell whether the embedded cloud runs and where, what is deployed in it, and what to do next. Exit status 1: it
    does not run."""
    require_extra("local")
    from evertrain.adapters.project.files import load_project  # noqa: PLC0415  # these two bring what the extra does
    from evertrain.cli.local_status import local_models, next_command  # noqa: PLC0415

    cloud = EmbeddedCloud(workspace=Workspace.of(project))
    environment = _environment_of_running(cloud)
    os.environ.update(environment)
    found = local_models()
    next_ = next_command(found, declared=load_project(project).models, stage=STAGE)
    if as_json:
        told = {"endpoint": environment["AWS_ENDPOINT_URL"], "deployed": [asdict(each) for each in found]}
        print(json.dumps(told | {"next": next_}, indent=2))
        return
    console.print(cloud.status() or "", soft_wrap=True, markup=False)
    for each in found:
        answers = f"champion {each.champion}" if each.champion else "no champion yet"
        console.print(f"stage {each.stage}: {each.model}, {answers}", soft_wrap=True, markup=False)
    console.print(f"next: {next_}", soft_wrap=True, markup=False)


def _environment_of_running(cloud: EmbeddedCloud) -> dict[str, str]:
    """Raises NotRunning."""
    environment = cloud.environment()
    if not environment:
        raise NotRunning("the embedded cloud is not running: `evertrain local up` starts it")
    return environment

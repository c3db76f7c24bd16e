"""`evertrain deploy`, to an AWS account, and `evertrain cdk`: the CDK's command line on the app of this project."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from evertrain.adapters.project.files import load_project
from evertrain.cli.extras import require_extra
from evertrain.domain.errors import EvertrainError
from evertrain.toolchain.cdk import run_cdk
from evertrain.toolchain.workspace import Workspace

OptionsOfCdk = Annotated[
    list[str] | None, typer.Argument(metavar="[CDK OPTIONS]…", help="for cdk, such as -c removal=destroy")
]


class CannotDeploy(EvertrainError):
    """Something has to be set or installed first."""

    exit_status = 2


def deploy(
    options: OptionsOfCdk = None,
    stage: Annotated[
        str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment, such as dev or prod.")
    ] = "",
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
) -> None:
    """Deploy the loop with this folder's models to your AWS account, as the stage that EVERTRAIN_STAGE names."""
    require_extra("deploy")
    region = _region(stage)
    load_project(project)
    from evertrain.adapters.aws.account import account_id  # noqa: PLC0415  # brings boto3

    workspace, environment = Workspace.of(project), os.environ | {"EVERTRAIN_STAGE": stage}
    to = f"aws://{account_id()}/{region}"
    for arguments in (["bootstrap", "--app", "", to], ["deploy", "--all", *(options or [])]):
        if status := run_cdk(workspace, arguments, environment=environment):
            raise typer.Exit(status)


def _region(stage: str) -> str:
    """Raises CannotDeploy, with the first thing that is missing."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise CannotDeploy("no region is set: export AWS_REGION=eu-central-1, or where it is to be deployed")
    if not stage:
        raise CannotDeploy("no stage is named: export EVERTRAIN_STAGE=dev, or --stage")
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        raise CannotDeploy(
            f"AWS_ENDPOINT_URL is set to {endpoint}: unset it to deploy to AWS; `evertrain local up` deploys to the "
            "embedded cloud"
        )
    docker = os.environ.get("CDK_DOCKER", "docker")
    if shutil.which(docker) is None:
        raise CannotDeploy(
            f"{docker} is not there, and the training image is built with it: install Docker, or name another "
            "program, such as CDK_DOCKER=finch"
        )
    return region


def cdk(
    arguments: Annotated[
        list[str], typer.Argument(metavar="ARGUMENTS…", help="for cdk, such as diff, or destroy --all")
    ],
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
) -> None:
    """Run the CDK's command line on the app with this folder's models: synth, diff, destroy …"""
    require_extra("deploy")
    raise typer.Exit(run_cdk(Workspace.of(project), arguments))

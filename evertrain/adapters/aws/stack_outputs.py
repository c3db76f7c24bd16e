"""Finds a deployed stage's resources in the outputs of its CloudFormation stacks."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from evertrain.domain.deployment.stacks import StackName, stack_name
from evertrain.domain.errors import EvertrainError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient


_WITH_OUTPUTS = (StackName.DATA, StackName.MONITORING, StackName.TRAINING, StackName.SERVING)


class StageNotDeployed(EvertrainError):
    """There is no such stage where the credentials and the endpoint point."""


def stage_outputs(session: "boto3.Session", stage: str) -> Mapping[str, str]:
    """The outputs of all stacks of a stage, by key. Stacks that are not there are passed over, but one must be.

    Raises StageNotDeployed.
    """
    try:
        cloudformation = session.client("cloudformation")
        outputs: dict[str, str] = {}
        for stack in _WITH_OUTPUTS:
            outputs |= _outputs(cloudformation, stack_name(stage, stack))
    except (NoCredentialsError, NoRegionError) as error:
        raise StageNotDeployed(f"{error}: set credentials and a region, or {_LOCAL}") from error
    if not outputs:
        where = os.environ.get("AWS_ENDPOINT_URL") or f"AWS, region {session.region_name}"
        raise StageNotDeployed(f"stage {stage!r} is not deployed at {where}: run `evertrain deploy`, or {_LOCAL}")
    return outputs


_LOCAL = 'start the laptop\'s own by `evertrain local up`, and go to it by `eval "$(evertrain local env)"`'


def _outputs(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    try:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # CloudFormation's word for "does not exist"
            return {}
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

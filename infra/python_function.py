"""A Python function as all of ours are: its own role, its own log group, no layers, no tracing. One that is too large
for a zip is the training image with another command."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Size, Validations
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.bundles import BuiltBundle


def python_function(
    scope: Construct,
    name: str,
    *,
    bundle: BuiltBundle,
    handler: str,
    description: str,
    memory_mib: int,
    timeout: Duration,
    environment: Mapping[str, str],
    function_name: str | None = None,
    ephemeral_storage: Size | None = None,
    snap_start: bool = False,
) -> lambda_.Function:
    """No reserved concurrency: it would take from the account's other functions, and queues bound ours already.

    `snap_start`: of published versions; what nobody publishes starts as ever.
    """
    role, log_group = _role_with_log(scope, name)
    function = lambda_.Function(
        scope,
        name,
        function_name=function_name,
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_13,
        # The architecture of the training image and of most build machines: one set of wheels, no emulation.
        architecture=lambda_.Architecture.X86_64,
        code=lambda_.Code.from_asset(str(bundle.path), asset_hash=bundle.digest),
        handler=handler,
        memory_size=memory_mib,
        timeout=timeout,
        ephemeral_storage_size=ephemeral_storage,
        snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
        environment=dict(environment),
        log_group=log_group,
        role=role,
        # Batch and decision ids in the logs tell the story; traces would be paid for with each request.
        tracing=lambda_.Tracing.DISABLED,
        # Published versions are what a rollback returns to.
        current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
    )
    Validations.of(function).acknowledge(
        Acknowledgment(
            id="AwsSolutions-L1",
            reason="Python 3.13 is what the locks are resolved and the bytecode is compiled for.",
        )
    )
    return function


def image_function(
    scope: Construct,
    name: str,
    *,
    context: Path,
    base: str,
    handler: str,
    description: str,
    memory_mib: int,
    timeout: Duration,
    environment: Mapping[str, str],
) -> lambda_.Function:
    """From the training image, where its libraries are anyway: a zip may have 250 MB, and they have more.

    `context`, `base`: as of the training job, so that both are one image.
    """
    role, log_group = _role_with_log(scope, name)
    return lambda_.DockerImageFunction(
        scope,
        name,
        description=description,
        architecture=lambda_.Architecture.X86_64,
        code=lambda_.DockerImageCode.from_image_asset(
            str(context),
            platform=ecr_assets.Platform.LINUX_AMD64,
            build_args={"BASE": base},
            entrypoint=["python", "-m", "awslambdaric"],
            cmd=[handler],
        ),
        memory_size=memory_mib,
        timeout=timeout,
        environment=dict(environment),
        log_group=log_group,
        role=role,
        tracing=lambda_.Tracing.DISABLED,
    )


def _role_with_log(scope: Construct, name: str) -> tuple[iam.Role, logs.LogGroup]:
    """Of a function, and all that every function may do: write to its own log."""
    log_group = logs.LogGroup(
        scope,
        f"{name}Logs",
        retention=logs.RetentionDays.THREE_MONTHS,
        # What has to be kept is in the tables; logs may go with the function.
        removal_policy=RemovalPolicy.DESTROY,
    )
    role = iam.Role(scope, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    # Instead of the managed policy, which lets a function write to every log group.
    log_group.grant_write(role)
    return role, log_group

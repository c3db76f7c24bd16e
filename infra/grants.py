"""Permissions by what they let a deployable do. Each stack calls these at its end, function by function.

`prefixes`: folders of the bucket; the whole of it where none is named.
"""

from typing import Literal

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from evertrain.domain.deployment.stacks import serving_function_prefix

ItemOperation = Literal["GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"]


def grant_read_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    """Objects that are there: for one that is not, S3 answers "forbidden"."""
    _allow(grantee, ["s3:GetObject"], _objects(bucket, prefixes))


def grant_find_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    """Objects that may not be there, and lists of them: S3 answers "not found" only to who may list the bucket."""
    grant_read_objects(grantee, bucket, *prefixes)
    _allow(grantee, ["s3:ListBucket"], [bucket.bucket_arn])


def grant_write_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    _allow(grantee, ["s3:PutObject", "s3:AbortMultipartUpload"], _objects(bucket, prefixes))


def grant_delete_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    _allow(grantee, ["s3:DeleteObject"], _objects(bucket, prefixes))


def grant_items(grantee: iam.IGrantable, table: dynamodb.ITable, *operations: ItemOperation) -> None:
    """A transaction needs the operations that it is made of."""
    _allow(grantee, [f"dynamodb:{operation}" for operation in operations], [table.table_arn])


def grant(grantee: iam.IGrantable, *actions: str, on: list[str]) -> None:
    _allow(grantee, list(actions), on)


def grant_on_serving(function: lambda_.Function, stage: str, *actions: str) -> None:
    """By name: the endpoint is a stack of its own, and a model may be added later."""
    stack, functions = Stack.of(function), f"{serving_function_prefix(stage)}*"
    grant(
        function, *actions, on=[f"arn:{stack.partition}:lambda:{stack.region}:{stack.account}:function:{functions}"]
    )
    acknowledge_wildcard(
        function.role or function,
        f"arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:{functions}",
        reason="The serving functions of this stage, those of models to come, and their versions and aliases.",
    )


def _objects(bucket: s3.IBucket, prefixes: tuple[str, ...]) -> list[str]:
    return [bucket.arn_for_objects(f"{prefix}/*") for prefix in prefixes] or [bucket.arn_for_objects("*")]


def _allow(grantee: iam.IGrantable, actions: list[str], resources: list[str]) -> None:
    grantee.grant_principal.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))


def acknowledge_wildcard(construct: IConstruct, resource: str, *, reason: str) -> None:
    """Beside the resource, why no narrower one can be named."""
    rule = f"AwsSolutions-IAM5[Resource::{resource}]"
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))

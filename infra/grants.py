"""Permissions by what they let a deployable do. Each stack calls these at its end, function by function.

`prefixes`: folders of the bucket; the whole of it where none is named.
"""

from aws_cdk import Acknowledgment, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import IConstruct


def grant_read_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    _allow(grantee, ["s3:GetObject"], _objects(bucket, prefixes))
    # Without it S3 answers "forbidden" for what is "not found", and nobody can list a table's log.
    _allow(grantee, ["s3:ListBucket"], [bucket.bucket_arn])


def grant_write_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    _allow(grantee, ["s3:PutObject", "s3:AbortMultipartUpload"], _objects(bucket, prefixes))


def grant_delete_objects(grantee: iam.IGrantable, bucket: s3.IBucket, *prefixes: str) -> None:
    _allow(grantee, ["s3:DeleteObject"], _objects(bucket, prefixes))


def grant_read_items(grantee: iam.IGrantable, *tables: dynamodb.ITable) -> None:
    for table in tables:
        _allow(grantee, ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"], [table.table_arn])


def grant_write_items(grantee: iam.IGrantable, *tables: dynamodb.ITable) -> None:
    grant_read_items(grantee, *tables)
    changes = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem"]
    for table in tables:
        _allow(grantee, [f"dynamodb:{change}" for change in changes], [table.table_arn])


def grant(grantee: iam.IGrantable, *actions: str, on: list[str]) -> None:
    _allow(grantee, list(actions), on)


def _objects(bucket: s3.IBucket, prefixes: tuple[str, ...]) -> list[str]:
    return [bucket.arn_for_objects(f"{prefix}/*") for prefix in prefixes] or [bucket.arn_for_objects("*")]


def _allow(grantee: iam.IGrantable, actions: list[str], resources: list[str]) -> None:
    grantee.grant_principal.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))


def acknowledge_wildcard(construct: IConstruct, resource: str, *, reason: str) -> None:
    """Beside the resource, why no narrower one can be named."""
    rule = f"AwsSolutions-IAM5[Resource::{resource}]"
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))

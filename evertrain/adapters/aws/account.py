"""The account that the credentials belong to, and who in it."""

import boto3

from evertrain.adapters.aws.clients import AWS_ERRORS
from evertrain.domain.errors import EvertrainError


class NoAwsAccount(EvertrainError):
    """There are no credentials, or they are refused."""


def account_id() -> str:
    """Raises NoAwsAccount."""
    try:
        return str(boto3.client("sts").get_caller_identity()["Account"])
    except AWS_ERRORS as error:
        raise NoAwsAccount(f"no AWS account to deploy to: {error}") from error


def caller_name() -> str:
    """Who uses the credentials, as AWS knows them: `user/ada`, `assumed-role/Reviewer/ada`. Raises NoAwsAccount."""
    try:
        return str(boto3.client("sts").get_caller_identity()["Arn"]).rpartition(":")[2]
    except AWS_ERRORS as error:
        raise NoAwsAccount(f"nobody is known by these credentials: {error}") from error

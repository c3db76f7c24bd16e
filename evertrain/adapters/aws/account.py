"""The account that the credentials belong to."""

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

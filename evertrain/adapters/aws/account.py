"""The account that the credentials belong to."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from evertrain.domain.errors import EvertrainError


class NoAccount(EvertrainError):
    """There are no credentials, or they are refused."""


def account_id() -> str:
    """Raises NoAccount."""
    try:
        return str(boto3.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise NoAccount(f"no AWS account to deploy to: {error}") from error

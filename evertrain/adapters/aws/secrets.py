"""Secrets, which stay in Secrets Manager: no variable and no file has them."""

from typing import TYPE_CHECKING

from evertrain.domain.errors import EvertrainError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class NoSuchSecret(EvertrainError):
    """The secret is gone, or has no text."""


def read_secret(client: "SecretsManagerClient", arn: str) -> str:
    """Raises NoSuchSecret."""
    try:
        found = client.get_secret_value(SecretId=arn)
    except client.exceptions.ResourceNotFoundException as error:
        raise NoSuchSecret(f"there is no secret {arn}") from error
    if "SecretString" not in found:
        raise NoSuchSecret(f"the secret {arn} is no text")
    return found["SecretString"]

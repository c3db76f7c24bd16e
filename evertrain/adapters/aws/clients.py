"""boto3 clients, made once for each process. `AWS_ENDPOINT_URL`, region and credentials are boto3's own business."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    # A function waits for its answer: better a retry than a connection that hangs.
    connect_timeout=3,
    read_timeout=30,
)


_SHORT_TIMEOUTS = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=0.5, read_timeout=1.5)

AWS_ERRORS = (ClientError, BotoCoreError)
"""What a call by boto3 may end with."""

CLOUD_FAULTS = (*AWS_ERRORS, OSError)
"""What a call to AWS may end with although nothing is wrong with it: also of Arrow and Delta Lake, where they read
and write objects."""


@cache
def client(service: str) -> Any:
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]  # the service's name is an argument


@cache
def short_timeout_client(service: str) -> Any:
    """Fails fast, within three seconds at most. For calls that somebody waits for but can do without."""
    return boto3.client(service, config=_SHORT_TIMEOUTS)  # type: ignore[call-overload]  # as above

"""LocalStack for these tests: the one at AWS_ENDPOINT_URL, else this host's own, started where it does not run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from localstack_host.installation import Installation
from localstack_host.server import Server

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def installation() -> Installation:
    return Installation(root=ROOT)


@pytest.fixture(scope="session")
def localstack(installation: Installation) -> Iterator[str]:
    """Its endpoint; one that was started here is ended here."""
    server = Server(home=ROOT / ".localstack", installation=installation)
    running = os.environ.get("AWS_ENDPOINT_URL") or server.running_endpoint()
    if not running and not installation.is_complete:
        pytest.skip("LocalStack is not installed: python -m localstack_host setup")
    command = [sys.executable, "-m", "localstack_host", "start"]
    endpoint = running or subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", endpoint)
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.delenv("AWS_PROFILE", raising=False)
        yield endpoint
    if not running:
        server.stop(wait_seconds=20)


@pytest.fixture
def session(localstack: str) -> boto3.Session:
    return boto3.Session(region_name="us-east-1")

"""Contract suites: one set of tests for each port, run over the fake and over the real adapter."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.store.batch_files import S3BatchFiles
from localcloud.launcher import REPOSITORY, EmbeddedCloud
from tests.builders.store import Store

Client = Callable[[str], Any]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """A simulated account, in this process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


@pytest.fixture
def table(aws: boto3.Session) -> Table:
    return create_table(aws.client("dynamodb"), "table")


def create_table(client: Any, name: str) -> Table:
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return Table(client=client, name=name)


# --- an embedded cloud: a free port, an empty home, thrown away at the end --------------------------


@pytest.fixture(scope="session")
def task_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, task_directory: Path) -> Iterator[EmbeddedCloud]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = EmbeddedCloud(
        home=tmp_path_factory.mktemp("cloud"),
        port=port,
        cloud_python=REPOSITORY / ".venv-cloud/bin/python",
        function_python=REPOSITORY / ".venv-lambda/bin/python",
        task_python=Path(sys.executable),
        task_directory=task_directory,
        snapshot_seconds=1,
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(cloud: EmbeddedCloud) -> Client:
    return lambda service: client_of(cloud, service)


def client_of(cloud: EmbeddedCloud, service: str) -> Any:
    variables = cloud.environment()  # each start has its own key
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def table_in_cloud(client: Client) -> Table:
    """For several writers at once: moto's check of a condition and its write are two steps."""
    return create_table(client("dynamodb"), f"table-{uuid4().hex[:8]}")


@pytest.fixture(params=["in a folder", pytest.param("in a bucket", marks=pytest.mark.cloud)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """An empty feature store."""
    return Store(root=tmp_path) if request.param == "in a folder" else store_in_bucket(request, monkeypatch)


def store_in_bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in request.getfixturevalue("cloud").environment().items():
        monkeypatch.setenv(name, value)
    # boto3's own session keeps the keys that it found first, and a restart of the cloud has others.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3, bucket = request.getfixturevalue("client")("s3"), f"store-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    return Store(root=f"s3://{bucket}/tables", files=S3BatchFiles(client=s3, bucket=bucket))

"""An embedded cloud of its own: a free port, an empty home, thrown away at the end."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from localcloud.launcher import REPOSITORY, Cloud

Client = Callable[[str], Any]


@pytest.fixture(scope="session")
def task_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, task_directory: Path) -> Iterator[Cloud]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Cloud(
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
def server_status(cloud: Cloud) -> Path:
    status = Path(f"/proc/{cloud.running_pid()}/status")
    if not status.exists():
        pytest.skip("there is no /proc here to read the server's memory from")
    return status


@pytest.fixture(scope="session")
def client(cloud: Cloud) -> Client:
    def make(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=cloud.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return make

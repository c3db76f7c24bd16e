"""The embedded cloud's own life: starting twice, a port that is taken, and what a kill leaves."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.launcher import REGION, EmbeddedCloud, EmbeddedCloudError

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def new_cloud(cloud: EmbeddedCloud, tmp_path: Path) -> Iterator[EmbeddedCloud]:
    """Of which nobody has asked anything yet."""
    running = replace(cloud, home=tmp_path, port=free_port())
    running.start()
    yield running
    running.stop()


def test_starting_what_runs_already_is_harmless(new_cloud: EmbeddedCloud) -> None:
    pid = new_cloud.running_pid()
    assert new_cloud.start() is None
    assert new_cloud.running_pid() == pid
    assert 0 < new_cloud.memory_mb() < 300


def test_a_shell_that_sources_its_environment_talks_to_it(new_cloud: EmbeddedCloud) -> None:
    command = f". {new_cloud.environment_path} && echo $AWS_ENDPOINT_URL $AWS_REGION"
    sourced = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, text=True, check=True)
    assert sourced.stdout.split() == [new_cloud.endpoint, REGION]
    new_cloud.stop()
    assert not new_cloud.environment_path.exists()


def test_a_port_that_another_holds_is_told(cloud: EmbeddedCloud, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = replace(cloud, home=tmp_path, port=other.getsockname()[1])
        with pytest.raises(EmbeddedCloudError, match="something else listens on port"):
            taken.start()


def test_a_missing_environment_is_told_with_its_remedy(cloud: EmbeddedCloud, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedCloudError, match="make setup"):
        replace(cloud, home=tmp_path, port=free_port(), cloud_python=tmp_path / "python").start()


def test_stopping_what_does_not_run_is_harmless(cloud: EmbeddedCloud, tmp_path: Path) -> None:
    assert replace(cloud, home=tmp_path).stop() is False


def test_after_a_kill_what_was_saved_is_there_again_and_what_was_unpacked_is_not(
    cloud: EmbeddedCloud, client: Client
) -> None:
    table = {"TableName": "kept", "BillingMode": "PAY_PER_REQUEST"}
    client("dynamodb").create_table(
        **table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    client("dynamodb").put_item(TableName="kept", Item={"pk": {"S": "1"}})
    time.sleep(3)
    (cloud.home / "tmp" / "unpacked-function").mkdir()
    pid = cloud.running_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while cloud.running_pid() is not None:
        time.sleep(0.1)
    assert cloud.start() is not None
    assert client("dynamodb").get_item(TableName="kept", Key={"pk": {"S": "1"}})["Item"] == {"pk": {"S": "1"}}
    assert list((cloud.home / "tmp").glob("unpacked-*")) == []

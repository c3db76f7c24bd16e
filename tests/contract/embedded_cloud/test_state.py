"""The embedded cloud's own life: starting twice, a port that is taken, and what a kill leaves."""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.launcher import Cloud, CloudError

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]


def test_starting_what_runs_already_is_harmless(cloud: Cloud) -> None:
    pid = cloud.running_pid()
    assert cloud.start() is None
    assert cloud.running_pid() == pid
    assert 0 < cloud.memory_mb() < 300


def test_a_port_that_another_holds_is_told(cloud: Cloud, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = replace(cloud, home=tmp_path, port=other.getsockname()[1])
        with pytest.raises(CloudError, match="something else listens on port"):
            taken.start()


def test_a_missing_environment_is_told_with_its_remedy(cloud: Cloud, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(CloudError, match="make setup"):
        replace(cloud, home=tmp_path, port=port, cloud_python=tmp_path / "python").start()


def test_stopping_what_does_not_run_is_harmless(cloud: Cloud, tmp_path: Path) -> None:
    assert replace(cloud, home=tmp_path).stop() is False


def test_after_a_kill_what_was_saved_is_there_again_and_what_was_unpacked_is_not(
    cloud: Cloud, client: Client
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

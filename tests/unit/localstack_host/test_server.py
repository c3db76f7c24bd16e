"""Starting is refused in one sentence where it cannot work; what does not run is not an error to stop."""

import socket
from pathlib import Path

import pytest

from localstack_host.installation import Installation
from localstack_host.server import NotStarted, Server


def an_installation(root: Path, *, program: str) -> Installation:
    """One whose LocalStack is this shell script."""
    installation = Installation(root=root)
    (installation.libraries / "java" / "21").mkdir(parents=True)
    (installation.libraries / "dynamodb-local" / "2").mkdir(parents=True)
    (installation.libraries / "dynamodb-local" / "2" / "DynamoDBLocal.jar").touch()
    for python in (installation.python, installation.lambda_python):
        python.parent.mkdir(parents=True)
        python.write_text(f"#!/bin/sh\n{program}\n")
        python.chmod(0o755)
    return installation


def a_server(tmp_path: Path, *, program: str = "exit 1") -> Server:
    return Server(home=tmp_path / "home", installation=an_installation(tmp_path, program=program))


def say_nothing(_: str) -> None:
    """These tests read errors."""


def test_what_is_not_installed_is_not_started(tmp_path: Path) -> None:
    server = Server(home=tmp_path / "home", installation=Installation(root=tmp_path))
    with pytest.raises(NotStarted, match="not installed: run `python -m localstack_host setup`"):
        server.start(port=0, wait_seconds=1, report_progress=say_nothing)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NotStarted, match=f"port {port}: .*in use"):
            a_server(tmp_path).start(port=port, wait_seconds=1, report_progress=say_nothing)


def test_the_end_of_the_log_is_told_when_it_does_not_come_up(tmp_path: Path) -> None:
    server = a_server(tmp_path, program="echo no room; exit 1")
    with pytest.raises(NotStarted, match=r"localstack\.log ends with:\nno room"):
        server.start(port=0, wait_seconds=10, report_progress=say_nothing)
    assert server.running_endpoint() is None


def test_one_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    server = a_server(tmp_path, program="echo $$ >own-id; exec sleep 60")
    with pytest.raises(NotStarted):
        server.start(port=0, wait_seconds=0.5, report_progress=say_nothing)
    own_id = (tmp_path / "home" / "own-id").read_text().strip()
    # Ended, and at most not yet waited for.
    stat = Path(f"/proc/{own_id}/stat")
    assert not stat.exists() or ") Z" in stat.read_text()


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    server = a_server(tmp_path)
    server.stop(wait_seconds=1)
    assert server.running_endpoint() is None

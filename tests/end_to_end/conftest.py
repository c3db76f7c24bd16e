"""A deployed stage for the end-to-end tests: the one at AWS_ENDPOINT_URL, or an embedded cloud of their own."""

import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from evertrain.adapters.aws import clients
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, load_flights
from evertrain.domain.project.model import Project
from localcloud.launcher import EmbeddedCloud
from tests.end_to_end.loop import Loop

REPOSITORY = Path(__file__).parents[2]
STAGE = "e2e"
FIRST_DAY = date(2013, 1, 1)
LARGE = 150_000
"""Bytes. A day of flights has a third of it."""

LABELLED_DAYS = 48
"""As many as both models wait for: 28 days to train on, and gate, validation and embargo."""


@pytest.fixture(scope="session")
def flights() -> Flights:
    return load_flights()


@pytest.fixture(scope="session")
def project() -> Project:
    return load_project(REPOSITORY)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud | None]:
    """None where AWS_ENDPOINT_URL names another one."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        yield None
        return
    with pytest.MonkeyPatch.context() as patch:
        running = _own_cloud(tmp_path_factory.mktemp("cloud"))
        for name, value in running.environment().items():
            patch.setenv(name, value)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, cloud: EmbeddedCloud | None) -> Iterator[Stage]:
    """All stacks, by the ordinary `cdk deploy`."""
    clients.client.cache_clear()
    try:
        _deploy(tmp_path_factory.mktemp("cdk"), bootstrap=cloud is not None)
        yield Stage.find(STAGE)
    finally:
        clients.client.cache_clear()


@pytest.fixture(scope="session")
def loop(stage: Stage, flights: Flights, project: Project) -> Loop:
    """Weeks of flights have landed, and both models' first contenders are champions."""
    loop = Loop(stage=stage, flights=flights, project=project)
    loop.go_through([FIRST_DAY + timedelta(days=offset) for offset in range(LABELLED_DAYS)])
    return loop


def _own_cloud(home: Path) -> EmbeddedCloud:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cloud = EmbeddedCloud(
        home=home,
        port=port,
        cloud_python=REPOSITORY / ".venv-cloud/bin/python",
        function_python=REPOSITORY / ".venv-lambda/bin/python",
        task_python=REPOSITORY / ".venv/bin/python",
        task_directory=REPOSITORY / ".build/train-image",
        record_calls=True,
    )
    cloud.start()
    return cloud


def _deploy(out: Path, *, bootstrap: bool) -> None:
    cdk = str(REPOSITORY / "infra/cdk.sh")
    if bootstrap:
        _run(cdk, "bootstrap", "--app", "", "aws://000000000000/us-east-1")
    context = [f"stage={STAGE}", "clock=replay", "tick=rate(1 minute)", f"large_object_bytes={LARGE}"]
    options = [word for entry in context for word in ("-c", entry)]
    _run(cdk, "deploy", "--all", "--require-approval", "never", "--concurrency", "4", "-o", str(out), *options)


def _run(*command: str) -> None:
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.fail(f"{' '.join(command[:3])} failed:\n{(ran.stdout + ran.stderr)[-3000:]}")

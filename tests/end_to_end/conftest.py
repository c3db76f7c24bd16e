"""A deployed stage for the end-to-end tests: the one at AWS_ENDPOINT_URL, or an embedded cloud of their own."""

import os
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from evertrain.adapters.aws import clients
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, load_flights
from evertrain.domain.project.model import Project
from localcloud.launcher import REPOSITORY, EmbeddedCloud
from tests.end_to_end.deployment import STAGE, deploy, own_cloud, running
from tests.end_to_end.loop import Loop

FIRST_DAY = date(2013, 1, 1)
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
    with running(own_cloud(tmp_path_factory.mktemp("cloud"))) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, cloud: EmbeddedCloud | None) -> Iterator[Stage]:
    """All stacks, by the ordinary `cdk deploy`."""
    clients.client.cache_clear()
    try:
        deploy(tmp_path_factory.mktemp("cdk"), bootstrap=cloud is not None)
        yield Stage.find(STAGE)
    finally:
        clients.client.cache_clear()


@pytest.fixture(scope="session")
def loop(stage: Stage, flights: Flights, project: Project) -> Loop:
    """Weeks of flights have landed, and both models' first contenders are champions."""
    loop = Loop(stage=stage, flights=flights, project=project)
    loop.go_through([FIRST_DAY + timedelta(days=offset) for offset in range(LABELLED_DAYS)])
    return loop

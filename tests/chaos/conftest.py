"""A stage of whose roles each distinct call fails once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from evertrain.adapters.aws import clients
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.demo.flights import load_flights
from evertrain.domain.deployment.stacks import DEAD_LETTERS
from localcloud.launcher import REPOSITORY, EmbeddedCloud
from tests.end_to_end.command_line import evertrain
from tests.end_to_end.deployment import STAGE, deploy, own_cloud, running
from tests.end_to_end.loop import Loop

T = TypeVar("T")

SPARED = {
    f"evertrain-{STAGE}-training-Retraining*": 2,
    f"evertrain-{STAGE}-training-Job*": 400,
    f"evertrain-{STAGE}-training-Ro*": 9,
    f"evertrain-{STAGE}-training-*": 20,
    f"evertrain-{STAGE}-serving-*": 2,
    f"evertrain-{STAGE}-monitoring-MonitorParts*": 30,
    f"evertrain-{STAGE}-monitoring-LargeBatches*": 2,
    f"evertrain-{STAGE}-*": 40,
}
"""More calls than a step of a retraining makes, or a few messages: so that the next attempt succeeds."""

PATIENCE = 300.0
"""Seconds: a message is handed out seven times, over some four minutes."""


@dataclass
class AttendedLoop(Loop):
    """Somebody looks after it: what ends with the dead letters is handed out again."""

    handed_out: Counter[str] = field(default_factory=Counter)

    def wait(self, ask: Callable[[], T | None], *, awaited: str, seconds: float = 0) -> T:
        def look_after_it_and_ask() -> T | None:
            self.redrive()
            return ask()

        return super().wait(look_after_it_and_ask, awaited=awaited, seconds=seconds)

    def redrive(self) -> int:
        """How many messages were handed out now."""
        count = 0
        for queue in DEAD_LETTERS:
            if self.stage.dead_letters(queue).count():
                count += json.loads(evertrain("redrive", queue, "--json").stdout)["redriven"]
                self.handed_out[queue] += count
        return count


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    with running(own_cloud(tmp_path_factory.mktemp("cloud"), chaos=SPARED)) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory, cloud: EmbeddedCloud) -> Iterator[AttendedLoop]:
    clients.client.cache_clear()
    deploy(tmp_path_factory.mktemp("cdk"), bootstrap=True)
    yield AttendedLoop(
        stage=Stage.find(STAGE), flights=load_flights(), project=load_project(REPOSITORY), patience=PATIENCE
    )
    clients.client.cache_clear()

"""The data and the monitoring stack, as `cdk deploy` makes them on LocalStack: they are there, and they work."""

import os
import subprocess
from datetime import date
from pathlib import Path

import boto3
import pytest

from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, after, load_flights
from evertrain.domain.batches import Batch, Feed, FeedKind, Quarantine
from evertrain.terminal.waiting import wait_until
from localstack_host.installation import Installation
from localstack_host.server import Server
from tests.contract.localstack.conftest import ROOT
from tests.end_to_end.real_resources import assert_every_resource_exists

pytestmark = pytest.mark.localstack

STAGE = "contract"
STACKS = (f"evertrain-{STAGE}-data", f"evertrain-{STAGE}-monitoring")
FEATURES = Feed(kind=FeedKind.FEATURES, name="flights")
DAY = date(2013, 1, 1)


def cdk(*arguments: str, out: Path) -> None:
    command = ["infra/cdk.sh", *arguments, "--progress", "events", "--output", str(out)]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"CI": "true"}, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


@pytest.fixture(scope="module")
def stage(localstack: str, installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    out = tmp_path_factory.mktemp("cdk.out")
    cdk("bootstrap", "aws://000000000000/us-east-1", "--app", "", out=out)
    here = Server(home=ROOT / ".localstack", installation=installation).running_at() == localstack
    options = {
        "stage": STAGE,
        "clock": "replay",
        "removal": "destroy",
        "bundles": str(installation.lambda_python) if here else "aws",
    }
    context = [word for key, value in options.items() for word in ("--context", f"{key}={value}")]
    cdk("deploy", *STACKS, *context, "--require-approval", "never", out=out)
    return Stage.find(STAGE)


@pytest.fixture(scope="module")
def flights() -> Flights:
    return load_flights()


def test_every_resource_exists(stage: Stage, session: boto3.Session) -> None:
    assert_every_resource_exists(session, *STACKS)


def test_a_landed_batch_is_checked_and_committed_once(stage: Stage, flights: Flights) -> None:
    stage.set_replayed_now(after(DAY))
    body = flights.features(DAY)
    for name in ("first.parquet", "the-same-again.parquet"):
        stage.land(FEATURES, name, body)
    batch = wait_until(lambda: stage.fate(FEATURES, body), seconds=60, for_what="the landed batch")
    assert isinstance(batch, Batch)
    state = wait_until(lambda: stage.tables.get(FEATURES), seconds=60, for_what="the commit")
    assert state.rows == batch.rows == 842


def test_a_broken_batch_is_quarantined(stage: Stage) -> None:
    stage.set_replayed_now(after(DAY))
    body = b"no Parquet file"
    stage.land(FEATURES, "broken.parquet", body)
    fate = wait_until(lambda: stage.fate(FEATURES, body), seconds=60, for_what="the quarantine")
    assert isinstance(fate, Quarantine)
    assert [fault.code for fault in fate.faults] == ["unparsable"]

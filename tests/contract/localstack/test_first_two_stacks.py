"""The data and the monitoring stack, as `cdk deploy` makes them on LocalStack: they are there, and they work."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from evertrain.adapters.aws.clients import client
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, load_flights, reported_at
from evertrain.domain.deciding.decisions import Action, Reason
from evertrain.domain.landing.batches import Batch, Feed, FeedKind, Quarantine
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.statistics.layouts import Categories
from evertrain.statistics.reference import build_reference
from evertrain.terminal.waiting import wait_until
from localstack_host.installation import Installation
from localstack_host.server import Server
from tests.builders.registry import a_version, champion_of
from tests.contract.localstack.conftest import ROOT
from tests.end_to_end.real_resources import assert_every_resource_exists

pytestmark = pytest.mark.localstack

STAGE = "contract"
STACKS = (f"evertrain-{STAGE}-data", f"evertrain-{STAGE}-monitoring")
FEATURES = Feed(kind=FeedKind.FEATURES, name="flights")
DAY = date(2013, 1, 1)


def cdk(*arguments: str, out: Path) -> None:
    command = [".venv/bin/evertrain", "cdk", *arguments, "--progress", "events", "--output", str(out)]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"CI": "true"}, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


@pytest.fixture(scope="module")
def stage(localstack: str, installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    out = tmp_path_factory.mktemp("cdk.out")
    cdk("bootstrap", "aws://000000000000/us-east-1", "--app", "", out=out)
    here = Server(home=ROOT / ".localstack", installation=installation).running_endpoint() == localstack
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
    stage.set_replay_clock(reported_at(DAY))
    body = flights.features(DAY)
    for name in ("first.parquet", "the-same-again.parquet"):
        stage.land(FEATURES, name, body)
    batch = wait_until(lambda: stage.landing_result(FEATURES, body), seconds=60, awaited="the landed batch")
    assert isinstance(batch, Batch)
    state = wait_until(lambda: stage.tables.get(FEATURES), seconds=60, awaited="the commit")
    assert state.rows == batch.rows == 842


def test_a_broken_batch_is_quarantined(stage: Stage) -> None:
    stage.set_replay_clock(reported_at(DAY))
    body = b"no Parquet file"
    stage.land(FEATURES, "broken.parquet", body)
    landing_result = wait_until(lambda: stage.landing_result(FEATURES, body), seconds=60, awaited="the quarantine")
    assert isinstance(landing_result, Quarantine)
    assert [fault.code for fault in landing_result.faults] == ["unparsable"]


# --- drift and decisions: a champion is put into the registry by hand, as nothing can train one here ---------


@pytest.fixture(scope="module")
def winter_champion(stage: Stage, flights: Flights) -> str:
    """A version of `flights` with a true reference: the flights of three weeks in January."""
    spec = load_project(ROOT).models["flights"]
    rows = flights.table[(flights.table["day"] >= date(2013, 1, 2)) & (flights.table["day"] < date(2013, 1, 23))]
    columns = {
        feature.name: Categories.from_values(rows[feature.name])
        if feature.kind is FeatureKind.CATEGORICAL
        else rows[feature.name].to_numpy(dtype=np.float64)
        for feature in spec.features
    }
    days = rows["scheduled_departure"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    reference = build_reference(columns, spec.features, blocks=days)
    stored = stage.artifacts.put(reference.to_bytes(), prefix="references/flights", suffix=".reference")
    version = replace(a_version("v1"), model="flights", reference_uri=stored.uri)
    stage.registry.register(version)
    since = reported_at(date(2013, 2, 1))
    champion = replace(champion_of("v1", since=since), model="flights", reference_uri=stored.uri)
    stage.registry.promote(champion, expected_champion=None)
    return champion.version


@pytest.fixture(scope="module")
def retrain_requests(stage: Stage) -> str:
    """A queue that gets what would start the state machine."""
    sqs, events = client("sqs"), client("events")
    url: str = sqs.create_queue(QueueName="retrain-requests")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = stage.output("EventBusName")
    events.put_rule(
        Name="retrain-requests", EventBusName=bus, EventPattern=json.dumps({"detail-type": ["RetrainRequested"]})
    )
    events.put_targets(Rule="retrain-requests", EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    return url


def landed(stage: Stage, feed: Feed, body: bytes, name: str) -> Any:
    stage.land(feed, name, body)
    return wait_until(lambda: stage.landing_result(feed, body), seconds=60, awaited=name)


def test_summer_is_drift_for_a_winter_s_champion_and_without_labels_a_person_is_called(
    stage: Stage, flights: Flights, winter_champion: str
) -> None:
    days = [date(2013, 7, 10) + timedelta(days=offset) for offset in range(4)]
    for day in days:
        stage.set_replay_clock(reported_at(day))
        batch = landed(stage, FEATURES, flights.features(day), f"{day}.parquet")
        assert isinstance(batch, Batch)
        (verdict,) = [v for v in stage.batches.batch_verdicts(FEATURES, batch.batch_id) if v.model == "flights"]
        assert verdict.status is DriftStatus.DRIFTED
        assert verdict.reference_version == winter_champion
        assert "temperature" in verdict.drifted_features
    # No label has landed at all: a person is told, once, that this drift cannot be answered.
    told = wait_until(
        lambda: (
            [
                entry
                for entry in stage.decisions.decisions("flights", limit=50)
                if entry.decision.reason is Reason.LABELS_OVERDUE
            ]
            or None
        ),
        seconds=60,
        awaited="the decision on four days of drift",
    )
    assert [entry.decision.action for entry in told] == [Action.ESCALATE]


def test_a_person_s_request_becomes_one_retrain_request(
    stage: Stage, flights: Flights, winter_champion: str, retrain_requests: str
) -> None:
    labels = Feed(kind=FeedKind.LABELS, name="flights")
    days = [date(2013, 7, 1) + timedelta(days=offset) for offset in range(7)]
    for day in days:
        assert isinstance(landed(stage, labels, flights.labels(day, label="late"), f"{day}.parquet"), Batch)
    wait_until(
        lambda: (stage.tables.get(labels) and stage.tables.get(labels).rows > 5000) or None,  # type: ignore[union-attr]
        seconds=90,
        awaited="the labels' commits",
    )
    cause = stage.ask_for_retraining("flights", reason="a test asks")
    decision = wait_until(lambda: stage.decision_for(cause), seconds=60, awaited="the decision")
    assert decision.decision.action is Action.RETRAIN, decision.decision.sentence
    messages = wait_until(
        lambda: client("sqs").receive_message(QueueUrl=retrain_requests, WaitTimeSeconds=2).get("Messages"),
        seconds=60,
        awaited="RetrainRequested",
    )
    assert [json.loads(message["Body"])["detail"]["decision_id"] for message in messages] == [decision.decision_id]
    assert stage.leases.is_held("flights")


def test_a_message_that_cannot_be_handled_ends_among_the_dead_letters(stage: Stage) -> None:
    sqs, queue = client("sqs"), stage.output("LandedQueueUrl")
    as_deployed = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    # The second delivery is the last: seven take four minutes.
    policy = json.loads(as_deployed["RedrivePolicy"]) | {"maxReceiveCount": 2}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})
    try:
        sqs.send_message(QueueUrl=queue, MessageBody="this is no event")
        dead = wait_until(
            lambda: sqs.receive_message(QueueUrl=stage.output("LandedDeadQueueUrl"), WaitTimeSeconds=2).get(
                "Messages"
            ),
            seconds=90,
            awaited="the dead letter",
        )
        assert [message["Body"] for message in dead] == ["this is no event"]
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=as_deployed)

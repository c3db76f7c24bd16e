"""The check of a large object is started once for an event, and again where it failed."""

import json

import boto3
import pytest

from evertrain.adapters.landing.partwise_executions import PartwiseExecutions
from evertrain.domain.landing.batches import LandedObject

LANDED = LandedObject(bucket="landing", key="features/trips/1.parquet")
ROLE = "arn:aws:iam::123456789012:role/anyone"


@pytest.fixture
def machine(aws: boto3.Session) -> str:
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
    made = aws.client("stepfunctions").create_state_machine(
        name="large", definition=json.dumps(definition), roleArn=ROLE
    )
    return str(made["stateMachineArn"])


def test_an_event_starts_one_execution_however_often_it_comes(aws: boto3.Session, machine: str) -> None:
    client = aws.client("stepfunctions")
    checks = PartwiseExecutions(client=client, state_machine_arn=machine)
    assert checks.start(LANDED, event_id="e1") == checks.start(LANDED, event_id="e1")
    checks.start(LANDED, event_id="e2")
    executions = client.list_executions(stateMachineArn=machine)["executions"]
    assert len(executions) == 2
    told = json.loads(client.describe_execution(executionArn=executions[0]["executionArn"])["input"])
    assert {"bucket": "landing", "key": LANDED.key} == {key: told[key] for key in ("bucket", "key")}


def test_after_a_failure_the_same_event_starts_another(aws: boto3.Session, machine: str) -> None:
    client = aws.client("stepfunctions")
    checks = PartwiseExecutions(client=client, state_machine_arn=machine)
    first = checks.start(LANDED, event_id="e1")
    client.stop_execution(executionArn=f"{machine.replace('stateMachine', 'execution')}:{first}")
    assert checks.start(LANDED, event_id="e1") == f"{first.removesuffix('-1')}-2"

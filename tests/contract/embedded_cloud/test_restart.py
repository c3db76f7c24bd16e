"""An execution that a stop of the cloud cuts off has ended, and is announced, at the next start."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from localcloud.launcher import EmbeddedCloud
from tests.contract.embedded_cloud.roles import ROLE

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]


def test_an_execution_that_a_stop_cuts_off_is_announced_once(cloud: EmbeddedCloud, client: Client) -> None:
    name = f"cut-{uuid4().hex[:8]}"
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    principal = {"Service": "events.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": arn}
    only_tls = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement, only_tls]})
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 300, "End": True}}}
    machine = client("stepfunctions").create_state_machine(name=name, definition=json.dumps(waiting), roleArn=ROLE)
    pattern = {
        "source": ["aws.states"],
        "detail": {"stateMachineArn": [machine["stateMachineArn"]], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    execution = client("stepfunctions").start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")
    time.sleep(1)

    for _ in range(2):
        assert cloud.stop()
        assert cloud.start() is not None
    described = client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    assert described["status"] == "FAILED"
    received = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)["Messages"]
    (event,) = [json.loads(message["Body"]) for message in received]
    assert event["detail"]["executionArn"] == execution["executionArn"]

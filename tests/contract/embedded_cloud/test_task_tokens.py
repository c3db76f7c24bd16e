"""States of the embedded cloud that wait for whoever was handed their token."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from evertrain.adapters.release.approvals import StepFunctionsWaiting
from evertrain.domain.deployment.steps import ApprovalAnswer
from tests.contract.embedded_cloud.roles import ROLE, make_role
from tests.contract.embedded_cloud.test_containers import ended
from tests.contract.embedded_cloud.test_functions import a_function

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]

HANDS_ON = """
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket=event["bucket"], Key="token", Body=event["token"])
"""
FAILS = "class Unreachable(Exception): pass\ndef handler(event, context):\n    raise Unreachable('nobody was told')"


def a_machine(client: Client, code: str, *, seconds: int, role: str = ROLE) -> tuple[Any, str, str]:
    """An execution that waits, its client, and the bucket that its token is handed on in."""
    name = f"waits-{uuid4().hex[:8]}"
    client("s3").create_bucket(Bucket=name)
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "TimeoutSecondsPath": "$.seconds",
        "Parameters": {
            "FunctionName": a_function(client, code),
            "Payload": {"token.$": "$$.Task.Token", "bucket": name},
        },
        "ResultPath": "$.answered",
        "End": True,
    }
    states = client("stepfunctions")
    definition = json.dumps({"StartAt": "Wait", "States": {"Wait": state}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    started = states.start_execution(stateMachineArn=machine, input=json.dumps({"seconds": seconds}))
    return states, started["executionArn"], name


def token_of(client: Client, bucket: str) -> str:
    for _ in range(200):
        if client("s3").list_objects_v2(Bucket=bucket).get("Contents"):
            return str(client("s3").get_object(Bucket=bucket, Key="token")["Body"].read().decode())
        time.sleep(0.1)
    raise AssertionError("no token was handed on")


def test_a_state_waits_for_the_first_answer_and_goes_on_with_it(client: Client) -> None:
    states, execution, bucket = a_machine(client, HANDS_ON, seconds=60)
    token, waiting = token_of(client, bucket), StepFunctionsWaiting(client=states)
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert waiting.resume(token, answer=ApprovalAnswer.APPROVED, sentence="by ada")
    assert not waiting.resume(token, answer=ApprovalAnswer.REJECTED, sentence="by bob")
    found = ended(states, execution)
    assert found["status"] == "SUCCEEDED"
    assert json.loads(found["output"])["answered"] == {"answer": "approved", "sentence": "by ada"}
    assert not waiting.resume(token, answer=ApprovalAnswer.REJECTED, sentence="by bob")
    assert not waiting.resume("made-up", answer=ApprovalAnswer.APPROVED, sentence="")


def test_the_wait_ends_at_the_time_that_the_input_names(client: Client) -> None:
    states, execution, bucket = a_machine(client, HANDS_ON, seconds=1)
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")
    token = token_of(client, bucket)
    late = StepFunctionsWaiting(client=states).resume(token, answer=ApprovalAnswer.APPROVED, sentence="")
    assert not late


def test_a_function_that_fails_to_hand_the_token_on_fails_the_state(client: Client) -> None:
    states, execution, _ = a_machine(client, FAILS, seconds=60)
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "Unreachable")


def test_nobody_can_answer_an_execution_that_was_stopped(client: Client) -> None:
    states, execution, bucket = a_machine(client, HANDS_ON, seconds=60)
    token, waiting = token_of(client, bucket), StepFunctionsWaiting(client=states)
    states.stop_execution(executionArn=execution)
    time.sleep(0.5)  # it looks every tenth of a second
    assert not waiting.resume(token, answer=ApprovalAnswer.APPROVED, sentence="")
    assert ended(states, execution)["status"] == "ABORTED"


def test_the_function_is_called_with_the_machine_s_permissions(client: Client) -> None:
    role = make_role(client("iam"), f"idle-{uuid4().hex[:6]}")
    states, execution, _ = a_machine(client, HANDS_ON, seconds=60, role=role)
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "AccessDeniedException")

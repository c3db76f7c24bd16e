"""An execution runs, or it has ended and says how."""

import json

import boto3

from evertrain.adapters.training.executions import StepFunctionsExecutions
from evertrain.ports.executions import ExecutionState

ROLE = "arn:aws:iam::123456789012:role/any"


def test_an_execution_runs_until_it_is_stopped_and_an_unknown_one_has_ended(aws: boto3.Session) -> None:
    states = aws.client("stepfunctions", region_name="us-east-1")
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 300, "End": True}}}
    machine = states.create_state_machine(name="m", definition=json.dumps(waiting), roleArn=ROLE)["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    executions = StepFunctionsExecutions(client=states)
    assert executions.state(arn) == ExecutionState(is_running=True)

    states.stop_execution(executionArn=arn, error="Stopped", cause="by hand")
    state = executions.state(arn)
    assert not state.is_running
    assert state.description.startswith("its execution ended as ABORTED")

    gone = executions.state(arn.replace(arn.rpartition(":")[2], "gone"))
    assert gone == ExecutionState(is_running=False, description="its execution is not known any more")

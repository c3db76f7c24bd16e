"""ECS tasks under Step Functions on the embedded cloud: run as processes, judged by their exit codes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.embedded_cloud.roles import ROLE

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]


def execution_of(client: Client, job: Path, source: str, *, timeout: int = 30, **environment: str) -> dict[str, Any]:
    """Runs the source as a container task in a state machine; returns the execution when it has ended."""
    name = f"job{uuid4().hex[:8]}"
    (job / f"{name}.py").write_text(source)
    machine = machine_of(client, name, timeout=timeout, **environment)
    functions = client("stepfunctions")
    execution = functions.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    return ended(functions, execution)


def machine_of(client: Client, name: str, *, timeout: int, **environment: str) -> str:
    ecs = client("ecs")
    ecs.create_cluster(clusterName=name)
    container = {"name": "job", "image": "none", "command": ["python", "-m", name], "essential": True}
    ecs.register_task_definition(
        family=name,
        taskRoleArn=ROLE,
        containerDefinitions=[container],
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
    )
    override = {"Name": "job", "Environment": [{"Name": key, "Value": value} for key, value in environment.items()]}
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "TimeoutSeconds": timeout,
        "Parameters": {
            "Cluster": name,
            "TaskDefinition": name,
            "LaunchType": "FARGATE",
            "Overrides": {"ContainerOverrides": [override]},
        },
        "End": True,
    }
    created = client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps({"StartAt": "Run", "States": {"Run": state}}), roleArn=ROLE
    )
    return str(created["stateMachineArn"])


def ended(functions: Any, execution: str) -> dict[str, Any]:
    for _ in range(300):
        described: dict[str, Any] = functions.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.1)
    raise AssertionError("the execution did not end")


def test_a_task_runs_with_its_environment_and_reaches_the_cloud(client: Client, task_directory: Path) -> None:
    client("s3").create_bucket(Bucket="answers")
    source = (
        "import boto3, os\n"
        "boto3.client('s3').put_object(Bucket='answers', Key='window', Body=os.environ['WINDOW'].encode())\n"
    )
    ran = execution_of(client, task_directory, source, WINDOW="28d")
    assert ran["status"] == "SUCCEEDED"
    assert client("s3").get_object(Bucket="answers", Key="window")["Body"].read() == b"28d"


def test_a_task_that_exits_with_an_error_fails_its_state(client: Client, task_directory: Path) -> None:
    ran = execution_of(client, task_directory, "raise SystemExit(3)")
    assert ran["status"] == "FAILED"
    assert ran["error"] == "States.TaskFailed"
    assert json.loads(ran["cause"])["Containers"][0]["ExitCode"] == 3


def test_a_state_that_times_out_stops_its_task(client: Client, task_directory: Path) -> None:
    marker = task_directory / f"marker-{uuid4().hex}"
    source = f"import time, pathlib\ntime.sleep(6)\npathlib.Path({str(marker)!r}).touch()"
    ran = execution_of(client, task_directory, source, timeout=1)
    assert ran["status"] in ("FAILED", "TIMED_OUT")
    time.sleep(7)
    assert not marker.exists()


def test_an_execution_that_is_stopped_stays_aborted_and_its_task_ends(client: Client, task_directory: Path) -> None:
    marker, name = task_directory / f"marker-{uuid4().hex}", f"job{uuid4().hex[:8]}"
    (task_directory / f"{name}.py").write_text(
        f"import time, pathlib\ntime.sleep(4)\npathlib.Path({str(marker)!r}).touch()"
    )
    functions = client("stepfunctions")
    machine = machine_of(client, name, timeout=30)
    execution = functions.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    time.sleep(1)
    functions.stop_execution(executionArn=execution)
    time.sleep(5)
    assert functions.describe_execution(executionArn=execution)["status"] == "ABORTED"
    assert not marker.exists()


def test_a_task_that_is_stopped_fails_its_state_as_one_that_was_ended(client: Client, task_directory: Path) -> None:
    name = f"job{uuid4().hex[:8]}"
    (task_directory / f"{name}.py").write_text("import time\ntime.sleep(20)")
    functions, ecs = client("stepfunctions"), client("ecs")
    machine = machine_of(client, name, timeout=30)
    execution = functions.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ecs.stop_task(cluster=name, task=running_task(ecs, name), reason="the capacity is needed elsewhere")
    ran = ended(functions, execution)
    assert (ran["status"], ran["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ran["cause"])
    assert cause["Containers"][0]["ExitCode"] == 143
    assert cause["StopCode"] != "EssentialContainerExited"


def running_task(ecs: Any, cluster: str) -> str:
    for _ in range(100):
        if arns := ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"]:
            return str(arns[0])
        time.sleep(0.1)
    raise AssertionError("no task was started")

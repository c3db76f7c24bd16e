"""ECS: tasks run as local processes, with their task role's credentials."""

import atexit
import os
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import ecs

from localcloud.patches.patching import replaces
from localcloud.process_containers import ProcessDockerClient


def run_tasks_as_processes() -> None:
    """AWS runs a task's containers and stops the task when they exit; ministack needs Docker for that."""
    docker = ProcessDockerClient(
        python=os.environ["LOCALCLOUD_TASK_PYTHON"],
        directory=os.environ["LOCALCLOUD_TASK_DIRECTORY"],
        bytecode=os.environ["LOCALCLOUD_BYTECODE"],
        log_directory=Path(os.environ["LOCALCLOUD_HOME"]) / "tasks",
    )
    atexit.register(docker.stop_all)

    @replaces(ecs, "_get_docker")
    def get_docker(original: Any) -> ProcessDockerClient:
        return docker

    @replaces(ecs, "_build_run_kwargs")
    def build_run_kwargs(original: Any, container: Any, definition: Any, environment: Any, *rest: Any) -> Any:
        region, account = definition["taskDefinitionArn"].split(":")[3:5]
        credentials = lambda_runtime.execution_credentials(
            {
                "FunctionName": definition["family"],
                "FunctionArn": f"arn:aws:lambda:{region}:{account}:function:{definition['family']}",
                "Role": definition.get("taskRoleArn", ""),
            }
        )
        reachable = {
            name: value
            for name, value in environment.items()
            if not name.startswith("AWS_CONTAINER_") and "host.docker.internal" not in value
        }
        arguments = original(container, definition, environment, *rest)
        arguments["command"] = [*(container.get("entryPoint") or []), *(container.get("command") or [])]
        arguments["environment"] = (
            reachable
            | credentials
            | {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
            }
        )
        return arguments


def report_exit_code_of_stopped_tasks() -> None:
    """A process that is asked to end, and does not listen for it, dies of SIGTERM: AWS reports 143, ministack 0."""

    @replaces(ecs, "_mark_task_stopped")
    def mark_task_stopped(original: Any, *args: Any, exit_code: Any = None) -> Any:
        *_, stop_code = args
        return original(*args, exit_code=143 if stop_code == "UserInitiated" else exit_code)

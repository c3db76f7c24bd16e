"""Step Functions: a container task fails when its container does, and ends when its state does."""

import contextvars
import json
import threading
import time
from typing import Any

from ministack import app
from ministack.core import responses
from ministack.services import ecs, stepfunctions

from localcloud.patches.patching import replaces

_POLL_SECONDS = 0.1

_deadline = contextvars.ContextVar("deadline", default=float("inf"))
_execution: contextvars.ContextVar[Any] = contextvars.ContextVar("execution", default=None)


class ExecutionEnded(Exception):
    """The execution was stopped while its task ran: nothing is left to retry or to catch."""


def current_execution() -> Any:
    """That whose task runs in this thread; None outside of one. Known once `track_executions` is in place."""
    return _execution.get()


def track_executions() -> None:
    """What a task does is asked about, and ended, with the execution that it belongs to."""

    @replaces(stepfunctions, "_execute_task")
    def execute_task(original: Any, state: Any, data: Any, execution: Any, context: Any) -> Any:
        token = _execution.set(execution)
        try:
            return original(state, data, execution, context)
        finally:
            _execution.reset(token)


def honour_exit_codes() -> None:
    """AWS fails a runTask.sync state (States.TaskFailed, the task as its cause) when a container exits non-zero.

    ministack always succeeds, and waits ten minutes at most.
    """

    @replaces(stepfunctions, "_poll_ecs_tasks")
    def poll_ecs_tasks(original: Any, cluster: str, arns: list[str]) -> Any:
        while True:
            described = json.loads(ecs._describe_tasks({"cluster": cluster, "tasks": arns})[2])["tasks"]
            if len(described) == len(arns) and all(task["lastStatus"] == "STOPPED" for task in described):
                break
            try:
                _raise_if_ended()
            except Exception:
                for arn in arns:
                    ecs._stop_task({"cluster": cluster, "task": arn, "reason": "Stopped by Step Functions"})
                raise
            time.sleep(_POLL_SECONDS)
        tasks = [_pascal_case(task) for task in described]
        for task in tasks:
            if any(container.get("ExitCode") != 0 for container in task["Containers"]):
                raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(task))
        return tasks[0] if len(tasks) == 1 else tasks


def stop_tasks_of_ended_states() -> None:
    """AWS stops a task when its state times out or its execution is stopped; ministack lets it run on.

    When such a task ends at last, ministack also turns the ABORTED execution into a FAILED one.
    """

    @replaces(stepfunctions, "_invoke_resource_with_timeout")
    def invoke_resource_with_timeout(original: Any, resource: str, data: Any, timeout: float) -> Any:
        if "ecs:runTask.sync" not in resource:
            return original(resource, data, timeout)
        token = _deadline.set(time.monotonic() + timeout)
        try:
            return stepfunctions._invoke_resource(resource, data)
        finally:
            _deadline.reset(token)

    @replaces(stepfunctions, "_fail_execution")
    def fail_execution(original: Any, execution: Any, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)


def read_timeouts_from_paths() -> None:
    """AWS takes a state's timeout from its input where TimeoutSecondsPath says so; ministack then knows none."""

    @replaces(stepfunctions, "_execute_task")
    def execute_task(original: Any, state: Any, data: Any, execution: Any, context: Any) -> Any:
        if "TimeoutSecondsPath" in state:
            seconds = stepfunctions._resolve_path(state["TimeoutSecondsPath"], data)
            state = {**state, "TimeoutSeconds": seconds}
        return original(state, data, execution, context)


def wait_for_answers() -> None:
    """AWS fails a task that waits for its token when the function fails that was to hand the token on, asks the
    machine's role, and ends the wait with the execution. ministack waits on, and asks nobody."""

    @replaces(stepfunctions, "_invoke_with_callback")
    def invoke_with_callback(original: Any, resource: str, data: Any, token: str, state: Any) -> Any:
        if "states:::lambda:invoke" not in resource:
            return original(resource, data, token, state)
        waiting: dict[str, Any] = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
        stepfunctions._task_tokens[token] = waiting
        deadline = _deadline.set(time.monotonic() + state.get("TimeoutSeconds", float("inf")))
        try:
            stepfunctions._invoke_resource(resource.replace(".waitForTaskToken", ""), data)
            while not waiting["event"].wait(_POLL_SECONDS):
                _raise_if_ended()
        finally:
            stepfunctions._task_tokens.pop(token, None)
            _deadline.reset(deadline)
        if waiting["error"]:
            raise stepfunctions._ExecutionError(waiting["error"]["Error"], waiting["error"]["Cause"])
        return json.loads(waiting["result"])


def take_the_first_answer() -> None:
    """AWS refuses a second answer to a task's token; ministack takes the last one before the state goes on."""

    def answer(original: Any, data: Any) -> Any:
        waiting = stepfunctions._task_tokens.get(data.get("taskToken"))
        if waiting and waiting["event"].is_set():
            message = "Task Timed Out: 'Provided task does not exist anymore'"
            return responses.error_response_json("TaskTimedOut", message, 400)
        return original(data)

    for name in ("_send_task_success", "_send_task_failure"):
        replaces(stepfunctions, name)(answer)


def announce_ends_by_restart() -> None:
    """AWS announces the end of every execution; ministack ends those that a stop cut off without a word."""

    @replaces(app, "_load_persisted_state")
    def load_persisted_state(original: Any) -> None:
        original()
        for (account, region, _), execution in list(stepfunctions._executions._data.items()):
            if execution.get("error") == "States.ServiceRestart" and not execution.get("announced"):
                execution["announced"] = True
                responses.set_request_account_id(account)
                responses.set_request_region(region)
                stepfunctions._emit_execution_status_event(execution)


def _raise_if_ended() -> None:
    if time.monotonic() > _deadline.get():
        raise stepfunctions._ExecutionError("States.Timeout", "")
    execution = _execution.get()
    if execution is not None and execution["status"] != "RUNNING":
        raise ExecutionEnded(execution["executionArn"])


def _pascal_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_pascal_case(item) for item in value]
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _pascal_case(item) for name, item in value.items()}
    return value

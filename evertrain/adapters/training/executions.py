"""Executions of the retraining's state machine."""

from typing import TYPE_CHECKING

from evertrain.ports.executions import ExecutionState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_NOT_ENDED = ("RUNNING", "PENDING_REDRIVE")


class StepFunctionsExecutions:
    """Implements `ports.executions.Executions`. An execution is named by its ARN."""

    def __init__(self, *, client: "SFNClient") -> None:
        self._client = client

    def state(self, execution: str) -> ExecutionState:
        try:
            found = self._client.describe_execution(executionArn=execution)
        except self._client.exceptions.ExecutionDoesNotExist:
            return ExecutionState(is_running=False, description="its execution is not known any more")
        if found["status"] in _NOT_ENDED:
            return ExecutionState(is_running=True)
        details = (f"its execution ended as {found['status']}", found.get("error"), found.get("cause"))
        return ExecutionState(is_running=False, description=": ".join(each for each in details if each))

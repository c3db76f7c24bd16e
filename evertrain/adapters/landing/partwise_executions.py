"""Starts what is done with an object in parts: an execution of a state machine."""

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from evertrain.domain.landing.batches import LandedObject

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

MAX_EXECUTIONS = 9
"""How often an execution that failed may be followed by another of the same object and event."""

_FAILED_STATUSES = ("FAILED", "TIMED_OUT", "ABORTED")


class PartwiseExecutions:
    def __init__(self, *, client: "SFNClient", state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, landed: LandedObject, *, event_id: str) -> str:
        """The execution's name. A repeated event finds the execution that it started, unless that one failed."""
        execution_input = {"bucket": landed.bucket, "key": landed.key, "event_id": event_id}
        digest = sha256(json.dumps([landed.bucket, landed.key, event_id]).encode()).hexdigest()[:32]
        for attempt in range(1, MAX_EXECUTIONS + 1):
            name = f"{digest}-{attempt}"
            try:
                self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(execution_input))
            except self._client.exceptions.ExecutionAlreadyExists:
                if self._status(name) not in _FAILED_STATUSES:
                    return name
            else:
                return name
        return name

    def _status(self, name: str) -> str:
        arn = f"{self._arn.replace(':stateMachine:', ':execution:')}:{name}"
        return self._client.describe_execution(executionArn=arn)["status"]

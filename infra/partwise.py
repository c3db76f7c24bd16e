"""A landed object that is too large for one function: cut, worked off in parts by many at once, finished as one.

Input: `bucket`, `key`, `event_id`. Every step may be repeated. If one fails, the original event goes to the queue's
DLQ. That alerts a person, who may redrive it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from evertrain.domain.events import OBJECT_CREATED, S3_SOURCE
from evertrain.ports.batches import ObjectGone
from infra.grants import acknowledge_wildcard, grant
from infra.state_machines import execution_arn, function_step, logged_state_machine

NON_RETRYABLE_ERRORS = (ObjectGone.__name__,)
"""Whoever deleted the object decided; asking again would not bring it back."""


_EXECUTIONS = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
"""As findings name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSteps:
    """What the function is asked: to cut the object, for each part, and for the whole once all parts are done."""

    split: StrEnum
    part: StrEnum
    finish: StrEnum


class PartwiseStateMachine(Construct):
    """`at_once`: how many parts."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        function: lambda_.IFunction,
        steps: PartSteps,
        at_once: int,
        dead_letter_queue: sqs.IQueue,
    ) -> None:
        super().__init__(scope, name)
        self._function = function
        self._steps = steps
        self._at_once = at_once
        self.state_machine = logged_state_machine(self, self._definition(dead_letter_queue))
        self._acknowledge_own_wildcards()

    def grant_start(self, starter: lambda_.Function) -> None:
        """And to see how it went; executions are named by what they are of."""
        machine = self.state_machine
        grant(starter, "states:StartExecution", on=[machine.state_machine_arn])
        grant(starter, "states:DescribeExecution", on=[f"{execution_arn(machine)}:*"])
        resource = machine.node.default_child
        assert isinstance(resource, sfn.CfnStateMachine)  # noqa: S101  # of the construct library's own making
        name = Stack.of(self).get_logical_id(resource)
        acknowledge_wildcard(
            starter.role or starter,
            f"{_EXECUTIONS}<{name}.Name>:*",
            reason="Executions are named by what they are of.",
        )

    def _acknowledge_own_wildcards(self) -> None:
        machine, stack = self.state_machine, Stack.of(self)
        called, resource = self._function.node.default_child, machine.node.default_child
        assert isinstance(called, lambda_.CfnFunction)  # noqa: S101  # of the construct library's own making
        assert isinstance(resource, sfn.CfnStateMachine)  # noqa: S101  # as above
        any_version = f"<{stack.get_logical_id(called)}.Arn>:*"
        acknowledge_wildcard(machine, any_version, reason="Any version of the function that the machine calls.")
        acknowledge_wildcard(machine, "*", reason="Log delivery and traces know no narrower resource.")
        name = stack.get_logical_id(resource)
        of_map = f'{_EXECUTIONS}{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{name}"}}]}}]}}'
        for suffix in (":*", "/*:*"):
            acknowledge_wildcard(machine, f"{of_map}{suffix}", reason="The parts' executions are named by AWS.")

    def _definition(self, dead_letter_queue: sqs.IQueue) -> sfn.IChainable:
        split = self._step(self._steps.split, _json_paths(bucket="$.bucket", key="$.key"), result="$.split")
        # Distributed: an execution of its own for each part, so there may be more than a history has events.
        parts = sfn.DistributedMap(
            self,
            "Parts",
            items_path="$.split.parts",
            item_selector={
                "split_uri": sfn.JsonPath.string_at("$.split.split_uri"),
                "part": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            max_concurrency=self._at_once,
            map_execution_type=sfn.StateMachineType.STANDARD,
            result_path=sfn.JsonPath.DISCARD,
        )
        part = self._step(
            self._steps.part,
            _json_paths(split_uri="$.split_uri") | {"part": sfn.JsonPath.number_at("$.part")},
        )
        parts.item_processor(part)
        finish = self._step(self._steps.finish, _json_paths(split_uri="$.split.split_uri"))
        failed = self._to_dead_letters(dead_letter_queue).next(
            sfn.Fail(self, "Failed", error_path="$.failure.Error", cause_path="$.failure.Cause")
        )
        for state in (split, parts, finish):
            state.add_catch(failed, result_path="$.failure")
        cut = sfn.Choice(self, "NothingToDo?")
        cut.when(sfn.Condition.string_equals("$.split.split_uri", ""), sfn.Succeed(self, "NothingToDo"))
        cut.otherwise(parts.next(finish).next(sfn.Succeed(self, "Done")))
        return split.next(cut)

    def _step(self, step: StrEnum, fields: Mapping[str, object], *, result: str | None = None) -> tasks.LambdaInvoke:
        return function_step(
            self,
            step,
            function=self._function,
            payload=fields,
            result_path=result,
            non_retryable_errors=NON_RETRYABLE_ERRORS,
            max_attempts=3,
        )

    def _to_dead_letters(self, dead_letter_queue: sqs.IQueue) -> tasks.SqsSendMessage:
        event = {
            "id": sfn.JsonPath.string_at("$.event_id"),
            "source": S3_SOURCE,
            "detail-type": OBJECT_CREATED,
            "detail": {
                "bucket": {"name": sfn.JsonPath.string_at("$.bucket")},
                "object": {"key": sfn.JsonPath.string_at("$.key")},
            },
        }
        tell = tasks.SqsSendMessage(
            self,
            "TellAPerson",
            queue=dead_letter_queue,
            message_body=sfn.TaskInput.from_object(event),
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
        )
        tell.add_retry(errors=["States.ALL"], interval=Duration.seconds(2), max_attempts=5, backoff_rate=3)
        return tell


def _json_paths(**fields: str) -> dict[str, object]:
    return {name: sfn.JsonPath.string_at(path) for name, path in fields.items()}

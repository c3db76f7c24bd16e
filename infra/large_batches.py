"""A landed object that is too large for one function: cut, checked in parts by many at once, judged as one.

Input: `bucket`, `key`, `event_id`. Every step may be repeated. If the check fails, the original event goes to the
queue's DLQ. That alerts a person, who may redrive it.
"""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from evertrain.domain.deployment.steps import LargeBatchStep
from evertrain.domain.events import OBJECT_CREATED, S3_SOURCE
from evertrain.ports.batches import ObjectGone
from infra.state_machines import function_step, logged_state_machine

MAX_CONCURRENT_PARTS = 50

NON_RETRYABLE_ERRORS = (ObjectGone.__name__,)
"""Whoever deleted the object decided; asking again would not bring it back."""


class LargeBatchStateMachine(Construct):
    def __init__(
        self, scope: Construct, name: str, *, function: lambda_.IFunction, dead_letter_queue: sqs.IQueue
    ) -> None:
        super().__init__(scope, name)
        self._function = function
        self.state_machine = logged_state_machine(self, self._definition(dead_letter_queue))

    def _definition(self, dead_letter_queue: sqs.IQueue) -> sfn.IChainable:
        split = self._step(LargeBatchStep.SPLIT, _json_paths(bucket="$.bucket", key="$.key"), result="$.split")
        # Distributed: an execution of its own for each part, so there may be more than a history has events.
        parts = sfn.DistributedMap(
            self,
            "Parts",
            items_path="$.split.parts",
            item_selector={
                "split_uri": sfn.JsonPath.string_at("$.split.split_uri"),
                "part": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            max_concurrency=MAX_CONCURRENT_PARTS,
            map_execution_type=sfn.StateMachineType.STANDARD,
            result_path=sfn.JsonPath.DISCARD,
        )
        part = self._step(
            LargeBatchStep.CHECK_PART,
            _json_paths(split_uri="$.split_uri") | {"part": sfn.JsonPath.number_at("$.part")},
        )
        parts.item_processor(part)
        finish = self._step(LargeBatchStep.FINISH, _json_paths(split_uri="$.split.split_uri"))
        failed = self._to_dead_letters(dead_letter_queue).next(
            sfn.Fail(self, "Failed", error_path="$.failure.Error", cause_path="$.failure.Cause")
        )
        for state in (split, parts, finish):
            state.add_catch(failed, result_path="$.failure")
        known = sfn.Choice(self, "KnownAlready?")
        known.when(sfn.Condition.string_equals("$.split.split_uri", ""), sfn.Succeed(self, "Known"))
        known.otherwise(parts.next(finish).next(sfn.Succeed(self, "Checked")))
        return split.next(known)

    def _step(
        self, step: LargeBatchStep, fields: Mapping[str, object], *, result: str | None = None
    ) -> tasks.LambdaInvoke:
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

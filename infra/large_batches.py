"""A landed object that is too large for one function: cut, checked in parts by many at once, judged as one.

Input: `bucket`, `key`, `event_id`. Every step may be repeated. An object that could not be checked goes to the dead
letters of its queue as the event that it came with, which calls a person, who may send it back.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.retraining_machine import function_timeout

PARTS_AT_ONCE = 50


class LargeBatches(Construct):
    def __init__(self, scope: Construct, name: str, *, function: lambda_.IFunction, dead: sqs.IQueue) -> None:
        super().__init__(scope, name)
        self._function = function
        self.state_machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(self._definition(dead)),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "Logs",
                    retention=logs.RetentionDays.THREE_MONTHS,
                    removal_policy=RemovalPolicy.DESTROY,
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )

    def _definition(self, dead: sqs.IQueue) -> sfn.IChainable:
        split = self._step("Split", {"bucket": "$.bucket", "key": "$.key"}, result="$.split")
        # Distributed: an execution of its own for each part, so there may be more than a history has events.
        parts = sfn.DistributedMap(
            self,
            "Parts",
            items_path="$.split.parts",
            item_selector={
                "split_uri": sfn.JsonPath.string_at("$.split.split_uri"),
                "part": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            max_concurrency=PARTS_AT_ONCE,
            map_execution_type=sfn.StateMachineType.STANDARD,
            result_path=sfn.JsonPath.DISCARD,
        )
        part = self._step("CheckPart", {"split_uri": "$.split_uri"})
        parts.item_processor(part)
        finish = self._step("Finish", {"split_uri": "$.split.split_uri"})
        failed = self._to_dead_letters(dead).next(
            sfn.Fail(self, "Failed", error_path="$.failure.Error", cause_path="$.failure.Cause")
        )
        for state in (split, parts, finish):
            state.add_catch(failed, result_path="$.failure")
        known = sfn.Choice(self, "KnownAlready?")
        known.when(sfn.Condition.string_equals("$.split.split_uri", ""), sfn.Succeed(self, "Known"))
        known.otherwise(parts.next(finish).next(sfn.Succeed(self, "Checked")))
        return split.next(known)

    def _step(self, name: str, fields: dict[str, str], *, result: str | None = None) -> tasks.LambdaInvoke:
        payload: dict[str, object] = {key: sfn.JsonPath.string_at(path) for key, path in fields.items()}
        steps = {"Split": "split", "CheckPart": "check_part", "Finish": "finish"}
        if name == "CheckPart":
            payload["part"] = sfn.JsonPath.number_at("$.part")
        state = tasks.LambdaInvoke(
            self,
            name,
            lambda_function=self._function,
            payload=sfn.TaskInput.from_object({"step": steps[name]} | payload),
            payload_response_only=True,
            result_path=result or sfn.JsonPath.DISCARD,
            task_timeout=sfn.Timeout.duration(function_timeout(self._function).plus(Duration.seconds(15))),
            retry_on_service_exceptions=False,  # the retries below are for those too
        )
        # Whoever deleted the object decided; asking again would not bring it back.
        state.add_retry(errors=["ObjectGone"], max_attempts=0)
        state.add_retry(errors=["States.ALL"], interval=Duration.seconds(2), max_attempts=3, backoff_rate=3)
        return state

    def _to_dead_letters(self, dead: sqs.IQueue) -> tasks.SqsSendMessage:
        event = {
            "id": sfn.JsonPath.string_at("$.event_id"),
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {
                "bucket": {"name": sfn.JsonPath.string_at("$.bucket")},
                "object": {"key": sfn.JsonPath.string_at("$.key")},
            },
        }
        return tasks.SqsSendMessage(
            self,
            "TellAPerson",
            queue=dead,
            message_body=sfn.TaskInput.from_object(event),
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
        )

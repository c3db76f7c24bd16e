"""A queue for one function, with a DLQ for what failed repeatedly and an alarm on it."""

from aws_cdk import Acknowledgment, Duration, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from evertrain.domain.events import Tick
from infra.alarms import PERIOD, call_a_person

MAX_RECEIVES = 7
"""Over some four minutes, where a function fails; six times its timeout each where it is ended by one."""


class SqsToLambda(Construct):
    """Events wait here for `function`, which says of each whether it was done."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        function: lambda_.Function,
        batch_size: int,
        max_concurrency: int,
        alarm_topic: sns.ITopic,
        batching_window: Duration | None = None,
    ) -> None:
        super().__init__(scope, name)
        self.dead_letter_queue = alarmed_dead_letter_queue(self, "Dead", alarm_topic=alarm_topic)
        timeout = function.timeout or Duration.seconds(3)
        self.queue = sqs.Queue(
            self,
            "Queue",
            # AWS's own advice: six times the function's, or a slow batch is handed out twice. A function that fails
            # shortens it for what failed.
            visibility_timeout=Duration.seconds(6 * timeout.to_seconds()),
            retention_period=Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=MAX_RECEIVES),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=batch_size,
                max_batching_window=batching_window,
                max_concurrency=max_concurrency,
                report_batch_item_failures=True,
            )
        )

    def add_event_rule(self, name: str, *, pattern: events.EventPattern, bus: events.IEventBus | None = None) -> None:
        """Events that match come here; those that EventBridge cannot hand over go to the dead letters."""
        events.Rule(
            self,
            name,
            event_bus=bus,
            event_pattern=pattern,
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letter_queue)],
        )

    def add_schedule(self, name: str, expression: str, *, message: Tick, description: str) -> scheduler.Schedule:
        """By way of the queue: a repeat, a failure or a slow run is its business."""
        body = {"detail-type": str(message), "detail": {"scheduled_time": scheduler.ContextAttribute.scheduled_time}}
        return scheduler.Schedule(
            Stack.of(self),
            name,
            schedule=scheduler.ScheduleExpression.expression(expression),
            description=description,
            target=scheduler_targets.SqsSendMessage(
                self.queue,
                input=scheduler.ScheduleTargetInput.from_object(body),
                dead_letter_queue=self.dead_letter_queue,
                max_event_age=Duration.hours(1),
                retry_attempts=5,
            ),
        )


def alarmed_dead_letter_queue(scope: Construct, name: str, *, alarm_topic: sns.ITopic) -> sqs.Queue:
    """A dead-letter queue for messages that could not be processed. The first one alerts a person."""
    queue = sqs.Queue(
        scope,
        name,
        retention_period=Duration.days(14),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
    )
    Validations.of(queue).acknowledge(
        Acknowledgment(id="AwsSolutions-SQS3", reason="This queue is where dead letters end; it has none of its own.")
    )
    call_a_person(
        scope,
        f"{name}Alarm",
        description=f"{queue.node.path}: messages that could not be worked off. The function's log says why; once "
        "that is mended, `evertrain redrive` hands them out again.",
        metric=queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic=cloudwatch.Stats.MAXIMUM),
        topic=alarm_topic,
    )
    return queue

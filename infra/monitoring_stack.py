"""Watching and deciding: landed objects are checked and stored, and the policy is asked whether to retrain.

Needs nothing of training or serving, and deploys without them.
"""

from collections.abc import Callable

from aws_cdk import CfnOutput, Duration, Size, Stack, StackSynthesizer
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

from evertrain.domain.events import ACCEPTED, SOURCE, EventName
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.grants import may, may_change_items, may_read_items, may_read_objects, may_write_objects
from infra.options import Options
from infra.python_function import python_function
from infra.work_queue import WorkQueue

MONITOR = Bundle(folder="lambdas/monitor", lock="monitor.txt")
INGEST = Bundle(folder="lambdas/ingest", lock="ingest.txt")
RETRAIN_TRIGGER = Bundle(folder="lambdas/retrain_trigger", lock="control.txt")

WORTH_A_DECISION = (
    EventName.FEATURE_DRIFT_DETECTED,
    EventName.REQUEST_DRIFT_DETECTED,
    EventName.FEATURE_BATCH_QUARANTINED,
    EventName.LABEL_BATCH_QUARANTINED,
    EventName.LABELS_COMMITTED,
    EventName.RETRAIN_ASKED,
)


class MonitoringStack(Stack):
    def __init__(
        self,
        scope: Construct,
        *,
        options: Options,
        data: DataStack,
        build: Callable[[Bundle], BuiltBundle],
        synthesizer: StackSynthesizer | None,
    ) -> None:
        super().__init__(
            scope,
            f"{options.prefix}-monitoring",
            synthesizer=synthesizer,
            description="Evertrain: monitoring and deciding",
        )
        self._data = data

        monitor = python_function(
            self,
            "Monitor",
            bundle=build(MONITOR),
            handler="lambdas.monitor.handler.lambda_handler",
            description="Validates a landed object and compares it with each champion's reference",
            memory_mib=1769,  # the smallest size with one whole processor: this is arithmetic
            timeout=Duration.minutes(5),
            disk=Size.gibibytes(4),  # a large object and its normalised copy; memory holds a part of their rows
            environment=data.settings(),
        )
        ingest = python_function(
            self,
            "Ingest",
            bundle=build(INGEST),
            handler="lambdas.ingest.handler.lambda_handler",
            description="Commits accepted batches to their Delta tables",
            memory_mib=1024,
            timeout=Duration.minutes(2),
            environment=data.settings(),
        )
        trigger = python_function(
            self,
            "RetrainTrigger",
            bundle=build(RETRAIN_TRIGGER),
            handler="lambdas.retrain_trigger.handler.lambda_handler",
            description="Decides whether a model is retrained, and writes down why",
            memory_mib=512,
            timeout=Duration.minutes(1),
            environment=data.settings(),
        )

        # One object at a time: memory and time are sized for the largest batch, not for ten of them.
        landed = WorkQueue(
            self,
            "Landed",
            function=monitor,
            batch_size=1,
            max_concurrency=10,
            alarm_topic=data.escalations,
        )
        # Commits to one table are made one after the other, and those that meet are made again: 2 is the least
        # that AWS allows, and ten messages are one start of the function.
        accepted = WorkQueue(
            self,
            "Accepted",
            function=ingest,
            batch_size=10,
            max_concurrency=2,
            alarm_topic=data.escalations,
        )
        undecided = WorkQueue(
            self,
            "Undecided",
            function=trigger,
            batch_size=10,
            max_concurrency=2,
            alarm_topic=data.escalations,
        )

        # All keys: an object outside every feed has to be quarantined, not overlooked.
        landed.receive(
            "ObjectLanded",
            pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [data.landing.bucket_name]}},
            ),
        )
        accepted.receive("BatchAccepted", pattern=_named(tuple(ACCEPTED.values())), bus=data.bus)
        undecided.receive("WorthADecision", pattern=_named(WORTH_A_DECISION), bus=data.bus)
        schedule = self._tick(options, undecided)

        self._grant_monitor(monitor, options)
        self._grant_ingest(ingest)
        self._grant_trigger(trigger)

        for key, value in {
            "LandedQueueUrl": landed.queue.queue_url,
            "LandedDeadQueueUrl": landed.dead.queue_url,
            "AcceptedQueueUrl": accepted.queue.queue_url,
            "AcceptedDeadQueueUrl": accepted.dead.queue_url,
            "UndecidedQueueUrl": undecided.queue.queue_url,
            "UndecidedDeadQueueUrl": undecided.dead.queue_url,
            "ScheduleName": schedule.schedule_name,
        }.items():
            CfnOutput(self, key, value=value)

    def _tick(self, options: Options, undecided: WorkQueue) -> scheduler.Schedule:
        """The policy is asked regularly too: time alone can make a retraining due."""
        message = {
            "detail-type": "ScheduledTick",
            "detail": {"scheduled_time": scheduler.ContextAttribute.scheduled_time},
        }
        return scheduler.Schedule(
            self,
            "Tick",
            schedule=scheduler.ScheduleExpression.expression(options.tick),
            description="Asks the retraining policy of every model",
            target=scheduler_targets.SqsSendMessage(
                undecided.queue,
                input=scheduler.ScheduleTargetInput.from_object(message),
                dead_letter_queue=undecided.dead,
                max_event_age=Duration.hours(1),
                retry_attempts=5,
            ),
        )

    # --- who may do what --------------------------------------------------------------------------

    def _grant_monitor(self, function: lambda_.Function, options: Options) -> None:
        data = self._data
        may_read_objects(function, data.landing)
        may_read_objects(function, data.feature_store, "tables/")
        may_write_objects(function, data.feature_store, "tables/")
        may_read_objects(function, data.artifacts, "references/")
        may_write_objects(function, data.artifacts, "drift/")
        may_write_objects(function, data.quarantine)
        may_change_items(function, data.batches)
        may_read_items(function, data.registry)
        if options.clock == "replay":
            may_read_items(function, data.decisions)  # the replayed present is kept there
        may(function, "events:PutEvents", on=[data.bus.event_bus_arn])

    def _grant_ingest(self, function: lambda_.Function) -> None:
        data = self._data
        may_read_objects(function, data.feature_store, "tables/")
        may_write_objects(function, data.feature_store, "tables/")
        may_change_items(function, data.batches)
        may(function, "events:PutEvents", on=[data.bus.event_bus_arn])

    def _grant_trigger(self, function: lambda_.Function) -> None:
        data = self._data
        may_read_items(function, data.batches, data.registry)
        may_change_items(function, data.decisions)
        may(function, "events:PutEvents", on=[data.bus.event_bus_arn])
        may(function, "sns:Publish", on=[data.escalations.topic_arn])


def _named(names: tuple[EventName, ...]) -> events.EventPattern:
    return events.EventPattern(source=[SOURCE], detail_type=[str(name) for name in names])

"""Watching and deciding: landed objects are checked and stored, and the policy is asked whether to retrain.

Needs nothing of training or serving, and deploys without them.
"""

from collections.abc import Callable
from datetime import timedelta

from aws_cdk import Duration, Size, StackSynthesizer
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from evertrain.adapters.monitoring.metrics import LABEL_WATERMARK_AGE, NOT_COMPARED
from evertrain.domain.deployment.prefixes import BATCH_FILE_PREFIX, TABLES_PREFIX, ArtifactPrefix
from evertrain.domain.deployment.stacks import Output, StackName
from evertrain.domain.deployment.steps import LargeBatchStep
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.events import ACCEPTED_EVENTS, OBJECT_CREATED, S3_SOURCE, SOURCE, EventName, Tick
from evertrain.domain.landing.scoring import SCORING
from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.model import ModelSpec, Project
from infra.alarms import call_a_person, call_when_executions_end, model_metric
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.grants import (
    grant,
    grant_delete_objects,
    grant_find_objects,
    grant_items,
    grant_read_objects,
    grant_write_objects,
)
from infra.options import Options
from infra.partwise import PartSteps, PartwiseStateMachine
from infra.python_function import python_function
from infra.sqs_to_lambda import SqsToLambda
from infra.stage_stack import StageStack

MONITOR = Bundle(folder="lambdas/monitor", lock="monitor.txt")
INGEST = Bundle(folder="lambdas/ingest", lock="ingest.txt")
RETRAIN_TRIGGER = Bundle(folder="lambdas/retrain_trigger", lock="control.txt")

DECISION_EVENTS = (
    EventName.FEATURE_DRIFT_DETECTED,
    EventName.REQUEST_DRIFT_DETECTED,
    EventName.FEATURE_BATCH_QUARANTINED,
    EventName.LABEL_BATCH_QUARANTINED,
    EventName.PERFORMANCE_MEASURED,
    EventName.RETRAIN_ASKED,
)

MIN_LABEL_DELAY = timedelta(days=3)
"""Labels may be late by this much, or by half their latency, before a person is called: feeds rest on weekends."""


class MonitoringStack(StageStack):
    def __init__(
        self,
        scope: Construct,
        *,
        options: Options,
        data: DataStack,
        project: Project,
        build: Callable[[Bundle], BuiltBundle],
        synthesizer: StackSynthesizer | None,
    ) -> None:
        super().__init__(
            scope, StackName.MONITORING, options=options, synthesizer=synthesizer, about="monitoring and deciding"
        )
        self._data = data

        bundle = build(MONITOR)
        monitor = python_function(
            self,
            "Monitor",
            bundle=bundle,
            handler="lambdas.monitor.handler.lambda_handler",
            description="Validates a landed object and compares it with each champion's reference",
            memory_mib=1769,  # the smallest size with one whole processor: this is arithmetic
            timeout=Duration.minutes(5),
            ephemeral_storage=Size.gibibytes(
                4
            ),  # a large object and its normalised copy; memory holds a part of their rows
            environment=data.settings() | {Variable.LARGE_OBJECT_BYTES: str(options.large_object_bytes)},
        )
        monitor_parts = python_function(
            self,
            "MonitorParts",
            bundle=bundle,
            handler="lambdas.monitor.large_batches.lambda_handler",
            description="A step of the check of an object that is too large for one function",
            memory_mib=3538,  # two whole processors
            timeout=Duration.minutes(15),
            ephemeral_storage=Size.gibibytes(4),
            environment=data.settings() | {Variable.LARGE_OBJECT_BYTES: str(options.large_object_bytes)},
        )
        ingest_bundle = build(INGEST)
        ingest = python_function(
            self,
            "Ingest",
            bundle=ingest_bundle,
            handler="lambdas.ingest.handler.lambda_handler",
            description="Commits accepted batches to their Delta tables",
            memory_mib=1024,
            timeout=Duration.minutes(2),
            environment=data.settings(),
        )
        maintenance = python_function(
            self,
            "Maintenance",
            bundle=ingest_bundle,
            handler="lambdas.ingest.maintenance.lambda_handler",
            description="Merges small files of the feature store, and puts months that are over in order",
            memory_mib=3538,  # a month of a table is sorted in memory
            timeout=Duration.minutes(15),
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
        landed = SqsToLambda(
            self,
            "Landed",
            function=monitor,
            batch_size=1,
            max_concurrency=10,
            alarm_topic=data.escalations,
        )
        # Commits to one table are made one after the other, and those that meet are made again: 2 is the least
        # that AWS allows, and ten messages are one start of the function.
        accepted = SqsToLambda(
            self,
            "Accepted",
            function=ingest,
            batch_size=10,
            max_concurrency=2,
            alarm_topic=data.escalations,
        )
        undecided = SqsToLambda(
            self,
            "Undecided",
            function=trigger,
            batch_size=10,
            max_concurrency=2,
            alarm_topic=data.escalations,
        )

        due = SqsToLambda(
            self,
            "Due",
            function=maintenance,
            batch_size=1,
            max_concurrency=2,
            alarm_topic=data.escalations,
        )

        # All other keys than those of files to be scored: an object outside every feed has to be quarantined, not
        # overlooked.
        landed.add_event_rule(
            "ObjectLanded",
            pattern=events.EventPattern(
                source=[S3_SOURCE],
                detail_type=[OBJECT_CREATED],
                detail={
                    "bucket": {"name": [data.landing.bucket_name]},
                    "object": {"key": [{"anything-but": {"prefix": f"{SCORING}/"}}]},
                },
            ),
        )
        large = PartwiseStateMachine(
            self,
            "LargeBatches",
            function=monitor_parts,
            steps=PartSteps(split=LargeBatchStep.SPLIT, part=LargeBatchStep.CHECK_PART, finish=LargeBatchStep.FINISH),
            at_once=50,
            dead_letter_queue=landed.dead_letter_queue,
        )
        call_when_executions_end(
            self,
            "LargeBatch",
            machine=large.state_machine,
            subject="The check of a large object",
            ends=("aborted", "timed out"),  # one that fails leaves its event with the dead letters
            remedy="land it again.",
            topic=data.escalations,
        )
        monitor.add_environment(str(Variable.LARGE_BATCHES_ARN), large.state_machine.state_machine_arn)
        large.grant_start(monitor)
        accepted.add_event_rule("BatchAccepted", pattern=_events_named(tuple(ACCEPTED_EVENTS.values())), bus=data.bus)
        undecided.add_event_rule("WorthADecision", pattern=_events_named(DECISION_EVENTS), bus=data.bus)
        schedule = undecided.add_schedule(
            "Tick", options.tick, message=Tick.DECIDE, description="Asks the retraining policy of every model"
        )
        due.add_schedule(
            "MaintenanceTick", options.maintenance, message=Tick.MAINTAIN, description="Maintains the tables"
        )

        self._grant_monitor(monitor, options)
        self._grant_monitor(monitor_parts, options)
        grant_read_objects(monitor_parts, data.artifacts, ArtifactPrefix.PARTS)
        grant_write_objects(monitor_parts, data.artifacts, ArtifactPrefix.PARTS)
        self._grant_ingest(ingest)
        self._grant_maintenance(maintenance, options)
        self._grant_trigger(trigger)
        for model in sorted(project.models):
            self._add_alarms(project.models[model], options.stage)

        self.add_outputs(
            {
                Output.LANDED_QUEUE_URL: landed.queue.queue_url,
                Output.LANDED_DEAD_QUEUE_URL: landed.dead_letter_queue.queue_url,
                Output.ACCEPTED_QUEUE_URL: accepted.queue.queue_url,
                Output.ACCEPTED_DEAD_QUEUE_URL: accepted.dead_letter_queue.queue_url,
                Output.UNDECIDED_QUEUE_URL: undecided.queue.queue_url,
                Output.UNDECIDED_DEAD_QUEUE_URL: undecided.dead_letter_queue.queue_url,
                Output.DUE_QUEUE_URL: due.queue.queue_url,
                Output.DUE_DEAD_QUEUE_URL: due.dead_letter_queue.queue_url,
                Output.SCHEDULE_NAME: schedule.schedule_name,
                Output.LARGE_BATCHES_ARN: large.state_machine.state_machine_arn,
            }
        )

    def _add_alarms(self, spec: ModelSpec, stage: str) -> None:
        call_a_person(
            self,
            f"NotCompared{spec.name}",
            metric=model_metric(NOT_COMPARED, stage=stage, model=spec.name),
            description=f"{spec.name}: a batch, or a day of requests, could not be compared with what the champion "
            f"was trained on, so nobody watches for drift. `evertrain status {spec.name}` says why; a retraining "
            "makes it anew.",
            topic=self._data.escalations,
        )
        # As it is measured, once a day or as often as maintenance runs. A day without a measurement changes nothing.
        latency = spec.label.latency
        call_a_person(
            self,
            f"LabelsStandStill{spec.name}",
            metric=model_metric(
                LABEL_WATERMARK_AGE,
                stage=stage,
                model=spec.name,
                statistic=cloudwatch.Stats.MAXIMUM,
                period=Duration.days(1),
            ),
            threshold=(latency + max(latency / 2, MIN_LABEL_DELAY)) / timedelta(hours=1),
            description=f"{spec.name}: labels should be complete {format_duration(latency)} after their events, and "
            f"are far behind: newer rows can't be trained on. `evertrain labels {spec.name}` shows how far.",
            topic=self._data.escalations,
            missing=cloudwatch.TreatMissingData.IGNORE,
        )

    # --- who may do what --------------------------------------------------------------------------

    def _grant_monitor(self, function: lambda_.Function, options: Options) -> None:
        data = self._data
        grant_find_objects(function, data.landing)
        # Rows, and no entry of a table's log: what is part of a table is for `ingest` to say.
        files = data.feature_store.arn_for_objects(f"{TABLES_PREFIX}/*/{BATCH_FILE_PREFIX}*")
        grant(function, "s3:PutObject", "s3:AbortMultipartUpload", on=[files])
        grant(function, "s3:GetObject", on=[files])  # of an earlier attempt's file, when it was ingested
        grant_find_objects(function, data.artifacts, ArtifactPrefix.REFERENCES, ArtifactPrefix.DRIFT)
        grant_write_objects(function, data.artifacts, ArtifactPrefix.DRIFT)
        grant_write_objects(function, data.quarantine)
        grant_items(function, data.batches, "GetItem", "Query", "PutItem", "UpdateItem")
        grant_items(function, data.registry, "GetItem")
        if options.clock == "replay":
            grant_items(function, data.decisions, "GetItem")  # the replayed present is kept there
        grant(function, "events:PutEvents", on=[data.bus.event_bus_arn])

    def _grant_ingest(self, function: lambda_.Function) -> None:
        data = self._data
        grant_find_objects(function, data.feature_store, TABLES_PREFIX)
        grant_write_objects(function, data.feature_store, TABLES_PREFIX)
        grant_items(function, data.batches, "GetItem", "UpdateItem")
        grant(function, "events:PutEvents", on=[data.bus.event_bus_arn])

    def _grant_maintenance(self, function: lambda_.Function, options: Options) -> None:
        data = self._data
        if options.clock == "replay":
            grant_items(function, data.decisions, "GetItem")  # as the monitor
        grant_find_objects(function, data.feature_store, TABLES_PREFIX)
        grant_write_objects(function, data.feature_store, TABLES_PREFIX)
        grant_delete_objects(function, data.feature_store, TABLES_PREFIX)
        grant_items(function, data.batches, "GetItem", "UpdateItem")
        grant_items(function, data.registry, "Query")

    def _grant_trigger(self, function: lambda_.Function) -> None:
        data = self._data
        grant_items(function, data.batches, "GetItem", "Query")
        grant_items(function, data.registry, "GetItem")
        grant_items(function, data.decisions, "GetItem", "Query", "PutItem")
        grant(function, "events:PutEvents", on=[data.bus.event_bus_arn])
        grant(function, "sns:Publish", on=[data.escalations.topic_arn])


def _events_named(names: tuple[EventName, ...]) -> events.EventPattern:
    return events.EventPattern(source=[SOURCE], detail_type=[str(name) for name in names])

"""Retraining: the state machine, the functions that lead it, the container that trains, and what champions turned out
to be worth. Idle, it costs nothing."""

from collections.abc import Callable
from pathlib import Path

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, StackSynthesizer, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from evertrain.domain.deployment.prefixes import TABLES_PREFIX, ArtifactPrefix
from evertrain.domain.deployment.stacks import Output, StackName
from evertrain.domain.events import EXECUTION_ENDED, SOURCE, STATES_SOURCE, EventName, Tick
from evertrain.domain.project.policies import TaskSize
from infra.alarms import call_when_executions_end
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.grants import (
    acknowledge_wildcard,
    grant,
    grant_find_objects,
    grant_items,
    grant_on_serving,
    grant_read_objects,
    grant_write_objects,
)
from infra.mlflow_mirror import MlflowMirror
from infra.options import Options
from infra.python_function import image_function, python_function
from infra.retraining_state_machine import RetrainingStateMachine
from infra.sqs_to_lambda import SqsToLambda, alarmed_dead_letter_queue
from infra.stage_stack import StageStack
from infra.state_machines import execution_arn

LIFECYCLE = Bundle(folder="lambdas/lifecycle", lock="control.txt")
ROLLOUT = Bundle(folder="lambdas/rollout", lock="control.txt")
RECONCILE = Bundle(folder="lambdas/reconcile", lock="control.txt")
SCRATCH = "scratch"
"""The volume at which the container may write."""


class TrainingStack(StageStack):
    def __init__(
        self,
        scope: Construct,
        *,
        options: Options,
        data: DataStack,
        build: Callable[[Bundle], BuiltBundle],
        image: Path,
        synthesizer: StackSynthesizer | None,
    ) -> None:
        super().__init__(scope, StackName.TRAINING, options=options, synthesizer=synthesizer, about="training")
        self._data = data

        lifecycle = python_function(
            self,
            "Lifecycle",
            bundle=build(LIFECYCLE),
            handler="lambdas.lifecycle.handler.lambda_handler",
            description="Leads a retraining: lease, plan, gate, register, finish",
            memory_mib=512,
            timeout=Duration.minutes(1),
            environment=data.settings() | options.of_rollout,
        )
        rollout = python_function(
            self,
            "Rollout",
            bundle=build(ROLLOUT),
            handler="lambdas.rollout.handler.lambda_handler",
            description="Publishes a model version, tests it, and points the endpoint at it or back",
            memory_mib=512,
            timeout=Duration.minutes(3),  # a published version takes its time to become active
            environment=data.settings() | options.of_rollout,
        )
        cluster = ecs.Cluster(self, "Cluster", vpc=self._network())
        assert isinstance(cluster.node.default_child, ecs.CfnCluster)  # noqa: S101  # of the library's making
        # Not by a resource of their own, as the library would: the embedded cloud does not know that one.
        cluster.node.default_child.capacity_providers = ["FARGATE", "FARGATE_SPOT"]
        Validations.of(cluster).acknowledge(
            Acknowledgment(
                id="AwsSolutions-ECS4",
                reason="Container Insights are paid for by the hour; a job's log and exit code say how it went.",
            )
        )
        task_definition, container = self._job(image, base=options.training_base)
        machine = RetrainingStateMachine(
            self,
            "Retraining",
            lifecycle=lifecycle,
            rollout=rollout,
            cluster=cluster,
            task_definition=task_definition,
            container=container,
        ).state_machine
        unstarted = alarmed_dead_letter_queue(self, "Unstarted", alarm_topic=data.escalations)
        events.Rule(
            self,
            "RetrainRequested",
            event_bus=data.bus,
            event_pattern=events.EventPattern(source=[SOURCE], detail_type=[str(EventName.RETRAIN_REQUESTED)]),
            targets=[
                targets.SfnStateMachine(
                    machine, input=events.RuleTargetInput.from_event_path("$.detail"), dead_letter_queue=unstarted
                )
            ],
        )
        call_when_executions_end(
            self,
            "Retraining",
            machine=machine,
            subject="A retraining",
            ends=("failed", "aborted", "timed out"),  # one that is rolled back fails
            remedy="`evertrain status` has the sentence.",
            topic=data.escalations,
        )
        reconcile = python_function(
            self,
            "Reconcile",
            bundle=build(RECONCILE),
            handler="lambdas.reconcile.handler.lambda_handler",
            description="Mends what a retraining left behind that ended without its last state",
            memory_mib=512,
            timeout=Duration.minutes(2),
            environment=data.settings(),
        )
        ended = self._ended_executions(machine, reconcile)
        performance = image_function(
            self,
            "Performance",
            context=image,
            base=options.training_base,
            handler="lambdas.performance.handler.lambda_handler",
            description="Scores the champion on new rows, and on those whose labels have come in",
            memory_mib=1769,  # the smallest size with one whole processor: this is arithmetic
            timeout=Duration.minutes(5),
            environment=data.settings(),
        )
        # Measured first, decided after that: the decision is to see what these labels say.
        labelled = SqsToLambda(
            self,
            "Labelled",
            function=performance,
            batch_size=1,
            max_concurrency=2,
            alarm_topic=data.escalations,
        )
        labelled.add_event_rule(
            "LabelsCommitted",
            pattern=events.EventPattern(source=[SOURCE], detail_type=[str(EventName.LABELS_COMMITTED)]),
            bus=data.bus,
        )
        labelled.add_event_rule(
            "FeaturesCommitted",
            pattern=events.EventPattern(source=[SOURCE], detail_type=[str(EventName.FEATURES_COMMITTED)]),
            bus=data.bus,
        )

        self._grant_lifecycle(lifecycle)
        self._grant_rollout(rollout, options)
        self._grant_job(task_definition)
        self._grant_reconcile(reconcile, machine, options)
        self._grant_performance(performance, options)
        self._acknowledge_cdk_wildcards(machine, task_definition, (lifecycle, rollout))

        if options.mlflow:
            mirrored = MlflowMirror(self, "Mlflow", options=options, data=data, build=build).ended
            self.add_outputs(
                {
                    Output.MIRRORED_QUEUE_URL: mirrored.queue.queue_url,
                    Output.MIRRORED_DEAD_QUEUE_URL: mirrored.dead_letter_queue.queue_url,
                }
            )
        self.add_outputs(
            {
                Output.STATE_MACHINE_ARN: machine.state_machine_arn,
                Output.UNSTARTED_QUEUE_URL: unstarted.queue_url,
                Output.ENDED_QUEUE_URL: ended.queue.queue_url,
                Output.ENDED_DEAD_QUEUE_URL: ended.dead_letter_queue.queue_url,
                Output.LABELLED_QUEUE_URL: labelled.queue.queue_url,
                Output.LABELLED_DEAD_QUEUE_URL: labelled.dead_letter_queue.queue_url,
            }
        )

    def _ended_executions(self, machine: sfn.StateMachine, reconcile: lambda_.Function) -> SqsToLambda:
        """Those that did not succeed, as they end; and a look at all models now and then, should an event be lost."""
        ended = SqsToLambda(
            self,
            "Ended",
            function=reconcile,
            batch_size=10,
            max_concurrency=2,
            alarm_topic=self._data.escalations,
        )
        ended.add_event_rule(
            "ExecutionEnded",
            pattern=events.EventPattern(
                source=[STATES_SOURCE],
                detail_type=[EXECUTION_ENDED],
                detail={
                    "stateMachineArn": [machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
        )
        ended.add_schedule(
            "ReconcileTick",
            "rate(15 minutes)",
            message=Tick.RECONCILE,
            description="Looks for retrainings that were cut off",
        )
        return ended

    def _network(self) -> ec2.Vpc:
        """Public subnets without ingress, and no NAT gateway: jobs talk to AWS only."""
        vpc = ec2.Vpc(
            self,
            "Network",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC)],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
        )
        Validations.of(vpc).acknowledge(
            Acknowledgment(
                id="AwsSolutions-VPC7",
                reason="No ingress, and jobs that live for minutes: what they do is in their own log.",
            )
        )
        return vpc

    def _job(self, image: Path, *, base: str) -> tuple[ecs.FargateTaskDefinition, ecs.ContainerDefinition]:
        definition = ecs.FargateTaskDefinition(
            self,
            "Job",
            # Each run is given the size that its model asks for.
            cpu=TaskSize().cpu,
            memory_limit_mib=TaskSize().memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        container = definition.add_container(
            "train",
            image=ecs.ContainerImage.from_asset(
                str(image), platform=ecr_assets.Platform.LINUX_AMD64, build_args={"BASE": base}
            ),
            # The whole command, although the image has it: where images are not run, this is what is.
            command=["python", "-m", "jobs.train"],
            environment=self._data.settings(),
            readonly_root_filesystem=True,
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="train",
                log_group=logs.LogGroup(
                    self, "JobLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
                ),
            ),
        )
        definition.add_volume(name=SCRATCH)
        container.add_mount_points(
            ecs.MountPoint(container_path="/tmp", source_volume=SCRATCH, read_only=False)  # noqa: S108  # its own
        )
        Validations.of(definition).acknowledge(
            Acknowledgment(
                id="AwsSolutions-ECS2", reason="Names of resources and of the stage; no secret is among them."
            )
        )
        return definition, container

    # --- who may do what --------------------------------------------------------------------------

    def _grant_lifecycle(self, function: lambda_.Function) -> None:
        data = self._data
        grant_items(function, data.batches, "GetItem", "Query")
        grant_items(function, data.decisions, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        grant_items(function, data.registry, "GetItem", "PutItem", "UpdateItem")
        grant_find_objects(function, data.artifacts, ArtifactPrefix.RUNS)
        grant_write_objects(function, data.artifacts, ArtifactPrefix.RUNS)
        grant(function, "events:PutEvents", on=[data.bus.event_bus_arn])
        grant(function, "sns:Publish", on=[data.escalations.topic_arn])

    def _grant_rollout(self, function: lambda_.Function, options: Options) -> None:
        data = self._data
        grant_read_objects(function, data.artifacts, ArtifactPrefix.SMOKE_TESTS, ArtifactPrefix.RUNS)
        grant_items(function, data.registry, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        grant_items(function, data.batches, "Query")
        if options.clock == "replay":
            grant_items(function, data.decisions, "GetItem")  # the replayed present is kept there
        grant_on_serving(
            function,
            options.stage,
            "lambda:GetFunction",
            "lambda:GetFunctionConfiguration",
            "lambda:UpdateFunctionConfiguration",
            "lambda:PublishVersion",
            "lambda:ListVersionsByFunction",
            "lambda:GetAlias",
            "lambda:UpdateAlias",
            "lambda:InvokeFunction",
        )

    def _grant_reconcile(self, function: lambda_.Function, machine: sfn.StateMachine, options: Options) -> None:
        data = self._data
        grant_items(function, data.decisions, "GetItem", "Query", "PutItem", "DeleteItem")
        grant_items(function, data.registry, "GetItem", "Query", "UpdateItem", "DeleteItem")
        grant(function, "events:PutEvents", on=[data.bus.event_bus_arn])
        grant(function, "sns:Publish", on=[data.escalations.topic_arn])
        grant(function, "states:DescribeExecution", on=[f"{execution_arn(machine)}:*"])
        assert isinstance(machine.node.default_child, sfn.CfnStateMachine)  # noqa: S101  # of the library's making
        name = self.get_logical_id(machine.node.default_child)
        acknowledge_wildcard(
            function.role or function,
            f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<{name}.Name>:*",
            reason="Executions are named by AWS.",
        )
        grant_on_serving(function, options.stage, "lambda:GetAlias", "lambda:UpdateAlias")

    def _grant_performance(self, function: lambda_.Function, options: Options) -> None:
        data = self._data
        grant_find_objects(function, data.feature_store, TABLES_PREFIX)
        grant_read_objects(function, data.artifacts, ArtifactPrefix.MODELS, ArtifactPrefix.RUNS)
        grant_items(function, data.batches, "GetItem", "Query", "UpdateItem")
        grant_items(function, data.registry, "GetItem")
        if options.clock == "replay":
            grant_items(function, data.decisions, "GetItem")  # the replayed present is kept there
        grant(function, "events:PutEvents", on=[data.bus.event_bus_arn])

    def _grant_job(self, definition: ecs.FargateTaskDefinition) -> None:
        data, role = self._data, definition.task_role
        made = (
            ArtifactPrefix.MODELS,
            ArtifactPrefix.REFERENCES,
            ArtifactPrefix.SMOKE_TESTS,
            ArtifactPrefix.RUNS,
        )
        grant_find_objects(role, data.feature_store, TABLES_PREFIX)
        grant_find_objects(role, data.artifacts, ArtifactPrefix.MODELS, ArtifactPrefix.RUNS)
        grant_write_objects(role, data.artifacts, *made)
        grant_items(role, data.registry, "GetItem")

    def _acknowledge_cdk_wildcards(
        self,
        machine: sfn.StateMachine,
        definition: ecs.FargateTaskDefinition,
        functions: tuple[lambda_.Function, ...],
    ) -> None:
        for function in functions:
            assert isinstance(function.node.default_child, lambda_.CfnFunction)  # noqa: S101  # of the library's making
            arn = f"<{self.get_logical_id(function.node.default_child)}.Arn>:*"
            acknowledge_wildcard(machine, arn, reason="Any version of a function that the machine calls.")
        acknowledge_wildcard(
            machine, "*", reason="Stopping and describing tasks, log delivery and traces know no narrower resource."
        )
        if definition.execution_role is not None:
            acknowledge_wildcard(
                definition.execution_role, "*", reason="ecr:GetAuthorizationToken knows no narrower resource."
            )

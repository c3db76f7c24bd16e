"""What must outlive everything else: buckets, tables, the event bus and the topic on which people are called."""

from aws_cdk import Acknowledgment, Annotations, Duration, RemovalPolicy, StackSynthesizer, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from evertrain.adapters.aws.item_keys import PARTITION_KEY, SORT_KEY
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.deployment.stacks import Output, StackName, serving_function_prefix
from evertrain.domain.deployment.variables import Variable
from infra.options import Options
from infra.stage_stack import StageStack


class DataStack(StageStack):
    def __init__(self, scope: Construct, *, options: Options, synthesizer: StackSynthesizer | None) -> None:
        super().__init__(scope, StackName.DATA, options=options, synthesizer=synthesizer, about="data, state, events")
        self._removal = RemovalPolicy.DESTROY if options.removal == "destroy" else RemovalPolicy.RETAIN
        self._options = options

        self._key = self._encryption_key() if options.encryption == "kms" else None
        self.termination_protection = options.deletion_protection

        # Raw evidence: kept for ever, moved to cheaper storage when it has long been in the feature store.
        self.landing = self._bucket("Landing", infrequent_access_after=Duration.days(90))
        _send_events_to_eventbridge(self.landing)
        # Both are append-only; what is overwritten or deleted by accident can be brought back for a month.
        self.feature_store = self._bucket("FeatureStore")
        self.artifacts = self._bucket("Artifacts")
        self.artifacts.add_lifecycle_rule(
            id="PartsOfLargeBatches", prefix=f"{ArtifactPrefix.PARTS}/", expiration=Duration.days(30)
        )
        # Copies for whoever looks into a broken feed; the original stays in the landing bucket.
        self.quarantine = self._bucket("Quarantine", expires_after=Duration.days(180))

        # What files of rows were answered, until whoever landed them has read it.
        self.scores = self._bucket("Scores", expires_after=Duration.days(90))
        _send_events_to_eventbridge(self.scores)

        self.batches = self._table("Batches")
        self.decisions = self._table("Decisions")
        self.registry = self._table("Registry")

        self.bus = events.EventBus(self, "Bus", description=f"Continuous training, stage {options.stage}")
        self.escalations = self._escalation_topic()
        self._outputs()

    def settings(self) -> dict[str, str]:
        """Environment variables, the same for every deployable. A name gives no access; grants do."""
        return {
            Variable.STAGE: self._options.stage,
            Variable.CLOCK: self._options.clock,
            Variable.LANDING_BUCKET: self.landing.bucket_name,
            Variable.FEATURE_STORE_BUCKET: self.feature_store.bucket_name,
            Variable.ARTIFACT_BUCKET: self.artifacts.bucket_name,
            Variable.QUARANTINE_BUCKET: self.quarantine.bucket_name,
            Variable.BATCHES_TABLE: self.batches.table_name,
            Variable.DECISIONS_TABLE: self.decisions.table_name,
            Variable.REGISTRY_TABLE: self.registry.table_name,
            Variable.EVENT_BUS_NAME: self.bus.event_bus_name,
            Variable.ESCALATION_TOPIC_ARN: self.escalations.topic_arn,
            Variable.SERVING_FUNCTION_PREFIX: serving_function_prefix(self._options.stage),
        }

    def _bucket(
        self, name: str, *, expires_after: Duration | None = None, infrequent_access_after: Duration | None = None
    ) -> s3.Bucket:
        transitions = []
        if infrequent_access_after is not None:
            transitions.append(
                s3.Transition(
                    storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=infrequent_access_after
                )
            )
        bucket = s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED if self._key is None else s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True if self._key else None,  # or each object would be a call to KMS
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="KeepTidy",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(30),
                    expiration=expires_after,
                    # Otherwise delete markers pile up and slow down listing. A rule with an expiration removes
                    # them by itself.
                    expired_object_delete_marker=None if expires_after else True,
                    transitions=transitions,
                )
            ],
            removal_policy=self._removal,
        )
        Validations.of(bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="Every object is written down by content in the batch log or the registry; "
                "access logs would outgrow the data. Switch on CloudTrail data events where an audit asks for them.",
            )
        )
        return bucket

    def _table(self, name: str) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            name,
            partition_key=dynamodb.Attribute(name=PARTITION_KEY, type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name=SORT_KEY, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=None if self._key is None else dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self._key,
            deletion_protection=self._options.deletion_protection,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=self._removal,
        )

    def _escalation_topic(self) -> sns.Topic:
        # Not with the key that AWS manages for topics: alarms may not use it.
        topic = sns.Topic(
            self,
            "Escalations",
            enforce_ssl=True,
            display_name=f"Evertrain {self._options.stage}",
            master_key=self._key,
        )
        # A topic with a policy of its own loses the default one, which let alarms in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        for address in self._options.notify:
            is_endpoint = address.startswith("https://")
            topic.add_subscription(
                subscriptions.UrlSubscription(address) if is_endpoint else subscriptions.EmailSubscription(address)
            )
        if not self._options.notify:
            Annotations.of(self).add_info(
                "Nobody is told when a person is needed: deploy with -c notify=you@example.com, or subscribe by hand."
            )
        return topic

    def _encryption_key(self) -> kms.Key:
        """Used through the services that hold the data, by whoever may use these: as the keys that AWS manages are,
        but with a policy and a trail of the account's own."""
        key = kms.Key(
            self,
            "Key",
            description=f"Evertrain {self._options.stage}: data, state and calls",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        actions = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        services = [f"{name}.{self.region}.amazonaws.com" for name in ("s3", "dynamodb", "sns")]
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=[*actions, "kms:CreateGrant"],
                resources=["*"],
                conditions={"StringEquals": {"kms:CallerAccount": self.account, "kms:ViaService": services}},
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _outputs(self) -> None:
        self.add_outputs(
            {
                Output.LANDING_BUCKET: self.landing.bucket_name,
                Output.FEATURE_STORE_BUCKET: self.feature_store.bucket_name,
                Output.ARTIFACT_BUCKET: self.artifacts.bucket_name,
                Output.QUARANTINE_BUCKET: self.quarantine.bucket_name,
                Output.SCORES_BUCKET: self.scores.bucket_name,
                Output.BATCHES_TABLE: self.batches.table_name,
                Output.DECISIONS_TABLE: self.decisions.table_name,
                Output.REGISTRY_TABLE: self.registry.table_name,
                Output.EVENT_BUS_NAME: self.bus.event_bus_name,
                Output.ESCALATION_TOPIC_ARN: self.escalations.topic_arn,
            }
        )


def _send_events_to_eventbridge(bucket: s3.Bucket) -> None:
    # The plain property: `event_bridge_enabled=True` would deploy a custom resource to set it.
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)  # noqa: S101  # of the construct library's own making
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )

"""The endpoint: one function for each model behind its alias `live`, and one HTTP API in front of all.

What the alias points at is the rollout's business: a deployment changes `$LATEST` and nothing that callers see.
"""

import json
from collections.abc import Callable

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack, StackSynthesizer
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from evertrain.domain.landing.batches import LABEL_KINDS, FeedKind
from evertrain.domain.project.model import ModelSpec, Project
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.grants import may, may_read_items, may_read_objects, may_write_objects
from infra.options import Options
from infra.python_function import python_function
from infra.work_queue import WorkQueue

SERVING = Bundle(folder="serving")
COLLECT = Bundle(folder="lambdas/collect", lock="monitor.txt")
REQUESTS_PER_SECOND = 100
REQUESTS_AT_ONCE = 200
"""Of all callers together: a bound on what a runaway client can cost."""

ACCESS_LOG_LINE = {
    "request": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}


class ServingStack(Stack):
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
            scope, f"{options.prefix}-serving", synthesizer=synthesizer, description="Evertrain: serving"
        )
        self._options = options
        self._bundle = build(SERVING)
        models = sorted(project.models)
        self._predictions = self._prediction_queue(data, build(COLLECT))

        unknown = python_function(
            self,
            "UnknownModel",
            bundle=self._bundle,
            handler="serving.handler.unknown_model_handler",
            description="Answers whoever asks for a model that is not there",
            memory_mib=128,
            timeout=Duration.seconds(5),
            environment={"EVERTRAIN_STAGE": options.stage, "KNOWN_MODELS": ",".join(models)},
        )
        api = self._api(unknown)
        for model in models:
            function = self._function(project.models[model], data)
            alias = self._live_alias(model, function)
            integration = integrations.HttpLambdaIntegration(f"{_pascal_case(model)}Live", alias)
            for path, method in (
                (f"/models/{model}/predict", apigateway.HttpMethod.POST),
                (f"/models/{model}", apigateway.HttpMethod.GET),
            ):
                api.add_routes(path=path, methods=[method], integration=integration)
            may_read_objects(function, data.artifacts, f"models/{model}/")
            may(function, "sqs:SendMessage", on=[self._predictions.queue.queue_arn])

        self._label_reports(data, api, models, build(COLLECT))

        CfnOutput(self, "PredictionsQueueUrl", value=self._predictions.queue.queue_url)
        CfnOutput(self, "PredictionsDeadQueueUrl", value=self._predictions.dead.queue_url)
        CfnOutput(self, "ApiId", value=api.api_id)
        CfnOutput(self, "ApiUrl", value=api.api_endpoint)

    def _prediction_queue(self, data: DataStack, bundle: BuiltBundle) -> WorkQueue:
        """What was asked and answered becomes a file a minute at most, which lands as any other batch does."""
        collect = python_function(
            self,
            "Collect",
            bundle=bundle,
            handler="lambdas.collect.handler.lambda_handler",
            description="Lands what the endpoint was asked and what it answered",
            memory_mib=1024,
            timeout=Duration.minutes(1),
            environment=data.settings(),
        )
        may_write_objects(collect, data.landing, f"{FeedKind.PREDICTIONS}/")
        if self._options.clock == "replay":
            may_read_items(collect, data.decisions)  # the replayed present is kept there
        return WorkQueue(
            self,
            "Predictions",
            function=collect,
            # A delivery is at most 6 MB of messages; the window makes few files of many requests.
            batch_size=1000,
            batching_window=Duration.minutes(1),
            max_concurrency=5,
            alarm_topic=data.escalations,
        )

    def _label_reports(
        self, data: DataStack, api: apigateway.HttpApi, models: list[str], bundle: BuiltBundle
    ) -> None:
        """Labels are taken by one function for all models, and land as files of a minute."""
        collect = python_function(
            self,
            "CollectLabels",
            bundle=bundle,
            handler="lambdas.collect.labels.queue_handler",
            description="Lands labels that callers reported",
            memory_mib=1024,
            timeout=Duration.minutes(1),
            environment=data.settings(),
        )
        may_write_objects(collect, data.landing, *(f"{kind}/" for kind in LABEL_KINDS))
        reported = WorkQueue(
            self,
            "ReportedLabels",
            function=collect,
            batch_size=1000,
            batching_window=Duration.minutes(1),
            max_concurrency=2,
            alarm_topic=data.escalations,
        )
        report = python_function(
            self,
            "ReportLabels",
            bundle=bundle,
            handler="lambdas.collect.labels.report_handler",
            description="Takes labels from callers",
            memory_mib=1024,
            timeout=Duration.seconds(15),
            environment=data.settings() | {"LABELS_QUEUE_URL": reported.queue.queue_url},
        )
        may(report, "sqs:SendMessage", on=[reported.queue.queue_arn])
        if self._options.clock == "replay":
            may_read_items(report, data.decisions)  # the replayed present is kept there
        integration = integrations.HttpLambdaIntegration("ReportLabels", report)
        for model in models:
            api.add_routes(
                path=f"/models/{model}/labels", methods=[apigateway.HttpMethod.POST], integration=integration
            )
        CfnOutput(self, "ReportedLabelsDeadQueueUrl", value=reported.dead.queue_url)

    def _function(self, spec: ModelSpec, data: DataStack) -> lambda_.Function:
        model = spec.name
        return python_function(
            self,
            _pascal_case(model),
            bundle=self._bundle,
            # The rollout finds it by this name.
            function_name=f"{self._options.prefix}-serving-{model}",
            handler="serving.handler.lambda_handler",
            description=f"Predictions of {model}",
            memory_mib=1024,  # more processor rather than more memory: a cold start is the slowest answer
            timeout=Duration.seconds(15),  # the HTTP API gives up after 30
            environment={
                "EVERTRAIN_STAGE": self._options.stage,
                "MODEL_NAME": model,
                "ARTIFACT_BUCKET": data.artifacts.bucket_name,
                "PREDICTIONS_QUEUE_URL": self._predictions.queue.queue_url,
                "LOG_SHARE": f"{spec.endpoint.log_share:g}",
            },
        )

    def _live_alias(self, model: str, function: lambda_.Function) -> lambda_.IAlias:
        name = f"{_pascal_case(model)}Alias"
        # Constant on purpose: CloudFormation writes the alias only when this text changes, so it never takes back
        # what a rollout has put there.
        resource = lambda_.CfnAlias(
            self, name, function_name=function.function_name, function_version="$LATEST", name="live"
        )
        alias = lambda_.Alias.from_alias_attributes(
            self, f"{name}Live", alias_name="live", alias_version=function.latest_version
        )
        alias.node.add_dependency(resource)
        return alias

    def _api(self, unknown: lambda_.Function) -> apigateway.HttpApi:
        signed = authorizers.HttpIamAuthorizer() if self._options.endpoint_auth == "iam" else None
        api = apigateway.HttpApi(
            self,
            "Api",
            description=f"Predictions, stage {self._options.stage}",
            create_default_stage=False,
            default_authorizer=signed,
            default_integration=integrations.HttpLambdaIntegration("Unknown", unknown),
        )
        access_logs = logs.LogGroup(
            self, "AccessLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=REQUESTS_PER_SECOND, burst_limit=REQUESTS_AT_ONCE),
        )
        resource = stage.node.default_child
        assert isinstance(resource, apigateway.CfnStage)  # noqa: S101  # of the construct library's own making
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_logs.log_group_arn, format=json.dumps(ACCESS_LOG_LINE)
        )
        return api


def _pascal_case(model: str) -> str:
    """
    >>> _pascal_case("air_time")
    'AirTime'
    """
    return "".join(part.capitalize() for part in model.split("_"))

"""The endpoint: one function for each model behind its alias `live`, and one HTTP API in front of all.

What the alias points at is the rollout's business: a deployment changes `$LATEST` and nothing that callers see.
"""

import json
from collections.abc import Callable, Sequence

from aws_cdk import Duration, RemovalPolicy, StackSynthesizer
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from evertrain.adapters.monitoring.metrics import PREDICTIONS_NOT_KEPT
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.deployment.routes import (
    API_DOCUMENT,
    BURST_LIMIT,
    DESCRIBE,
    MODEL_DOCUMENT,
    PREDICT,
    RATE_LIMIT,
    REPORT_LABELS,
    Route,
)
from evertrain.domain.deployment.stacks import Output, StackName, serving_function_prefix
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.landing.batches import LABEL_KINDS, FeedKind
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.policies import Tier
from evertrain.toolchain.own_libraries import SKLEARN_LOCK
from infra.alarms import PERIOD, call_a_person, model_metric
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.file_scoring import SCORE, FileScoring
from infra.grants import grant, grant_items, grant_on_serving, grant_read_objects, grant_write_objects
from infra.live_alias import LiveAliasIntegration
from infra.options import Options
from infra.python_function import python_function
from infra.sqs_to_lambda import SqsToLambda
from infra.stage_stack import StageStack

SERVING = Bundle(folder="serving")
SERVING_BY_SKLEARN = Bundle(folder="serving", lock=SKLEARN_LOCK, runs_models=True)
COLLECT = Bundle(folder="lambdas/collect", lock="monitor.txt")
SLOW_ANSWER = Duration.seconds(3)
"""Longer than a cold start with the largest artifact takes."""
SLOW_ANSWER_BY_SKLEARN = Duration.seconds(10)
"""The same where scikit-learn has to be imported."""

ACCESS_LOG_FORMAT = {
    "request": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}


class ServingStack(StageStack):
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
        super().__init__(scope, StackName.SERVING, options=options, synthesizer=synthesizer, about="serving")
        self._data = data
        self._options = options
        tiers = {spec.endpoint.tier for spec in project.models.values()}
        # Made only where it is needed: it is two hundred times as large.
        self._bundles = {tier: build(_BUNDLES[tier]) for tier in sorted({Tier.FLAT, *tiers})}
        models = sorted(project.models)
        collect_bundle = build(COLLECT)
        self._predictions = self._prediction_queue(collect_bundle)

        unknown = python_function(
            self,
            "UnknownModel",
            bundle=self._bundles[Tier.FLAT],
            handler="serving.handler.unknown_model_handler",
            description="Answers whoever asks for a model that is not there",
            memory_mib=128,
            timeout=Duration.seconds(5),
            environment={Variable.STAGE: options.stage, Variable.KNOWN_MODELS: ",".join(models)},
        )
        api = self._api(unknown)
        self._alarm_on_answers(api, SLOW_ANSWER_BY_SKLEARN if Tier.SKLEARN in tiers else SLOW_ANSWER)
        for model in models:
            function = self._function(project.models[model])
            self._alarm_on_function(function, model)
            live = LiveAliasIntegration(self, _pascal_case(model), function=function)
            answered = (PREDICT, DESCRIBE, MODEL_DOCUMENT)
            for route in answered:
                api.add_routes(path=route.of(model), methods=[_method(route)], integration=live)
            live.grant_invoke(api, *(route.of(model) for route in answered))
            grant_read_objects(function, data.artifacts, f"{ArtifactPrefix.MODELS}/{model}")
            grant(function, "sqs:SendMessage", on=[self._predictions.queue.queue_arn])

        reported = self._label_reports(api, models, collect_bundle)
        self._document(api, collect_bundle)
        files = FileScoring(
            self, "Files", options=options, data=data, bundle=build(SCORE), predictions=self._predictions.queue
        )
        self.add_outputs(
            {
                Output.PREDICTIONS_QUEUE_URL: self._predictions.queue.queue_url,
                Output.PREDICTIONS_DEAD_QUEUE_URL: self._predictions.dead_letter_queue.queue_url,
                Output.REPORTED_LABELS_QUEUE_URL: reported.queue.queue_url,
                Output.REPORTED_LABELS_DEAD_QUEUE_URL: reported.dead_letter_queue.queue_url,
                **files.outputs,
                Output.API_ID: api.api_id,
                Output.API_URL: api.api_endpoint,
            }
        )

    def _collector(
        self,
        name: str,
        *,
        function_name: str,
        handler: str,
        description: str,
        bundle: BuiltBundle,
        max_concurrency: int,
        kinds: Sequence[FeedKind],
    ) -> tuple[SqsToLambda, lambda_.Function]:
        """A queue whose messages become files, a minute's at most in each, which land as any other batch does."""
        data = self._data
        collect = python_function(
            self,
            function_name,
            bundle=bundle,
            handler=handler,
            description=description,
            memory_mib=1024,
            timeout=Duration.minutes(1),
            environment=data.settings(),
        )
        grant_write_objects(collect, data.landing, *kinds)
        queue = SqsToLambda(
            self,
            name,
            function=collect,
            # A delivery is at most 6 MB of messages; the window makes few files of many requests.
            batch_size=1000,
            batching_window=Duration.seconds(self._options.batching_window),
            max_concurrency=max_concurrency,
            alarm_topic=data.escalations,
        )
        return queue, collect

    def _prediction_queue(self, bundle: BuiltBundle) -> SqsToLambda:
        """What was asked and answered."""
        queue, collect = self._collector(
            "Predictions",
            function_name="Collect",
            handler="lambdas.collect.handler.lambda_handler",
            description="Lands what the endpoint was asked and what it answered",
            bundle=bundle,
            max_concurrency=5,
            kinds=(FeedKind.PREDICTIONS,),
        )
        # While a rollout is under way, what both versions answer is counted, and a shadow is asked here.
        grant_items(collect, self._data.registry, "GetItem")
        grant_items(collect, self._data.batches, "UpdateItem")
        grant_on_serving(collect, self._options.stage, "lambda:InvokeFunction")
        if self._options.clock == "replay":
            grant_items(collect, self._data.decisions, "GetItem")  # the replayed present is kept there
        return queue

    def _label_reports(self, api: apigateway.HttpApi, models: list[str], bundle: BuiltBundle) -> SqsToLambda:
        """Labels are taken from callers by one function for all models."""
        reported, _ = self._collector(
            "ReportedLabels",
            function_name="CollectLabels",
            handler="lambdas.collect.labels.queue_handler",
            description="Lands labels that callers reported",
            bundle=bundle,
            max_concurrency=2,
            kinds=LABEL_KINDS,
        )
        report = python_function(
            self,
            "ReportLabels",
            bundle=bundle,
            handler="lambdas.collect.labels.report_handler",
            description="Takes labels from callers",
            memory_mib=1024,
            timeout=Duration.seconds(15),
            environment=self._data.settings() | {Variable.LABELS_QUEUE_URL: reported.queue.queue_url},
        )
        grant(report, "sqs:SendMessage", on=[reported.queue.queue_arn])
        if self._options.clock == "replay":
            grant_items(report, self._data.decisions, "GetItem")  # the replayed present is kept there
        integration = integrations.HttpLambdaIntegration("ReportLabels", report)
        # Signed even where anyone may ask for predictions: who may write labels decides what the next model learns.
        signed = authorizers.HttpIamAuthorizer()
        for model in models:
            api.add_routes(
                path=REPORT_LABELS.of(model),
                methods=[_method(REPORT_LABELS)],
                integration=integration,
                authorizer=signed,
            )
        return reported

    def _document(self, api: apigateway.HttpApi, bundle: BuiltBundle) -> None:
        """The whole API's own description is made where the project's files can be read: no model's function can."""
        described = python_function(
            self,
            "Document",
            bundle=bundle,
            handler="lambdas.collect.openapi.document_handler",
            description="Tells the HTTP API as an OpenAPI document",
            memory_mib=1024,  # more processor: it is a cold start nearly always
            timeout=Duration.seconds(15),
            environment={Variable.STAGE: self._options.stage},
        )
        api.add_routes(
            path=API_DOCUMENT.path,
            methods=[_method(API_DOCUMENT)],
            integration=integrations.HttpLambdaIntegration("Document", described),
        )

    def _function(self, spec: ModelSpec) -> lambda_.Function:
        model, tier = spec.name, spec.endpoint.tier
        return python_function(
            self,
            _pascal_case(model),
            bundle=self._bundles[tier],
            # The rollout finds it by this name.
            function_name=f"{serving_function_prefix(self._options.stage)}{model}",
            handler=f"serving.{'primed' if self._options.snap_start else 'handler'}.lambda_handler",
            description=f"Predictions of {model}",
            # More processor rather than more memory: a cold start is the slowest answer. 1769 MiB are one of them.
            memory_mib=1024 if tier is Tier.FLAT else 1769,
            # The HTTP API gives up after 30.
            timeout=Duration.seconds(15 if tier is Tier.FLAT else 29),
            environment={
                Variable.STAGE: self._options.stage,
                Variable.MODEL_NAME: model,
                Variable.ARTIFACT_BUCKET: self._data.artifacts.bucket_name,
                Variable.PREDICTIONS_QUEUE_URL: self._predictions.queue.queue_url,
                Variable.LOG_SHARE: f"{spec.endpoint.log_share:g}",
                Variable.EXPLORE_SHARE: f"{spec.endpoint.explore:g}",
            },
            snap_start=self._options.snap_start,
        )

    def _alarm_on_answers(self, api: apigateway.HttpApi, slow: Duration) -> None:
        call_a_person(
            self,
            "ServerErrorsAlarm",
            metric=api.metric_server_error(period=PERIOD, statistic=cloudwatch.Stats.SUM),
            description="The HTTP API answered with 5xx. What is wrong with a request is a 4xx, so this is ours: a "
            "model's log has it by its request id. 503 is a model without a champion.",
            topic=self._data.escalations,
        )
        call_a_person(
            self,
            "SlowAnswersAlarm",
            metric=api.metric_latency(period=PERIOD, statistic=cloudwatch.Stats.percentile(95)),
            threshold=slow.to_milliseconds(),
            periods=3,
            description=f"For 15 minutes, one answer in twenty took {slow.to_seconds()} seconds or longer.",
            topic=self._data.escalations,
        )

    def _alarm_on_function(self, function: lambda_.Function, model: str) -> None:
        call_a_person(
            self,
            f"{_pascal_case(model)}ErrorsAlarm",
            metric=function.metric_errors(period=PERIOD),
            description=f"{model}: its function crashed, ran out of memory or of time; its log says which.",
            topic=self._data.escalations,
        )
        call_a_person(
            self,
            f"{_pascal_case(model)}NotKeptAlarm",
            metric=model_metric(PREDICTIONS_NOT_KEPT, stage=self._options.stage, model=model),
            description=f"{model}: callers were answered, but what they asked was not kept: it is missing from what "
            "is watched for drift and from what labels can refer to.",
            topic=self._data.escalations,
        )

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
            throttle=apigateway.ThrottleSettings(rate_limit=RATE_LIMIT, burst_limit=BURST_LIMIT),
        )
        resource = stage.node.default_child
        assert isinstance(resource, apigateway.CfnStage)  # noqa: S101  # of the construct library's own making
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_logs.log_group_arn, format=json.dumps(ACCESS_LOG_FORMAT)
        )
        return api


_BUNDLES = {Tier.FLAT: SERVING, Tier.SKLEARN: SERVING_BY_SKLEARN}


def _method(route: Route) -> apigateway.HttpMethod:
    return apigateway.HttpMethod[route.method]


def _pascal_case(model: str) -> str:
    """
    >>> _pascal_case("air_time")
    'AirTime'
    """
    return "".join(part.capitalize() for part in model.split("_"))

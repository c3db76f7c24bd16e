"""What the templates promise: who depends on whom, what is kept, who may call."""

import json
import re
from collections import Counter
from dataclasses import replace

from evertrain.adapters.monitoring.metrics import (
    BATCH_DIMENSIONS,
    FEATURE_DIMENSIONS,
    LABEL_WATERMARK_AGE,
    MODEL_DIMENSIONS,
    NOT_COMPARED,
    PREDICTIONS_NOT_KEPT,
    count_metric_line,
    drift_metric_lines,
    label_metric_line,
    performance_metric_line,
)
from evertrain.adapters.project.files import load_project
from evertrain.domain.landing.batches import FeedKind
from evertrain.domain.monitoring.estimates import Estimate
from evertrain.domain.project.metric import Metric
from evertrain.domain.project.policies import EndpointPolicy, Tier
from evertrain.domain.store.labels import LabelledDay, LabelProgress
from tests.builders.models import NOW, a_feature_drift, a_model, a_verdict, days
from tests.builders.performance import a_performance
from tests.infra.conftest import ROOT, Assembly, Synthesise

STACKS = ("data", "monitoring", "training", "serving", "dashboard")
ONLY_IN_LATER_STACKS = ("AWS::ECS::", "AWS::EC2::", "AWS::ApiGatewayV2::")


def test_data_and_monitoring_deploy_without_the_others(assembly: Assembly) -> None:
    assert imports(assembly, "data") == set()
    assert imports(assembly, "monitoring") == {"evertrain-dev-data"}
    for stack in ("data", "monitoring"):
        kinds = {resource["Type"] for resource in assembly.templates[stack]["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith(ONLY_IN_LATER_STACKS)]


def test_training_and_serving_do_not_know_each_other(assembly: Assembly) -> None:
    assert imports(assembly, "training") == {"evertrain-dev-data"}
    assert imports(assembly, "serving") == {"evertrain-dev-data"}


def test_nothing_runs_at_deployment(assembly: Assembly) -> None:
    for template in assembly.templates.values():
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith(("Custom::", "AWS::CloudFormation::CustomResource"))]
    functions = [properties for _, properties in assembly.resources("AWS::Lambda::Function")]
    assert {function["Runtime"] for function in functions if "Runtime" in function} == {"python3.13"}


def test_a_model_that_scikit_learn_answers_has_a_function_with_it_and_the_others_stay_as_they_are(
    synthesise: Synthesise, assembly: Assembly
) -> None:
    project = load_project(ROOT)
    slower = replace(project.models["air_time"], endpoint=EndpointPolicy(tier=Tier.SKLEARN))
    mixed = synthesise(project=replace(project, models={**project.models, "air_time": slower}))

    def functions(found: Assembly) -> dict[str, tuple[str, int, int]]:
        return {
            properties["FunctionName"].rpartition("-")[2]: (
                properties["Code"]["S3Key"],
                properties["MemorySize"],
                properties["Timeout"],
            )
            for _, properties in found.resources("AWS::Lambda::Function", "serving")
            if "FunctionName" in properties
        }

    before, after = functions(assembly), functions(mixed)
    assert after["flights"] == before["flights"]
    assert before["air_time"] == before["flights"]
    assert after["air_time"][0] != before["air_time"][0]
    assert after["air_time"][1:] == (1769, 29)
    kinds = [properties.get("PackageType") for _, properties in mixed.resources("AWS::Lambda::Function", "serving")]
    assert set(kinds) == {None}, "CloudFormation replaces a function whose kind changes, and its versions are gone"


def test_the_function_that_is_too_large_for_a_zip_is_the_training_image(assembly: Assembly) -> None:
    (image,) = [
        properties
        for _, properties in assembly.resources("AWS::Lambda::Function")
        if properties.get("PackageType") == "Image"
    ]
    (_, job), *_ = assembly.resources("AWS::ECS::TaskDefinition")
    assert image["Code"]["ImageUri"] == job["ContainerDefinitions"][0]["Image"]
    assert image["ImageConfig"] == {
        "EntryPoint": ["python", "-m", "awslambdaric"],
        "Command": ["lambdas.performance.handler.lambda_handler"],
    }


def test_committed_labels_are_measured_before_they_ask_for_a_decision(assembly: Assembly) -> None:
    listened = {
        stack: {
            name
            for _, properties in assembly.resources("AWS::Events::Rule", stack)
            for name in properties["EventPattern"]["detail-type"]
        }
        for stack in ("monitoring", "training")
    }
    assert {"LabelsCommitted", "FeaturesCommitted"} <= listened["training"]
    assert "LabelsCommitted" not in listened["monitoring"]
    assert "PerformanceMeasured" in listened["monitoring"]


def test_what_lands_and_what_answers_it_is_announced(assembly: Assembly) -> None:
    announcing = [
        name
        for name, properties in assembly.resources("AWS::S3::Bucket")
        if properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration")
    ]
    assert [name.rstrip("0123456789ABCDEF") for name in sorted(announcing)] == ["Landing", "Scores"]


def test_every_landed_key_reaches_the_monitor_or_who_answers_files(assembly: Assembly) -> None:
    keys = {}
    for stack in ("monitoring", "serving"):
        patterns = [properties["EventPattern"] for _, properties in assembly.resources("AWS::Events::Rule", stack)]
        (landed,) = [pattern["detail"] for pattern in patterns if pattern["source"] == ["aws.s3"]]
        assert "Landing" in json.dumps(landed["bucket"])
        keys[stack] = landed["object"]["key"]
    assert keys == {"monitoring": [{"anything-but": {"prefix": "scoring/"}}], "serving": [{"prefix": "scoring/"}]}


def test_data_outlives_its_stack(assembly: Assembly) -> None:
    for resource in assembly.templates["data"]["Resources"].values():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
            assert resource["DeletionPolicy"] == "Retain"
            assert resource["UpdateReplacePolicy"] == "Retain"


def test_what_was_deleted_leaves_nothing_after_a_month(assembly: Assembly) -> None:
    for name, properties in assembly.resources("AWS::S3::Bucket"):
        rules = properties["LifecycleConfiguration"]["Rules"]
        (tidy,) = [rule for rule in rules if rule["Id"] == "KeepTidy"]
        assert tidy["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
        # S3 takes one of both, and the first does what the second does.
        assert ("ExpirationInDays" in tidy) != tidy.get("ExpiredObjectDeleteMarker", False), name


def test_data_goes_with_its_stack_where_asked(synthesise: Synthesise) -> None:
    template = synthesise(removal="destroy").templates["data"]
    policies = {
        resource["DeletionPolicy"]
        for resource in template["Resources"].values()
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table")
    }
    assert policies == {"Delete"}


def test_tables_cost_nothing_idle_and_can_be_restored(assembly: Assembly) -> None:
    tables = assembly.resources("AWS::DynamoDB::Table")
    assert len(tables) == 3
    for _, properties in tables:
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert [key["AttributeName"] for key in properties["KeySchema"]] == ["pk", "sk"]


def test_every_log_group_forgets(assembly: Assembly) -> None:
    groups = assembly.resources("AWS::Logs::LogGroup")
    assert groups
    assert {properties["RetentionInDays"] for _, properties in groups} == {90}


def test_every_function_has_its_own_log_group_and_bounds(assembly: Assembly) -> None:
    functions = assembly.resources("AWS::Lambda::Function")
    groups = [json.dumps(properties["LoggingConfig"]["LogGroup"]) for _, properties in functions]
    assert len(set(groups)) == len(groups)
    for _, properties in functions:
        assert 5 <= properties["Timeout"] <= 900
        assert properties["MemorySize"] >= 128


def test_no_function_writes_logs_but_its_own(assembly: Assembly) -> None:
    for _, properties in assembly.resources("AWS::IAM::Role"):
        assert "AWSLambdaBasicExecutionRole" not in json.dumps(properties)


def test_a_queue_hides_a_message_for_six_times_its_function_s_time(assembly: Assembly) -> None:
    waiting = [
        properties["VisibilityTimeout"]
        for _, properties in assembly.resources("AWS::SQS::Queue", "monitoring")
        if "RedrivePolicy" in properties
    ]
    assert sorted(waiting) == [360, 720, 1800, 5400]


def test_messages_of_a_batch_fail_one_by_one(assembly: Assembly) -> None:
    mappings = assembly.resources("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 9
    assert all(properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for _, properties in mappings)


def test_a_person_is_called_for_each_of_these(assembly: Assembly) -> None:
    """Twice what is there for each model: there are two."""
    calling = Counter(
        properties["MetricName"]
        for stack in ("monitoring", "training", "serving")
        for _, properties in assembly.resources("AWS::CloudWatch::Alarm", stack)
        if "Escalations" in json.dumps(properties["AlarmActions"])
    )
    assert calling == {
        "ApproximateNumberOfMessagesVisible": 10,
        "ExecutionsFailed": 1,
        "ExecutionsAborted": 3,
        "ExecutionsTimedOut": 3,
        "5xx": 1,
        "Latency": 1,
        "Errors": 2,
        NOT_COMPARED: 2,
        PREDICTIONS_NOT_KEPT: 2,
        LABEL_WATERMARK_AGE: 2,
    }
    dead = [name for name, properties in assembly.resources("AWS::SQS::Queue") if "RedrivePolicy" not in properties]
    assert calling["ApproximateNumberOfMessagesVisible"] == len(dead)


def test_every_alarm_says_what_happened(assembly: Assembly) -> None:
    for name, properties in assembly.resources("AWS::CloudWatch::Alarm"):
        assert len(properties["AlarmDescription"]) > 20, name


def test_labels_may_be_late_by_half_their_latency_or_over_a_weekend(assembly: Assembly) -> None:
    limits = {
        properties["Dimensions"][0]["Value"]: properties["Threshold"]
        for _, properties in assembly.resources("AWS::CloudWatch::Alarm", "monitoring")
        if properties["MetricName"] == LABEL_WATERMARK_AGE
    }
    assert limits == {"air_time": 6 * 24, "flights": 6 * 24}


def test_alarms_of_models_listen_to_what_functions_tell(assembly: Assembly) -> None:
    told = json.loads(count_metric_line(PREDICTIONS_NOT_KEPT, 1, model="flights", stage="dev"))
    listened = [
        {entry["Name"]: entry["Value"] for entry in properties["Dimensions"]}
        for stack in ("monitoring", "serving")
        for _, properties in assembly.resources("AWS::CloudWatch::Alarm", stack)
        if properties["Namespace"] == told["_aws"]["CloudWatchMetrics"][0]["Namespace"]
    ]
    (names,) = told["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert len(listened) == 6
    assert {name: told[name] for name in names} in listened
    assert all(set(each) == set(names) for each in listened)


def test_people_are_told_by_mail_and_machines_by_https(synthesise: Synthesise, assembly: Assembly) -> None:
    assert assembly.resources("AWS::SNS::Subscription") == []
    told = synthesise(notify="ml@example.com, https://example.com/hook").resources("AWS::SNS::Subscription", "data")
    assert {(properties["Protocol"], properties["Endpoint"]) for _, properties in told} == {
        ("email", "ml@example.com"),
        ("https", "https://example.com/hook"),
    }


def test_each_model_s_drift_is_on_the_dashboard_under_the_names_that_the_monitor_tells(assembly: Assembly) -> None:
    verdict = replace(a_verdict(days_ago=1), model="flights", features=(a_feature_drift("wind_speed"),))
    told = [json.loads(line) for line in drift_metric_lines(verdict, stage="dev", source=FeedKind.FEATURES)]
    for name in ("PSI", "WassersteinNormalised"):
        assert name in told[1]
        assert on_dashboard(assembly, name, {key: told[1][key] for key in FEATURE_DIMENSIONS})
    alarms = [properties for _, properties in assembly.resources("AWS::CloudWatch::Alarm", "dashboard")]
    drifting = [alarm for alarm in alarms if alarm["MetricName"] == "Drifted"]
    assert len(drifting) == 2
    for alarm in drifting:
        assert alarm["MetricName"] in told[0]
        assert {entry["Name"] for entry in alarm["Dimensions"]} == set(BATCH_DIMENSIONS)


def test_what_each_model_is_worth_is_on_the_dashboard_under_the_names_that_are_told(assembly: Assembly) -> None:
    measured = replace(a_performance([1.0] * 9), model="flights")
    estimated = Estimate(value=0.7, variance=0.001)
    line = performance_metric_line(measured, Metric.ROC_AUC_SCORE, estimated=estimated, stage="dev", now=NOW)
    told = json.loads(line)
    for name in ("RealisedMetric", "PromisedMetric", "EstimatedMetric"):
        assert name in told
        assert on_dashboard(assembly, name, {key: told[key] for key in MODEL_DIMENSIONS})
    declining = [
        properties
        for _, properties in assembly.resources("AWS::CloudWatch::Alarm", "dashboard")
        if properties["MetricName"] == "Declined"
    ]
    assert len(declining) == 2
    assert "Declined" in told


def test_how_each_model_s_labels_come_in_is_on_the_dashboard_under_the_names_that_maintenance_tells(
    assembly: Assembly,
) -> None:
    progress = LabelProgress(
        measured_at=NOW,
        days=(LabelledDay(day=NOW - days(9), rows=100, labelled=97),),
        latency=((0.95, days(2)),),
        unmatched=0,
    )
    label = a_model().label
    told = json.loads(label_metric_line(progress, complete_to=NOW, label=label, model="flights", stage="dev"))
    for name, title in (
        ("LabelCoverage", "flights: share of matured rows with a label"),
        ("LabelLatencyP95", "flights: 95% of labels came within (hours)"),
        ("LabelWatermarkAge", "flights: age of what labels are complete to (hours)"),
    ):
        assert name in told
        assert on_dashboard(assembly, name, {key: told[key] for key in MODEL_DIMENSIONS})
        assert title in shown(assembly)


def shown(assembly: Assembly) -> str:
    ((_, dashboard),) = assembly.resources("AWS::CloudWatch::Dashboard", "dashboard")
    return json.dumps(dashboard["DashboardBody"])


def on_dashboard(assembly: Assembly, name: str, dimensions: dict[str, str]) -> bool:
    # CloudWatch takes dimensions in any order, the CDK writes them in the alphabet's.
    ordered = ["Evertrain", name, *(part for pair in sorted(dimensions.items()) for part in pair)]
    return json.dumps(json.dumps(ordered, separators=(",", ":")))[1:-2] in shown(assembly)


def test_whoever_makes_files_of_what_callers_sent_may_land_each_of_them(assembly: Assembly) -> None:
    """The embedded cloud asks nobody for permission, so no other test would miss one."""
    landed: dict[str, set[str]] = {}
    for name, properties in assembly.resources("AWS::IAM::Policy", "serving"):
        for statement in properties["PolicyDocument"]["Statement"]:
            if "s3:PutObject" in statement["Action"]:
                landed[name] = set(re.findall(r"/([a-z_]+)/\*", json.dumps(statement["Resource"])))
    collectors = [prefixes for name, prefixes in landed.items() if name.startswith("Collect")]
    assert sorted(collectors, key=len) == [{"predictions"}, {"labels", "prediction_labels"}]
    assert set().union(*collectors) == {kind.value for kind in FeedKind if kind is not FeedKind.FEATURES}


def test_whoever_answers_files_writes_answers_and_parts_and_lands_nothing(assembly: Assembly) -> None:
    written = [
        json.dumps(statement["Resource"])
        for name, properties in assembly.resources("AWS::IAM::Policy", "serving")
        if name.startswith("FilesScore")
        for statement in properties["PolicyDocument"]["Statement"]
        if "s3:PutObject" in statement["Action"]
    ]
    assert len(written) == 2
    assert not [each for each in written if "Landing" in each]
    assert sorted(re.findall(r"/([a-z_]+)/\*", "".join(written))) == ["parts", "parts", "scoring", "scoring"]


def test_callers_sign_their_requests(assembly: Assembly) -> None:
    routes = assembly.resources("AWS::ApiGatewayV2::Route")
    assert {properties["AuthorizationType"] for _, properties in routes} == {"AWS_IAM"}


def test_anyone_may_ask_where_that_was_chosen_and_labels_are_still_signed(synthesise: Synthesise) -> None:
    routes = synthesise(endpoint_auth="none").resources("AWS::ApiGatewayV2::Route")
    found = {properties["RouteKey"]: properties.get("AuthorizationType", "NONE") for _, properties in routes}
    labels = {"POST /models/air_time/labels", "POST /models/flights/labels"}
    assert {route for route, authorisation in found.items() if authorisation == "AWS_IAM"} == labels
    assert set(found.values()) == {"AWS_IAM", "NONE"}


def test_each_model_of_the_project_has_its_routes(assembly: Assembly) -> None:
    keys = {properties["RouteKey"] for _, properties in assembly.resources("AWS::ApiGatewayV2::Route")}
    assert keys == {
        "$default",
        "GET /models/air_time",
        "POST /models/air_time/predict",
        "POST /models/air_time/labels",
        "GET /models/air_time/openapi.json",
        "GET /models/flights",
        "POST /models/flights/predict",
        "POST /models/flights/labels",
        "GET /models/flights/openapi.json",
        "GET /openapi.json",
    }


def test_a_deployment_never_moves_the_alias(assembly: Assembly) -> None:
    aliases = assembly.resources("AWS::Lambda::Alias")
    assert len(aliases) == 2
    for _, properties in aliases:
        assert properties.keys() == {"FunctionName", "FunctionVersion", "Name"}
        assert properties["FunctionVersion"] == "$LATEST"
        assert properties["Name"] == "live"
    assert assembly.resources("AWS::Lambda::Version") == []


def test_published_versions_start_from_a_snapshot_where_that_is_chosen(
    synthesise: Synthesise, assembly: Assembly
) -> None:
    def of_models(found: Assembly) -> list[tuple[str, object]]:
        functions = (properties for _, properties in found.resources("AWS::Lambda::Function", "serving"))
        return [
            (each["Handler"], each.get("SnapStart")) for each in functions if each["Handler"].startswith("serving.")
        ]

    unknown = ("serving.handler.unknown_model_handler", None)
    chosen, by_default = of_models(synthesise(snap_start="1")), of_models(assembly)
    assert sorted(by_default) == [("serving.handler.lambda_handler", None)] * 2 + [unknown]
    snapshot = {"ApplyOn": "PublishedVersions"}
    assert sorted(chosen, key=str) == [unknown] + [("serving.primed.lambda_handler", snapshot)] * 2


def test_callers_reach_models_through_the_alias_only(assembly: Assembly) -> None:
    integrations = assembly.resources("AWS::ApiGatewayV2::Integration")
    uris = [json.dumps(properties["IntegrationUri"]) for _, properties in integrations]
    assert len([uri for uri in uris if '":live"' in uri]) == 2
    others = {"UnknownModel", "ReportLabels", "Document"}
    assert len([uri for uri in uris if any(name in uri for name in others)]) == len(uris) - 2


def test_templates_do_not_know_the_embedded_cloud(synthesise: Synthesise, assembly: Assembly) -> None:
    local = synthesise(environment={"AWS_ENDPOINT_URL": "http://localhost:4566"})
    assert local.templates == assembly.templates  # bundles, and so asset hashes, are equal here


def test_the_replayed_clock_reaches_whoever_asks_for_the_time(synthesise: Synthesise) -> None:
    replaying = synthesise(clock="replay")
    clocks = [
        properties["Environment"]["Variables"].get("EVERTRAIN_CLOCK")
        for stack in ("monitoring", "training")
        for _, properties in replaying.resources("AWS::Lambda::Function", stack)
    ]
    assert clocks == ["replay"] * 9
    (_, job), *_ = replaying.resources("AWS::ECS::TaskDefinition")
    assert {"Name": "EVERTRAIN_CLOCK", "Value": "replay"} in job["ContainerDefinitions"][0]["Environment"]


def test_the_job_names_its_whole_command_and_has_no_way_in(assembly: Assembly) -> None:
    (_, job), *_ = assembly.resources("AWS::ECS::TaskDefinition")
    assert job["ContainerDefinitions"][0]["Command"] == ["python", "-m", "jobs.train"]
    assert all("SecurityGroupIngress" not in group for _, group in assembly.resources("AWS::EC2::SecurityGroup"))
    assert assembly.resources("AWS::EC2::NatGateway") == []


def test_the_outputs_are_named_for_those_who_read_them(assembly: Assembly) -> None:
    named = {
        stack: {key for key in template["Outputs"] if not key.startswith("ExportsOutput")}
        for stack, template in assembly.templates.items()
        if "Outputs" in template
    }
    assert named == {
        "data": {
            "LandingBucket",
            "FeatureStoreBucket",
            "ArtifactBucket",
            "QuarantineBucket",
            "ScoresBucket",
            "BatchesTable",
            "DecisionsTable",
            "RegistryTable",
            "EventBusName",
            "EscalationTopicArn",
        },
        "monitoring": {
            "DueQueueUrl",
            "DueDeadQueueUrl",
            "LandedQueueUrl",
            "LandedDeadQueueUrl",
            "LargeBatchesArn",
            "AcceptedQueueUrl",
            "AcceptedDeadQueueUrl",
            "UndecidedQueueUrl",
            "UndecidedDeadQueueUrl",
            "ScheduleName",
        },
        "training": {
            "StateMachineArn",
            "UnstartedQueueUrl",
            "EndedQueueUrl",
            "EndedDeadQueueUrl",
            "LabelledQueueUrl",
            "LabelledDeadQueueUrl",
        },
        "serving": {
            "ApiId",
            "ApiUrl",
            "PredictionsQueueUrl",
            "PredictionsDeadQueueUrl",
            "ToScoreQueueUrl",
            "ToScoreDeadQueueUrl",
            "ScoringArn",
            "ReportedLabelsQueueUrl",
            "ReportedLabelsDeadQueueUrl",
        },
    }


def imports(assembly: Assembly, stack: str) -> set[str]:
    """The stacks whose exports this one imports."""
    text = json.dumps(assembly.templates[stack])
    return set(re.findall(r'"Fn::ImportValue": "([a-z0-9-]+):', text))


def test_the_api_may_call_what_each_of_its_routes_leads_to(assembly: Assembly) -> None:
    """On AWS a call of an alias needs a permission on that alias: one on the function does not reach it."""
    allowed = [
        json.dumps(properties["FunctionName"], sort_keys=True)
        for _, properties in assembly.resources("AWS::Lambda::Permission", "serving")
        if properties["Principal"] == "apigateway.amazonaws.com"
    ]
    called = {
        name: json.dumps(properties["IntegrationUri"], sort_keys=True)
        for name, properties in assembly.resources("AWS::ApiGatewayV2::Integration", "serving")
    }
    assert len(called) == 5  # two models, labels, the document, and whatever no route takes
    assert {name for name, uri in called.items() if uri not in allowed} == set()
    assert len([uri for uri in called.values() if '":live"' in uri]) == 2


def test_a_permission_is_for_the_routes_of_its_own_model(assembly: Assembly) -> None:
    names = {"AirTime": "air_time", "Flights": "flights"}
    found = 0
    for _, properties in assembly.resources("AWS::Lambda::Permission", "serving"):
        function = json.dumps(properties["FunctionName"])
        if '":live"' in function:
            (model,) = (model for name, model in names.items() if f'"{name}' in function)
            path = properties["SourceArn"]["Fn::Join"][1][-1]
            assert path.removeprefix(f"/*/*/models/{model}") in ("", "/predict", "/openapi.json")
            found += 1
    assert found == 6


def test_the_construct_library_warns_of_nothing(assembly: Assembly) -> None:
    """A warning at synthesis, such as of a permission that has no effect, is a fault that is seen first on AWS."""
    told = [
        f"{path}: {entry['data']}"
        for metadata in assembly.folder.glob("*.metadata.json")
        for path, entries in json.loads(metadata.read_text()).items()
        for entry in entries
        if entry["type"] in ("aws:cdk:warning", "aws:cdk:error")
    ]
    told += [
        f"{path}: {entry['data']}"
        for artifact in json.loads((assembly.folder / "manifest.json").read_text())["artifacts"].values()
        for path, entries in artifact.get("metadata", {}).items()
        for entry in entries
        if entry["type"] in ("aws:cdk:warning", "aws:cdk:error")
    ]
    assert told == []


# --- hardening ----------------------------------------------------------------------------------


def test_data_cannot_be_deleted_by_accident_unless_it_goes_with_its_stack(
    synthesise: Synthesise, assembly: Assembly
) -> None:
    def protected(of: Assembly) -> set[bool]:
        return {properties["DeletionProtectionEnabled"] for _, properties in of.resources("AWS::DynamoDB::Table")}

    def stacks(of: Assembly) -> dict[str, bool]:
        artifacts = json.loads((of.folder / "manifest.json").read_text())["artifacts"]
        return {
            name: artifact["properties"].get("terminationProtection", False)
            for name, artifact in artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
        }

    assert protected(assembly) == {True}
    assert [name for name, is_protected in stacks(assembly).items() if is_protected] == ["evertrain-dev-data"]
    temporary = synthesise(removal="destroy")
    assert protected(temporary) == {False}
    assert not any(stacks(temporary).values())


def test_with_a_key_of_its_own_everything_that_is_kept_is_encrypted_by_it(synthesise: Synthesise) -> None:
    own = synthesise(encryption="kms")
    ((key, policy),) = own.resources("AWS::KMS::Key")
    assert policy["EnableKeyRotation"] is True
    for _, bucket in own.resources("AWS::S3::Bucket"):
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert key in json.dumps(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])
        assert rule["BucketKeyEnabled"] is True
    for _, table in own.resources("AWS::DynamoDB::Table"):
        assert key in json.dumps(table["SSESpecification"]["KMSMasterKeyId"])
    ((_, topic),) = own.resources("AWS::SNS::Topic")
    assert key in json.dumps(topic["KmsMasterKeyId"])
    to_anybody = [s for s in policy["KeyPolicy"]["Statement"] if s["Principal"] == {"AWS": "*"}]
    assert len(to_anybody) == 1
    assert set(to_anybody[0]["Condition"]["StringEquals"]) == {"kms:CallerAccount", "kms:ViaService"}


def test_the_training_container_writes_to_its_scratch_only(assembly: Assembly) -> None:
    ((_, job),) = assembly.resources("AWS::ECS::TaskDefinition")
    (container,) = job["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert [(m["ContainerPath"], m["ReadOnly"]) for m in container["MountPoints"]] == [("/tmp", False)]  # noqa: S108


def test_the_training_image_is_built_on_the_base_that_is_named(synthesise: Synthesise) -> None:
    digest = f"python@sha256:{'ab' * 32}"
    images = json.loads(next(synthesise(training_base=digest).folder.glob("*training.assets.json")).read_text())[
        "dockerImages"
    ]
    assert [image["source"]["dockerBuildArgs"] for image in images.values()] == [{"BASE": digest}]

"""Does every resource of a stack exist? Each one's own service is asked, on AWS or any endpoint that imitates it.

An imitation may report CREATE_COMPLETE for what it cannot make, so CloudFormation's word is not enough. A type that
nobody here knows how to ask about is a fault too. Settings are looked at where a resource is nothing without them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError


def assert_every_resource_exists(session: boto3.Session, *stacks: str) -> None:
    faults = [fault for stack in stacks for fault in faults_of(session, stack)]
    assert not faults, "\n".join(["these do not really exist:", *faults])


def faults_of(session: boto3.Session, stack: str) -> list[str]:
    """A sentence for each resource that its service does not know, or knows as broken, or that cannot be checked."""
    resources = list(Stack(session, stack).resources())
    if not resources:
        return [f"{stack}: has no resources"]
    return [f"{stack}: {resource} {fault}" for resource in resources if (fault := _fault(session, resource))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    logical_id: str
    type: str
    id: str
    properties: Mapping[str, Any]
    resolve: Callable[[Any], list[str]]

    def __str__(self) -> str:
        return f"{self.type} {self.logical_id} ({self.id})"

    def named_in(self, property_name: str) -> list[str]:
        """The physical ids that this property refers to."""
        return self.resolve(self.properties.get(property_name, []))

    def one_named_in(self, property_name: str) -> str:
        (only,) = self.named_in(property_name)
        return only


class Stack:
    def __init__(self, session: boto3.Session, name: str) -> None:
        self._name = name
        self._cloudformation: Any = session.client("cloudformation")

    def resources(self) -> Iterator[Resource]:
        body = self._cloudformation.get_template(StackName=self._name, TemplateStage="Processed")["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        for logical_id, described in template["Resources"].items():
            yield Resource(
                logical_id=logical_id,
                type=described["Type"],
                id=self._physical_ids.get(logical_id, ""),
                properties=described.get("Properties", {}),
                resolve=self._resolve,
            )

    def _resolve(self, value: Any) -> list[str]:
        match value:
            case str():
                return [value]
            case list():
                return [found for item in value for found in self._resolve(item)]
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
                return [self._physical_ids.get(name, "")]
            case {"Fn::ImportValue": str(name)}:
                return [self._exports.get(name, "")]
            case {"Fn::Join": [str(separator), list(parts)]}:
                return [separator.join(self._resolve(parts))]
        raise NotImplementedError(f"a reference of this form: {value}")

    @cached_property
    def _physical_ids(self) -> dict[str, str]:
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._name)
        found = (resource for page in pages for resource in page["StackResourceSummaries"])
        return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found}

    @cached_property
    def _exports(self) -> dict[str, str]:
        pages = self._cloudformation.get_paginator("list_exports").paginate()
        return {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}


def _fault(session: boto3.Session, resource: Resource) -> str | None:
    check = CHECKS.get(resource.type)
    if check is None:
        return "is of a type that cannot be checked here"
    if not resource.id:
        return "has no physical id"
    client: Any = session.client(check.service)  # type: ignore[call-overload]  # not a literal, but one of them
    try:
        return None if check.exists(client, resource) else f"is not as it should be in {check.service}"
    except ClientError as error:
        return f"is not in {check.service}: {error.response['Error']['Code']}"


@dataclass(frozen=True, slots=True)
class Check:
    service: str
    exists: Callable[[Any, Resource], bool]
    """True, false for what is there in name only, or the service's own error."""


# --- by service -----------------------------------------------------------------------------------


def _bucket(s3: Any, bucket: Resource) -> bool:
    s3.head_bucket(Bucket=bucket.id)
    wanted = bucket.properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration")
    # Without it nothing announces an object, and a test would only see that nothing happens.
    return not wanted or "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket.id)


def _bucket_policy(s3: Any, policy: Resource) -> bool:
    found = s3.get_bucket_policy(Bucket=policy.one_named_in("Bucket"))["Policy"]
    return _as_many_statements(found, policy)


def _rule(events: Any, rule: Resource) -> bool:
    # On a bus of one's own the physical id is bus|rule on AWS.
    name = rule.id.split("|")[-1]
    bus = (rule.named_in("EventBusName") or ["default"])[0]
    events.describe_rule(Name=name, EventBusName=bus)
    targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    return len(targets) == len(rule.properties.get("Targets", []))


def _queue_policy(sqs: Any, policy: Resource) -> bool:
    return all(
        _as_many_statements(_queue_attributes(sqs, queue, "Policy").get("Policy", "{}"), policy)
        for queue in policy.named_in("Queues")
    )


def _queue(sqs: Any, queue: Resource) -> bool:
    found = _queue_attributes(sqs, queue.id, "QueueArn", "RedrivePolicy")
    return ("RedrivePolicy" in found) == ("RedrivePolicy" in queue.properties)


def _queue_attributes(sqs: Any, url: str, *names: str) -> dict[str, str]:
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get(
        "Attributes", {}
    )
    return attributes


def _subscription(sns: Any, subscription: Resource) -> bool:
    """By whom it tells: until that one has confirmed it, it has no ARN."""
    (topic,) = subscription.named_in("TopicArn")
    told = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return subscription.properties["Endpoint"] in [each["Endpoint"] for each in told]


def _topic_policy(sns: Any, policy: Resource) -> bool:
    return all(
        _as_many_statements(sns.get_topic_attributes(TopicArn=topic)["Attributes"].get("Policy", "{}"), policy)
        for topic in policy.named_in("Topics")
    )


def _role_policy(iam: Any, policy: Resource) -> bool:
    # Its physical id names nothing: it lives in its roles.
    roles = policy.named_in("Roles")
    for role in roles:
        iam.get_role_policy(RoleName=role, PolicyName=policy.properties["PolicyName"])
    return bool(roles)


def _function(lambda_: Any, function: Resource) -> bool:
    return bool(lambda_.get_function(FunctionName=function.id)["Configuration"].get("State") != "Failed")


def _alias(lambda_: Any, alias: Resource) -> bool:
    function = alias.one_named_in("FunctionName")
    return bool(lambda_.get_alias(FunctionName=function, Name=alias.properties["Name"])["FunctionVersion"])


def _permission(lambda_: Any, permission: Resource) -> bool:
    function, _, qualifier = permission.one_named_in("FunctionName").partition(":")
    of_alias = {"Qualifier": qualifier} if qualifier else {}
    policy = json.loads(lambda_.get_policy(FunctionName=function, **of_alias)["Policy"])
    return any(statement["Action"] == permission.properties["Action"] for statement in policy["Statement"])


def _event_source_mapping(lambda_: Any, mapping: Resource) -> bool:
    return lambda_.get_event_source_mapping(UUID=mapping.id)["State"] in (
        "Creating",
        "Enabling",
        "Enabled",
        "Updating",
    )


def _schedule(scheduler: Any, schedule: Resource) -> bool:
    group = schedule.named_in("GroupName") or ["default"]
    return bool(scheduler.get_schedule(Name=schedule.id, GroupName=group[0])["Target"]["Arn"])


def _log_group(logs: Any, group: Resource) -> bool:
    found = logs.describe_log_groups(logGroupNamePrefix=group.id)["logGroups"]
    return any(each["logGroupName"] == group.id for each in found)


def _alarm(cloudwatch: Any, alarm: Resource) -> bool:
    return bool(cloudwatch.describe_alarms(AlarmNames=[alarm.id])["MetricAlarms"])


def _cluster(ecs: Any, cluster: Resource) -> bool:
    return any(each["status"] == "ACTIVE" for each in ecs.describe_clusters(clusters=[cluster.id])["clusters"])


def _task_definition(ecs: Any, task: Resource) -> bool:
    return bool(ecs.describe_task_definition(taskDefinition=task.id)["taskDefinition"]["containerDefinitions"])


def _route(ec2: Any, route: Resource) -> bool:
    (table,) = ec2.describe_route_tables(RouteTableIds=[route.one_named_in("RouteTableId")])["RouteTables"]
    wanted = route.properties["DestinationCidrBlock"]
    return any(each.get("DestinationCidrBlock") == wanted for each in table["Routes"])


def _route_table_association(ec2: Any, association: Resource) -> bool:
    (table,) = ec2.describe_route_tables(RouteTableIds=[association.one_named_in("RouteTableId")])["RouteTables"]
    subnet = association.one_named_in("SubnetId")
    return any(each.get("SubnetId") == subnet for each in table["Associations"])


def _gateway_attachment(ec2: Any, attachment: Resource) -> bool:
    gateway = attachment.one_named_in("InternetGatewayId")
    (found,) = ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    return any(each["VpcId"] == attachment.one_named_in("VpcId") for each in found["Attachments"])


def _integration(api: Any, integration: Resource) -> bool:
    return bool(api.get_integration(ApiId=integration.one_named_in("ApiId"), IntegrationId=integration.id))


def _api_route(api: Any, route: Resource) -> bool:
    # AWS names a route by its own id, the embedded cloud by the API's and its own.
    route_id = route.id.rpartition("/")[2]
    return bool(api.get_route(ApiId=route.one_named_in("ApiId"), RouteId=route_id)["RouteKey"])


def _stage(api: Any, stage: Resource) -> bool:
    return bool(api.get_stage(ApiId=stage.one_named_in("ApiId"), StageName=stage.properties["StageName"]))


def _as_many_statements(found: str, policy: Resource) -> bool:
    # Statements come back rewritten (a principal as an ARN, one action not in a list), never fewer.
    statements = json.loads(found).get("Statement", [])
    return len(statements) == len(policy.properties["PolicyDocument"]["Statement"])


CHECKS: dict[str, Check] = {
    "AWS::ApiGatewayV2::Api": Check("apigatewayv2", lambda api, it: bool(api.get_api(ApiId=it.id)["ApiEndpoint"])),
    "AWS::ApiGatewayV2::Integration": Check("apigatewayv2", _integration),
    "AWS::ApiGatewayV2::Route": Check("apigatewayv2", _api_route),
    "AWS::ApiGatewayV2::Stage": Check("apigatewayv2", _stage),
    "AWS::CloudWatch::Alarm": Check("cloudwatch", _alarm),
    "AWS::CloudWatch::Dashboard": Check(
        "cloudwatch", lambda watch, it: bool(watch.get_dashboard(DashboardName=it.id)["DashboardBody"])
    ),
    "AWS::DynamoDB::Table": Check(
        "dynamodb", lambda db, it: bool(db.describe_table(TableName=it.id)["Table"]["TableStatus"] == "ACTIVE")
    ),
    "AWS::EC2::InternetGateway": Check(
        "ec2", lambda ec2, it: bool(ec2.describe_internet_gateways(InternetGatewayIds=[it.id])["InternetGateways"])
    ),
    "AWS::EC2::Route": Check("ec2", _route),
    "AWS::EC2::RouteTable": Check(
        "ec2", lambda ec2, it: bool(ec2.describe_route_tables(RouteTableIds=[it.id])["RouteTables"])
    ),
    "AWS::EC2::SecurityGroup": Check(
        "ec2", lambda ec2, it: bool(ec2.describe_security_groups(GroupIds=[it.id])["SecurityGroups"])
    ),
    "AWS::EC2::Subnet": Check("ec2", lambda ec2, it: bool(ec2.describe_subnets(SubnetIds=[it.id])["Subnets"])),
    "AWS::EC2::SubnetRouteTableAssociation": Check("ec2", _route_table_association),
    "AWS::EC2::VPC": Check("ec2", lambda ec2, it: bool(ec2.describe_vpcs(VpcIds=[it.id])["Vpcs"])),
    "AWS::EC2::VPCEndpoint": Check(
        "ec2", lambda ec2, it: bool(ec2.describe_vpc_endpoints(VpcEndpointIds=[it.id])["VpcEndpoints"])
    ),
    "AWS::EC2::VPCGatewayAttachment": Check("ec2", _gateway_attachment),
    "AWS::ECS::Cluster": Check("ecs", _cluster),
    "AWS::ECS::TaskDefinition": Check("ecs", _task_definition),
    "AWS::Events::EventBus": Check("events", lambda events, it: bool(events.describe_event_bus(Name=it.id)["Arn"])),
    "AWS::Events::Rule": Check("events", _rule),
    "AWS::IAM::Policy": Check("iam", _role_policy),
    "AWS::IAM::Role": Check("iam", lambda iam, it: bool(iam.get_role(RoleName=it.id)["Role"])),
    "AWS::Lambda::Alias": Check("lambda", _alias),
    "AWS::Lambda::EventSourceMapping": Check("lambda", _event_source_mapping),
    "AWS::Lambda::Function": Check("lambda", _function),
    "AWS::Lambda::Permission": Check("lambda", _permission),
    "AWS::Lambda::Version": Check("lambda", _function),
    "AWS::Logs::LogGroup": Check("logs", _log_group),
    "AWS::S3::Bucket": Check("s3", _bucket),
    "AWS::S3::BucketPolicy": Check("s3", _bucket_policy),
    "AWS::SNS::Topic": Check("sns", lambda sns, it: bool(sns.get_topic_attributes(TopicArn=it.id)["Attributes"])),
    "AWS::SNS::Subscription": Check("sns", _subscription),
    "AWS::SNS::TopicPolicy": Check("sns", _topic_policy),
    "AWS::SQS::Queue": Check("sqs", _queue),
    "AWS::SQS::QueuePolicy": Check("sqs", _queue_policy),
    "AWS::Scheduler::Schedule": Check("scheduler", _schedule),
    "AWS::StepFunctions::StateMachine": Check(
        "stepfunctions", lambda states, it: bool(states.describe_state_machine(stateMachineArn=it.id)["definition"])
    ),
}

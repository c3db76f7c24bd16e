"""The check of deployed stacks finds what a service does not have, whatever CloudFormation says of it."""

import json
from typing import Any

import boto3
import pytest

from tests.end_to_end.real_resources import assert_every_resource_exists, faults_of

STACK = "evertrain-test"
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
POLICY = {"Version": "2012-10-17", "Statement": [STATEMENT]}
TYPES = {
    "Landing": "AWS::S3::Bucket",
    "Batches": "AWS::DynamoDB::Table",
    "Work": "AWS::SQS::Queue",
    "WorkPolicy": "AWS::SQS::QueuePolicy",
    "Bus": "AWS::Events::EventBus",
    "Rule": "AWS::Events::Rule",
    "Role": "AWS::IAM::Role",
    "RolePolicy": "AWS::IAM::Policy",
    "People": "AWS::SNS::Topic",
    "Hook": "AWS::SNS::Subscription",
}
PROPERTIES = {
    "WorkPolicy": {"Queues": [{"Ref": "Work"}], "PolicyDocument": POLICY},
    "Rule": {"EventBusName": {"Ref": "Bus"}, "Targets": [{"Id": "queue"}]},
    "Hook": {"TopicArn": {"Ref": "People"}, "Endpoint": "https://example.com/hook"},
    "RolePolicy": {"PolicyName": "may-send", "Roles": [{"Ref": "Role"}]},
}


class OptimisticCloudFormation:
    """Says of every resource that it exists."""

    def __init__(self, physical_ids: dict[str, str], types: dict[str, str]) -> None:
        self._physical_ids = physical_ids
        self._types = types

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        described = {
            name: {"Type": kind, "Properties": PROPERTIES.get(name, {})} for name, kind in self._types.items()
        }
        return {"TemplateBody": {"Resources": described}}

    def get_paginator(self, operation: str) -> "OptimisticCloudFormation":
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:  # noqa: N803
        found = [{"LogicalResourceId": name, "PhysicalResourceId": id_} for name, id_ in self._physical_ids.items()]
        return [{"StackResourceSummaries": found}]


class SessionWithStack:
    def __init__(self, aws: boto3.Session, cloudformation: OptimisticCloudFormation) -> None:
        self._aws: Any = aws
        self._cloudformation = cloudformation

    def client(self, service: str) -> Any:
        return self._cloudformation if service == "cloudformation" else self._aws.client(service)


def a_deployed_stack(aws: boto3.Session, types: dict[str, str] = TYPES) -> Any:
    aws.client("s3").create_bucket(Bucket="landing")
    aws.client("dynamodb").create_table(
        TableName="batches",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue = aws.client("sqs").create_queue(QueueName="work", Attributes={"Policy": json.dumps(POLICY)})["QueueUrl"]
    events = aws.client("events")
    events.create_event_bus(Name="bus")
    events.put_rule(Name="accepted", EventBusName="bus", EventPattern='{"source": ["evertrain"]}')
    target = "arn:aws:sqs:us-east-1:123456789012:work"
    events.put_targets(Rule="accepted", EventBusName="bus", Targets=[{"Id": "queue", "Arn": target}])
    iam = aws.client("iam")
    iam.create_role(RoleName="monitor", AssumeRolePolicyDocument=json.dumps(POLICY))
    iam.put_role_policy(RoleName="monitor", PolicyName="may-send", PolicyDocument=json.dumps(POLICY))
    topic = aws.client("sns").create_topic(Name="people")["TopicArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.com/hook")
    physical_ids = {
        "Landing": "landing",
        "Batches": "batches",
        "Work": queue,
        "WorkPolicy": "says-nothing",
        "Bus": "bus",
        "Rule": "bus|accepted",
        "Role": "monitor",
        "RolePolicy": "says-nothing",
        "People": topic,
        "Hook": "pending confirmation",
    }
    return SessionWithStack(aws, OptimisticCloudFormation(physical_ids, types))


def test_a_stack_whose_resources_all_exist_passes(aws: boto3.Session) -> None:
    assert_every_resource_exists(a_deployed_stack(aws), STACK)


def test_each_resource_that_is_gone_is_named(aws: boto3.Session) -> None:
    session = a_deployed_stack(aws)
    aws.client("s3").delete_bucket(Bucket="landing")
    aws.client("iam").delete_role_policy(RoleName="monitor", PolicyName="may-send")
    aws.client("events").remove_targets(Rule="accepted", EventBusName="bus", Ids=["queue"])

    with pytest.raises(AssertionError) as failure:
        assert_every_resource_exists(session, STACK)

    assert str(failure.value).splitlines() == [
        "these do not really exist:",
        f"{STACK}: AWS::S3::Bucket Landing (landing) is not in s3: 404",
        f"{STACK}: AWS::Events::Rule Rule (bus|accepted) is not as it should be in events",
        f"{STACK}: AWS::IAM::Policy RolePolicy (says-nothing) is not in iam: NoSuchEntity",
    ]


def test_a_queue_without_its_policy_is_a_fault(aws: boto3.Session) -> None:
    session = a_deployed_stack(aws)
    url = aws.client("sqs").get_queue_url(QueueName="work")["QueueUrl"]
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert faults_of(session, STACK) == [
        f"{STACK}: AWS::SQS::QueuePolicy WorkPolicy (says-nothing) is not as it should be in sqs"
    ]


def test_a_type_that_cannot_be_checked_and_a_resource_without_an_id_are_faults(aws: boto3.Session) -> None:
    session = a_deployed_stack(aws, TYPES | {"Parameter": "AWS::SSM::Parameter", "Logs": "AWS::Logs::LogGroup"})
    assert faults_of(session, STACK) == [
        f"{STACK}: AWS::SSM::Parameter Parameter () is of a type that cannot be checked here",
        f"{STACK}: AWS::Logs::LogGroup Logs () has no physical id",
    ]


def test_a_stack_without_resources_is_a_fault(aws: boto3.Session) -> None:
    assert faults_of(a_deployed_stack(aws, {}), STACK) == [f"{STACK}: has no resources"]

"""What LocalStack does on a plain host, and what it must not pretend to do."""

import io
import json
import time
import zipfile
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.localstack

CODE = """
import os, time

def handler(event, context):
    print("says", event["word"])
    time.sleep(event.get("seconds", 0))
    return {"endpoint": os.environ["AWS_ENDPOINT_URL"], "word": event["word"]}
"""


def a_function(session: boto3.Session, *, runtime: str = "python3.13") -> dict[str, Any]:
    """Its configuration, when it is no longer being made."""
    client = session.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("main.py", CODE)
    settings: Any = {
        "FunctionName": f"test-{uuid4().hex}",
        "Runtime": runtime,
        "Role": "arn:aws:iam::000000000000:role/test",
        "Handler": "main.handler",
        "Code": {"ZipFile": archive.getvalue()},
        "Timeout": 1,
    }
    name = client.create_function(**settings)["FunctionName"]
    deadline = time.monotonic() + 30
    while True:
        found: Any = client.get_function(FunctionName=name)["Configuration"]
        if found["State"] != "Pending" or time.monotonic() > deadline:
            return dict(found)
        time.sleep(0.1)


def invoke(session: boto3.Session, name: str, payload: dict[str, object]) -> dict[str, Any]:
    answer = session.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload))
    return {"failed": "FunctionError" in answer, **json.loads(answer["Payload"].read())}


def test_cloudformation_refuses_a_type_that_is_not_there(session: boto3.Session) -> None:
    client = session.client("cloudformation")
    template = {"Resources": {"Cluster": {"Type": "AWS::ECS::Cluster"}}}
    name = f"test-{uuid4().hex}"
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_FAILED"
    assert "AWS::ECS::Cluster resource" in stack["StackStatusReason"]


def test_a_function_runs_and_is_told_the_endpoint(session: boto3.Session, localstack: str) -> None:
    name = a_function(session)["FunctionName"]
    assert invoke(session, name, {"word": "hello"}) == {"failed": False, "endpoint": localstack, "word": "hello"}


def test_a_function_is_ended_at_its_timeout_and_runs_again_after_that(session: boto3.Session) -> None:
    name = a_function(session)["FunctionName"]
    slow = invoke(session, name, {"word": "slow", "seconds": 5})
    assert slow["failed"]
    assert "timed out after 1.00 seconds" in slow["errorMessage"]
    assert invoke(session, name, {"word": "again"})["word"] == "again"


def test_a_function_of_a_runtime_that_is_not_installed_fails_with_that_reason(session: boto3.Session) -> None:
    function = a_function(session, runtime="python3.11")
    assert function["State"] == "Failed"
    assert "python3.11 is not installed here" in function["StateReason"]


def test_an_object_is_not_overwritten_under_if_none_match(session: boto3.Session) -> None:
    client, bucket = session.client("s3"), f"test-{uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket, Key="once", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"


def test_a_cancelled_transaction_says_which_condition_failed(session: boto3.Session) -> None:
    client, table = session.client("dynamodb"), f"test-{uuid4().hex}"
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName=table, Item={"pk": {"S": "taken"}})
    with pytest.raises(ClientError) as cancelled:
        client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table, "Item": {"pk": {"S": "free"}}}},
                {
                    "Put": {
                        "TableName": table,
                        "Item": {"pk": {"S": "taken"}},
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
    response: Any = cancelled.value.response
    assert [reason["Code"] for reason in response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]

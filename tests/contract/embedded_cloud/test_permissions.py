"""The embedded cloud asks for permissions as AWS does: of a request's caller, and of whoever a service acts for."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import EmbeddedCloud
from tests.contract.embedded_cloud.roles import ROLE, make_role
from tests.contract.embedded_cloud.test_containers import ended
from tests.contract.embedded_cloud.test_functions import a_function, ask

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]
ACCOUNT = "000000000000"


def unique(word: str) -> str:
    return f"{word}-{uuid4().hex[:8]}"


def allow(*actions: str, on: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


# --- who calls at all ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["test", "123456789012", "AKIAIOSFODNN7EXAMPLE"])
def test_only_this_start_s_key_is_known(cloud: EmbeddedCloud, key: str) -> None:
    stranger = boto3.client(
        "sqs",
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="test",
    )
    with pytest.raises(ClientError):
        stranger.list_queues()


def test_the_key_without_its_secret_is_refused(cloud: EmbeddedCloud) -> None:
    guessed = boto3.client(
        "sqs",
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=cloud.environment()["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="guessed",
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        guessed.list_queues()


def test_what_is_not_signed_creates_nothing(cloud: EmbeddedCloud, client: Client) -> None:
    body = b"Action=CreateQueue&QueueName=unsigned"
    assert status_of(cloud, "/", body=body, headers={"Content-Type": "application/x-www-form-urlencoded"}) == 403
    assert not [url for url in client("sqs").list_queues().get("QueueUrls", []) if "unsigned" in url]


def test_the_key_is_only_the_user_s_to_read(cloud: EmbeddedCloud) -> None:
    assert cloud.environment_path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "example.org"},
        {"Host": "example.org:{port}"},
        {"Host": "localhost.example.org:{port}"},
        {"Host": "localhost:1"},
    ],
)
def test_a_web_page_is_refused_whatever_it_asks(cloud: EmbeddedCloud, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=cloud.port) for name, value in headers.items()}
    assert status_of(cloud, "/_ministack/health", headers=sent) == 403


def test_a_web_page_s_preflight_is_refused_and_gets_no_leave(cloud: EmbeddedCloud) -> None:
    request = Request(f"http://127.0.0.1:{cloud.port}/", method="OPTIONS", headers={"Origin": "https://example.org"})
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=5)
    refused.value.close()
    assert refused.value.code == 403
    assert "Access-Control-Allow-Origin" not in refused.value.headers


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_ministack/sqs/messages"])
def test_the_cloud_s_own_paths_are_closed_but_for_its_health(cloud: EmbeddedCloud, path: str) -> None:
    assert status_of(cloud, path, body=b"{}") == 403
    assert status_of(cloud, path) == 403
    assert status_of(cloud, "/_ministack/health") == 200


def status_of(
    cloud: EmbeddedCloud, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
) -> int:
    try:
        with urlopen(Request(f"http://127.0.0.1:{cloud.port}{path}", body, headers or {}), timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


# --- a role's own calls --------------------------------------------------------------------------------


def test_a_function_may_do_what_its_role_may_and_nothing_else(cloud: EmbeddedCloud, client: Client) -> None:
    bucket, role = unique("b"), unique("reader")
    client("s3").create_bucket(Bucket=bucket)
    client("s3").put_object(Bucket=bucket, Key="open/a", Body=b"x")
    client("s3").put_object(Bucket=bucket, Key="closed/a", Body=b"x")
    arn = make_role(client("iam"), role, allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/open/*"))
    code = (
        "import boto3, os\nfrom botocore.exceptions import ClientError\n"
        "def handler(event, context):\n    found = []\n"
        "    for key in ('open/a', 'closed/a', 'open/missing'):\n"
        "        try:\n"
        "            boto3.client('s3').get_object(Bucket=os.environ['BUCKET'], Key=key)\n"
        "            found.append('read')\n"
        "        except ClientError as error:\n"
        "            found.append(error.response['Error']['Code'])\n"
        "    return {'found': found}"
    )
    # What is missing is "forbidden" to who may not list the bucket, as on S3.
    assert ask(client, a_function(client, code, role=arn, BUCKET=bucket))["found"] == [
        "read",
        "AccessDenied",
        "AccessDenied",
    ]
    denied = [json.loads(line) for line in cloud.permissions_path.read_text().splitlines()]
    mine = [each for each in denied if f"assumed-role/{role}/" in each["caller"]]
    assert {(each["action"], each["resource"], each["decision"]) for each in mine} == {
        ("s3:GetObject", f"arn:aws:s3:::{bucket}/closed/a", "ImplicitDeny"),
        ("s3:ListBucket", f"arn:aws:s3:::{bucket}", "ImplicitDeny"),
    }


def test_a_missing_object_is_not_found_by_who_may_list_its_bucket(client: Client) -> None:
    bucket = unique("b")
    client("s3").create_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        client("s3").get_object(Bucket=bucket, Key="missing")
    assert code_of(error) == "NoSuchKey"


def test_an_alias_s_actions_have_their_own_names(client: Client) -> None:
    target = a_function(client, "def handler(event, context):\n    return {}")
    version = client("lambda").publish_version(FunctionName=target)["Version"]
    client("lambda").create_alias(FunctionName=target, Name="live", FunctionVersion=version)
    code = (
        "import boto3, os\ndef handler(event, context):\n    functions = boto3.client('lambda')\n"
        "    return functions.get_alias(FunctionName=os.environ['TARGET'], Name='live')['FunctionVersion']"
    )
    statement = allow("lambda:GetAlias", on=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{target}*")
    role = make_role(client("iam"), unique("asker"), statement)
    answer = client("lambda").invoke(FunctionName=a_function(client, code, role=role, TARGET=target), Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == version


def test_a_bucket_that_demands_tls_takes_requests_of_the_laptop(client: Client) -> None:
    bucket = unique("b")
    client("s3").create_bucket(Bucket=bucket)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [statement]}))
    role = make_role(client("iam"), unique("writer"), allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"))
    code = (
        "import boto3, os\ndef handler(event, context):\n"
        "    boto3.client('s3').put_object(Bucket=os.environ['BUCKET'], Key='a', Body=b'x')\n    return {'put': True}"
    )
    assert ask(client, a_function(client, code, role=role, BUCKET=bucket)) == {"put": True}


# --- what a service does for a role --------------------------------------------------------------------


@pytest.mark.parametrize(("may", "status"), [(True, "SUCCEEDED"), (False, "FAILED")])
def test_a_state_machine_calls_what_its_role_may_call(client: Client, *, may: bool, status: str) -> None:
    function = a_function(client, "def handler(event, context):\n    return {}")
    resource = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function if may else 'other'}"
    role = make_role(client("iam"), unique("machine"), allow("lambda:InvokeFunction", on=resource))
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {}},
        "End": True,
    }
    functions = client("stepfunctions")
    machine = functions.create_state_machine(
        name=unique("m"), definition=json.dumps({"StartAt": "Call", "States": {"Call": state}}), roleArn=role
    )["stateMachineArn"]
    execution = ended(functions, functions.start_execution(stateMachineArn=machine, input="{}")["executionArn"])
    assert execution["status"] == status
    assert execution.get("error") == (None if may else "AccessDeniedException")


@pytest.mark.parametrize("may", [True, False])
def test_a_rule_reaches_a_queue_that_lets_it_in(client: Client, *, may: bool) -> None:
    name = unique("q")
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    if may:
        statement = allow("sqs:SendMessage", on=arn) | {"Principal": {"Service": "events.amazonaws.com"}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    client("events").put_events(Entries=[{"Source": name, "DetailType": "asked", "Detail": "{}"}])
    received = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5 if may else 1).get("Messages", [])
    assert len(received) == may


@pytest.mark.parametrize(("qualifier", "status"), [("live", 200), (None, 500)])
def test_an_api_calls_an_alias_whose_own_policy_lets_it_in(
    cloud: EmbeddedCloud, client: Client, qualifier: str | None, status: int
) -> None:
    code = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ok'}"
    function = a_function(client, code)
    functions, api = client("lambda"), client("apigatewayv2")
    version = functions.publish_version(FunctionName=function)["Version"]
    alias = functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)["AliasArn"]
    made = api.create_api(Name=function, ProtocolType="HTTP")["ApiId"]
    integration = api.create_integration(
        ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=alias, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    api.create_route(ApiId=made, RouteKey="GET /things/{id}", Target=f"integrations/{integration}")
    api.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    permission = {
        "FunctionName": function,
        "StatementId": "api",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{made}/*/*/things/{{id}}",
    }
    functions.add_permission(**permission, **({"Qualifier": qualifier} if qualifier else {}))
    assert status_of(cloud, f"/_aws/execute-api/{made}/$default/things/7") == status


def test_what_a_schedule_sends_says_when_it_was_due(client: Client) -> None:
    name = unique("q")
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": ROLE, "Input": json.dumps({"due": "<aws.scheduler.scheduled-time>"})},
    )
    messages = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    client("scheduler").delete_schedule(Name=name)
    due = datetime.fromisoformat(json.loads(messages[0]["Body"])["due"])
    assert abs(datetime.now(UTC) - due) < timedelta(minutes=1)

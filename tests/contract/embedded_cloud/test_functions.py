"""Lambda on the embedded cloud: what the rollout and the state machine rely on."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localcloud.launcher import EmbeddedCloud
from tests.contract.embedded_cloud.memory import resident_mb
from tests.contract.embedded_cloud.roles import ROLE

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]


def a_function(
    client: Client, code: str, *, role: str = ROLE, files: Mapping[str, str] | None = None, **environment: str
) -> str:
    name = f"f-{uuid4().hex[:8]}"
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="code.handler",
        Code={"ZipFile": zipped({"code.py": code} | dict(files or {}))},
        Environment={"Variables": environment},
        Timeout=10,
    )
    return name


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def ask(client: Client, name: str, **options: str) -> Any:
    answer = client("lambda").invoke(FunctionName=name, Payload=b"{}", **options)
    return json.loads(answer["Payload"].read())


def test_a_function_has_boto3_which_the_cloud_s_own_python_lacks(client: Client) -> None:
    name = a_function(client, "import boto3\ndef handler(event, context):\n    return {'boto3': boto3.__version__}")
    assert ask(client, name)["boto3"]


def test_a_function_s_error_has_its_class_s_name(client: Client) -> None:
    code = "class LeaseHeld(Exception): pass\ndef handler(event, context):\n    raise LeaseHeld('by another')"
    assert ask(client, a_function(client, code))["errorType"] == "LeaseHeld"


def test_what_a_function_logs_is_in_its_log_group(client: Client) -> None:
    code = (
        "import logging\nlogging.getLogger().setLevel(logging.INFO)\n"
        "def handler(event, context):\n    logging.getLogger(__name__).info('batch_accepted rows=7')\n    return {}"
    )
    name = a_function(client, code)
    ask(client, name)
    for _ in range(50):
        events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        if any("batch_accepted rows=7" in event["message"] for event in events):
            return
        time.sleep(0.1)
    pytest.fail("what was logged is not in the log group")


def test_a_published_version_keeps_its_environment_also_behind_the_alias(client: Client) -> None:
    code = "import os\ndef handler(event, context):\n    return {'version': os.environ.get('MODEL_VERSION', '')}"
    name, functions = a_function(client, code), client("lambda")
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    published = []
    for version in ("v1", "v2"):
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"MODEL_VERSION": version}}
        )
        published.append(functions.publish_version(FunctionName=name)["Version"])
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {}})
    assert [ask(client, name, Qualifier=number)["version"] for number in published] == ["v1", "v2"]
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=published[0])
    assert ask(client, name, Qualifier="live")["version"] == "v1"


def test_a_canary_answers_its_share_of_an_alias_s_calls(client: Client) -> None:
    code = "import os\ndef handler(event, context):\n    return {'by': os.environ['AWS_LAMBDA_FUNCTION_VERSION']}"
    name, functions = a_function(client, code), client("lambda")
    first = functions.publish_version(FunctionName=name)["Version"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"NEW": "1"}})
    second = functions.publish_version(FunctionName=name)["Version"]
    weights = {"AdditionalVersionWeights": {second: 0.25}}
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion=first, RoutingConfig=weights)
    answered = [ask(client, name, Qualifier="live")["by"] for _ in range(400)]
    assert set(answered) == {first, second}
    # Within five standard deviations of a binomial count: one run in a million would lie outside.
    assert abs(answered.count(second) - 100) < 5 * (400 * 0.25 * 0.75) ** 0.5


def test_a_function_from_an_image_runs_in_its_context_with_the_containers_libraries(
    client: Client, task_directory: Path
) -> None:
    module = f"of_an_image_{uuid4().hex[:8]}"
    (task_directory / f"{module}.py").write_text(
        "import os, pyarrow\n"
        "def handler(event, context):\n"
        "    return {'place': os.getcwd(), 'word': os.environ['WORD'], 'role': bool(os.environ['AWS_SESSION_TOKEN'])}"
    )
    client("lambda").create_function(
        FunctionName=module,
        PackageType="Image",
        Role=ROLE,
        Code={"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/images:1"},
        ImageConfig={"EntryPoint": ["python", "-m", "awslambdaric"], "Command": [f"{module}.handler"]},
        Environment={"Variables": {"WORD": "hello"}},
        Timeout=30,
    )
    answers = [ask(client, module) for _ in range(2)]
    assert answers == [{"place": str(task_directory), "word": "hello", "role": True}] * 2
    assert not list(task_directory.glob("__pycache__"))


def test_environments_share_their_code_and_its_bytecode(client: Client) -> None:
    code = (
        "import os, time\nfrom part import number\n"
        "def handler(event, context):\n"
        "    time.sleep(1)\n"
        "    places = [os.path.dirname(__file__), os.getcwd(), os.environ['LAMBDA_TASK_ROOT']]\n"
        "    return {'pid': os.getpid(), 'places': places}"
    )
    name = a_function(client, code, files={"part.py": "number = 1"})
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: ask(client, name), range(2))
    assert first["pid"] != second["pid"]
    (place,) = {*first["places"], *second["places"]}
    assert list(Path(place).glob("__pycache__/part.*.pyc"))


def test_a_cloud_s_time_is_also_that_of_its_functions(client: Client, cloud: EmbeddedCloud) -> None:
    code = "import time\ndef handler(event, context):\n    while time.process_time() < 0.5: pass\n    return {}"
    name, used = a_function(client, code), cloud.processor_seconds()
    ask(client, name)
    assert cloud.processor_seconds() - used >= 0.4


def test_functions_take_their_code_from_disk(client: Client, server_status: Path) -> None:
    """Of ten functions with 20 MB each, the server's memory has that of one or two."""
    client("s3").create_bucket(Bucket="code")
    before = resident_mb(server_status)
    for number in range(10):
        code = zipped(
            {"code.py": f"def handler(event, context):\n    return {number}", "rest": os.urandom(20_000_000)}
        )
        client("s3").put_object(Bucket="code", Key=str(number), Body=code)
        client("lambda").create_function(
            FunctionName=f"from-s3-{number}",
            Runtime="python3.13",
            Role=ROLE,
            Handler="code.handler",
            Code={"S3Bucket": "code", "S3Key": str(number)},
        )
    assert resident_mb(server_status) - before < 100
    assert [ask(client, f"from-s3-{number}") for number in (0, 9)] == [0, 9]


def test_an_alias_that_was_moved_survives_the_next_deployment(client: Client) -> None:
    """What ADR 6 rests on: CloudFormation writes an alias only when its property changes."""
    name = a_function(client, "def handler(event, context):\n    return {}")
    functions, stacks = client("lambda"), client("cloudformation")
    version = functions.publish_version(FunctionName=name)["Version"]

    def template(note: str) -> str:
        alias = {
            "Type": "AWS::Lambda::Alias",
            "Properties": {"FunctionName": name, "FunctionVersion": "$LATEST", "Name": "live"},
        }
        other = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{name}-{note}"}}
        return json.dumps({"Resources": {"Alias": alias, "Other": other}})

    stacks.create_stack(StackName=name, TemplateBody=template("one"))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    stacks.update_stack(StackName=name, TemplateBody=template("two"))
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == version

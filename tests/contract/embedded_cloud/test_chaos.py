"""Where it is asked for, each distinct call of a role fails once, and never the user's own."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from localcloud.launcher import EmbeddedCloud
from tests.contract.conftest import client_of
from tests.contract.embedded_cloud.roles import make_role
from tests.contract.embedded_cloud.test_functions import a_function, ask
from tests.contract.embedded_cloud.test_permissions import allow
from tests.contract.embedded_cloud.test_state import free_port

pytestmark = pytest.mark.cloud

TRIES = (
    "import boto3, os\nfrom botocore.exceptions import ClientError\n"
    "def handler(event, context):\n    found = []\n"
    "    for key in ('one/a', 'one/b', 'two/a', 'two/a'):\n"
    "        try:\n"
    "            boto3.client('s3').put_object(Bucket='chaos', Key=key, Body=b'x')\n"
    "            found.append('put')\n"
    "        except ClientError as error:\n"
    "            found.append(error.response['Error']['Code'])\n"
    "    return {'found': found}"
)


@pytest.fixture
def chaotic(cloud: EmbeddedCloud, tmp_path: Path) -> Iterator[EmbeddedCloud]:
    running = replace(cloud, home=tmp_path, port=free_port(), chaos={"tried-*": 0})
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("role", "found"),
    [("tried-writer", ["AccessDenied", "put", "AccessDenied", "put"]), ("other-writer", ["put"] * 4)],
)
def test_each_kind_of_call_fails_once_for_the_roles_that_are_named(
    chaotic: EmbeddedCloud, role: str, found: list[str]
) -> None:
    client = partial(client_of, chaotic)
    client("s3").create_bucket(Bucket="chaos")
    arn = make_role(client("iam"), role, allow("s3:*", on="arn:aws:s3:::chaos*"))
    name = a_function(client, TRIES, role=arn)
    assert ask(client, name)["found"] == found
    assert ask(client, name)["found"] == ["put"] * 4
    injected = (
        [
            each
            for each in map(json.loads, chaotic.permissions_path.read_text().splitlines())
            if each["decision"] == "Injected"
        ]
        if chaotic.permissions_path.exists()
        else []
    )
    assert len(injected) == found.count("AccessDenied")

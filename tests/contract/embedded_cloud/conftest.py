"""What only the embedded cloud's own tests need of it."""

from pathlib import Path

import pytest

from localcloud.launcher import EmbeddedCloud
from tests.contract.conftest import Client
from tests.contract.embedded_cloud.roles import make_role


@pytest.fixture(scope="session")
def server_status(cloud: EmbeddedCloud) -> Path:
    status = Path(f"/proc/{cloud.running_pid()}/status")
    if not status.exists():
        pytest.skip("there is no /proc here to read the server's memory from")
    return status


@pytest.fixture(scope="session", autouse=True)
def role_that_may_do_anything(client: Client) -> None:
    make_role(client("iam"), "any", {"Effect": "Allow", "Action": "*", "Resource": "*"})

"""Every call of a whole run was made with its caller's own permissions: none was refused, and few are never needed.

Runs after the loop's own tests, whose calls it looks at.
"""

import os

import pytest

from evertrain.adapters.aws.clients import client
from localcloud.launcher import EmbeddedCloud
from tests.end_to_end.deployment import STAGE
from tests.end_to_end.loop import Loop
from tests.end_to_end.permissions import REASONS, Check, is_explained, read_checks, read_grants, unused_grants


@pytest.fixture
def checks(request: pytest.FixtureRequest, loop: Loop, cloud: EmbeddedCloud | None) -> list[Check]:
    if cloud is None:
        pytest.skip(f"the cloud at {os.environ['AWS_ENDPOINT_URL']} does not write down what it checks")
    if not any("test_the_loop" in item.nodeid for item in request.session.items):
        pytest.skip("there is nothing to look at without the loop's own tests")
    return read_checks(cloud.permissions_path)


def test_no_call_was_refused(checks: list[Check]) -> None:
    of_the_product = [check for check in checks if check.role.startswith("evertrain-")]
    assert len(of_the_product) > 1_000
    assert [check for check in checks if check.decision != "Allow"] == []


def test_what_is_granted_and_never_used_has_a_reason(checks: list[Check]) -> None:
    grants = sorted(set(read_grants(client("iam"), prefix=f"evertrain-{STAGE}-")))
    unused = unused_grants(grants, checks)
    assert len(grants) > 150
    unexplained = [f"{grant.role}: {grant.action} on {grant.resource}" for grant in unused if not is_explained(grant)]
    assert unexplained == []
    assert len(REASONS) < 30

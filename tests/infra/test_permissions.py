"""The page on permissions is what the templates say."""

from infra.permissions import PAGE, permissions_page
from tests.infra.conftest import Assembly


def test_the_page_on_permissions_is_that_of_the_templates(assembly: Assembly) -> None:
    assert PAGE.read_text(encoding="utf-8") == permissions_page(assembly.templates), "`make security` makes it anew"


def test_what_the_page_says_of_tls_holds_for_each_bucket_and_queue(assembly: Assembly) -> None:
    for kind, policy in (("S3::Bucket", "S3::BucketPolicy"), ("SQS::Queue", "SQS::QueuePolicy")):
        policies = [
            properties["PolicyDocument"]["Statement"] for _, properties in assembly.resources(f"AWS::{policy}")
        ]
        refusing = [each for each in policies if any(_refuses_without_tls(statement) for statement in each)]
        assert len(refusing) == len(policies) == len(assembly.resources(f"AWS::{kind}")) > 0


def _refuses_without_tls(statement: dict[str, object]) -> bool:
    return statement["Effect"] == "Deny" and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}

"""cdk-nag's AwsSolutions rules and cfn-lint over all templates. Suppressions stand beside their resources."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import Assembly, Synthesise

OBJECTS_BELOW_A_PREFIX = re.compile(
    r"AwsSolutions-IAM5\[Resource::[\w-]+:ExportsOutputFnGetAtt\w+/(?:[\w-][\w/-]*/\*|tables/\*/batch-\*)\]"
)
"""Acknowledged here, once for all: objects are named by their content, so a grant on them is a grant on a prefix.

(Not beside the resource: the finding's name holds a hash that only synthesis knows.)
"""

WHOLE_BUCKET = re.compile(r"AwsSolutions-IAM5\[Resource::[\w-]+:ExportsOutputFnGetAtt(\w+?)[0-9A-F]{8}Arn\w+/\*\]")
WHOLE_BUCKETS = {"Landing": {"MonitorRole", "MonitorPartsRole"}, "Quarantine": {"MonitorRole", "MonitorPartsRole"}}
"""By bucket, the roles that may ask for all of its objects: what lands under no known prefix is read, and set aside
like any other fault. Of every other bucket a role names the prefixes that it needs."""


SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mlflow-AbCdEf"


def test_every_aws_solutions_rule_is_kept_or_acknowledged_with_a_reason(synthesise: Synthesise) -> None:
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    apps: list[cdk.App] = []

    def checks(app: cdk.App) -> None:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        apps.append(app)

    with pytest.raises(RuntimeError, match="ValidationFailed"):  # the wildcards below are always found
        synthesise(checks=checks, mlflow="https://mlflow.example.com", mlflow_secret=SECRET)
    report = json.loads((Path(apps[0].outdir) / "validation-report.json").read_text())
    violations = [rule for plugin in report["pluginReports"] for rule in plugin["violations"]]
    assert violations
    open_ones = [
        (violation["ruleName"], [construct["constructPath"] for construct in violation["violatingConstructs"]])
        for violation in violations
        if not OBJECTS_BELOW_A_PREFIX.fullmatch(violation["ruleName"])
        and not _is_whole_bucket_for_its_roles(violation)
    ]
    assert open_ones == [], open_ones


def _is_whole_bucket_for_its_roles(violation: Mapping[str, Any]) -> bool:
    found = WHOLE_BUCKET.fullmatch(violation["ruleName"])
    roles = {construct["constructPath"].split("/")[1] for construct in violation["violatingConstructs"]}
    return found is not None and roles <= WHOLE_BUCKETS.get(found[1], set())


def test_cfn_lint_has_nothing_to_say(assembly: Assembly) -> None:
    # W3005: the construct library writes DependsOn for a role that is referred to as well; harmless.
    templates = sorted(str(path) for path in assembly.folder.glob("*.template.json"))
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--template", *templates]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert len(templates) == 5
    assert checked.stdout == ""
    assert checked.returncode == 0

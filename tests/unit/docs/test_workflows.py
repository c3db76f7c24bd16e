"""The workflows run what is there, with no more rights than they need, and actions that can't change under them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGE = (ROOT / "docs/how-to/deploy-from-github.md").read_text(encoding="utf-8")
EACH = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)


def workflow(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github/workflows" / name).read_text()))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in FILES:
        yield from workflow(file.name)["jobs"].items()


@EACH
def test_zizmor_finds_nothing(file: Path) -> None:
    program = Path(sys.executable).parent / "zizmor"
    found = subprocess.run([program, "--offline", "--quiet", file], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@EACH
def test_an_action_is_pinned_by_digest_and_says_which_version_that_is(file: Path) -> None:
    used = re.findall(r"uses: (.+)", file.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"\./\.github/workflows/[\w-]+\.yml|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)


@EACH
def test_nothing_is_allowed_that_a_job_does_not_ask_for_and_no_secret_is_read(file: Path) -> None:
    assert workflow(file.name)["permissions"] == {}
    assert "secrets." not in file.read_text()
    assert "pull_request_target" not in file.read_text()
    for name, job in workflow(file.name)["jobs"].items():
        assert set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}, name
        assert "uses" in job or job["timeout-minutes"] <= 60, name


def test_a_pull_request_is_checked_by_all_that_make_test_has() -> None:
    (targets,) = re.findall(r"^test: (.+?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    parts = workflow("check.yml")["jobs"]["test"]["strategy"]["matrix"]["part"]
    assert " ".join(parts).split() == targets.split()


def test_prod_comes_after_dev_and_dev_after_the_tests() -> None:
    found = workflow("deploy.yml")["jobs"]
    assert [found[name].get("needs") for name in ("check", "dev", "prod")] == [None, "check", "dev"]
    deploys = workflow("deploy-stage.yml")["jobs"]["deploy"]
    # By stage: one that waits for its reviewer must not keep the others waiting.
    assert deploys["concurrency"] == {"group": "deploy-${{ inputs.stage }}", "cancel-in-progress": False}
    assert deploys["environment"] == "${{ inputs.stage }}"


def test_the_page_tells_every_variable_and_its_policies_are_json() -> None:
    named = {name for file in FILES for name in re.findall(r"vars\.(\w+)", file.read_text())}
    assert named == set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    policies = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
    trust, *others = [statement for policy in policies for statement in policy["Statement"]]
    assert trust["Condition"].keys() == {"StringEquals"}, "a pattern would let others in"
    assert {each["Action"] for each in others} == {"sts:AssumeRole"}


def test_each_stage_that_is_deployed_is_compared_before() -> None:
    compared = workflow("check.yml")["jobs"]["diff"]["strategy"]["matrix"]["stage"]
    assert compared == [job["with"]["stage"] for _, job in jobs() if "with" in job]

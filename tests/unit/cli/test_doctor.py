"""`evertrain doctor`: what is missing, and the command that mends it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evertrain.cli.main import app
from tests.unit.cli.test_check import GROUP, MODEL


def told(folder: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status; by what was looked at, what was told and the remedy."""
    done = CliRunner().invoke(app, ["doctor", "--project", str(folder), "--json"])
    return done.exit_code, {each["what"]: (each["told"], each["remedy"]) for each in json.loads(done.output)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models/trips").mkdir(parents=True)
    (tmp_path / "features").mkdir()
    (tmp_path / "features/trips.toml").write_text(GROUP)
    (tmp_path / "models/trips/model.toml").write_text(MODEL)
    return tmp_path


def test_a_machine_without_aws_is_told_what_to_set(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    status, found = told(project)
    assert status == 1
    assert found["project"] == ("models trips", "")
    assert found["AWS"][0] == "no region is set"
    assert found["AWS"][1].startswith("export AWS_REGION=")
    assert not found["Python"][1]
    assert not found["Node"][1]
    assert "stage dev" not in found, "it rests on what is missing"


def test_a_cloud_that_is_not_running_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _, found = told(project)
    assert found["AWS"][1] == 'evertrain local up, then: eval "$(evertrain local env)"'


def test_faults_of_the_project_are_counted(project: Path) -> None:
    (project / "models/trips/model.toml").write_text(MODEL.replace('latency = "3d"', ""))
    _, found = told(project)
    assert found["project"][0].startswith("models/trips/model.toml:7: label.latency: missing")
    assert found["project"][1] == "evertrain check"


def test_an_old_or_missing_node_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertrain.toolchain.node.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    _, found = told(project)
    assert found["Node"][0].startswith("there is no `node`, and the CDK needs Node 20 or newer")
    assert found["Node"][1] == "pip install 'evertrain[local]'"

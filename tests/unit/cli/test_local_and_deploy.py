"""`evertrain local`, `deploy` and `cdk`, up to where they would need a network."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evertrain.cli import extras
from evertrain.cli.main import app
from evertrain.cli.program import _app
from evertrain.toolchain.embedded_cloud import EmbeddedCloud
from tests.unit.cli.test_doctor import project

__all__ = ["project"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_each_is_found_by_itself_too() -> None:
    """`program` imports only what the command needs."""
    for words in (["local", "up", "--help"], ["deploy", "--help"], ["cdk", "--help"]):
        done = CliRunner().invoke(_app(words), words)
        assert done.exit_code == 0
        assert "Usage: " in done.output


def test_a_cloud_that_does_not_run_is_told_with_the_command_that_starts_it(project: Path) -> None:
    for verb in ("env", "status"):
        done = run("local", verb, "--project", str(project))
        assert str(done.exception) == "the embedded cloud is not running: `evertrain local up` starts it"
    assert "the embedded cloud is not running" in run("local", "down", "--project", str(project)).output


def test_a_folder_without_models_is_told_before_anything_is_made(tmp_path: Path) -> None:
    done = run("local", "up", "--project", str(tmp_path))
    assert "evertrain init NAME --rows FILE" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def make_servable(project: Path) -> None:
    (project / "models/trips/estimator.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n\n"
        "def make_estimator(*, seed):\n    return LogisticRegression()\n"
    )


def test_that_rollouts_are_short_on_the_laptop_is_said_unless_their_length_was_chosen(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_servable(project)
    calls: list[list[str]] = []

    def run_cdk(workspace: object, arguments: list[str], **kwargs: object) -> int:
        calls.append(arguments)
        return 0

    monkeypatch.setattr("evertrain.cli.local.install_environments", lambda workspace: None)
    monkeypatch.setattr("evertrain.cli.local.run_cdk", run_cdk)
    monkeypatch.setattr(EmbeddedCloud, "start", lambda self, **settings: "the embedded cloud runs")
    monkeypatch.setattr(EmbeddedCloud, "environment", lambda self: {})
    said = "each step of a rollout lasts 20 seconds here, in place of what [rollout] bake declares; -c bake=SECONDS"
    assert said in run("local", "up", "--project", str(project)).output
    assert "bake=20" in calls[-1]
    for chosen in ("bake=60", "clock=replay"):
        done = run("local", "up", "--project", str(project), "-c", chosen)
        assert (done.exit_code, "each step" in done.output) == (0, False)
        assert "bake=20" not in calls[-1]


def test_a_port_that_is_taken_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_servable(project)
    monkeypatch.setattr("evertrain.cli.local.install_environments", lambda workspace: None)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("local", "up", "--project", str(project), "--port", str(port))
    expected = f"something else listens on port {port}; stop it, or choose another with --port"
    assert str(done.exception) == expected


def test_a_missing_library_is_told_with_the_extra_that_has_all(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "aws_cdk" else object())
    for command, extra in ((["local", "up"], "local"), (["deploy"], "deploy"), (["cdk", "diff"], "deploy")):
        done = run(*command, "--project", str(project))
        expected = f"this needs aws_cdk, which is not installed: pip install 'evertrain[{extra}]'"
        assert str(done.exception) == expected


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "no region is set: export AWS_REGION="),
        ({"AWS_REGION": "eu-central-1"}, "no stage is named: export EVERTRAIN_STAGE=dev, or --stage"),
        (
            {"AWS_REGION": "x", "EVERTRAIN_STAGE": "dev", "AWS_ENDPOINT_URL": "http://localhost:4566"},
            "AWS_ENDPOINT_URL is set to http://localhost:4566: unset it to deploy to AWS",
        ),
        (
            {"AWS_REGION": "x", "EVERTRAIN_STAGE": "dev", "CDK_DOCKER": "no-such-docker"},
            "no-such-docker is not there, and the training image is built with it",
        ),
    ],
)
def test_deploy_says_what_has_to_be_set(
    project: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "EVERTRAIN_STAGE", "AWS_ENDPOINT_URL", "CDK_DOCKER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(run("deploy", "--project", str(project)).exception).startswith(told)


def test_what_deploy_and_cdk_do_not_know_goes_to_the_cdk(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run_cdk(workspace: object, arguments: list[str], **kwargs: object) -> int:
        calls.append(arguments)
        return 0

    monkeypatch.setattr("evertrain.cli.deploy.run_cdk", run_cdk)
    monkeypatch.setattr("evertrain.adapters.aws.account.account_id", lambda: "123456789012")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("CDK_DOCKER", "sh")
    options = ["-c", "removal=destroy", "--require-approval", "never"]
    assert run("deploy", "--stage", "dev", "--project", str(project), *options).exit_code == 0
    assert run("cdk", "bootstrap", "--app", "", "--project", str(project)).exit_code == 0
    assert calls == [
        ["bootstrap", "--app", "", "aws://123456789012/eu-central-1"],
        ["deploy", "--all", *options],
        ["bootstrap", "--app", ""],
    ]

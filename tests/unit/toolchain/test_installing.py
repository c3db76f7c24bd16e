"""Environments and the CDK's command line: what is there is left alone, and what cannot be installed is told."""

import sys
from pathlib import Path

import pytest

from evertrain.toolchain.cdk import CdkMissing, run_cdk
from evertrain.toolchain.environments import CLOUD, EnvironmentFailed, install_environments, python_of
from evertrain.toolchain.workspace import Workspace

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With locks of nothing."""
    requirements = tmp_path / "deployables/requirements"
    requirements.mkdir(parents=True)
    for name in ("embedded-cloud.txt", "lambda-runtime.txt"):
        (requirements / name).write_text("")
    project = tmp_path / "project"
    project.mkdir()
    return Workspace(
        project=project, package=REPOSITORY, deployables=tmp_path / "deployables", work=project / ".evertrain"
    )


def test_an_environment_is_made_once_and_again_when_its_lock_has_changed(workspace: Workspace) -> None:
    workspace.prepare()
    install_environments(workspace)
    assert python_of(workspace, CLOUD).resolve() == Path(sys.executable).resolve()
    left = workspace.work / ".venv-cloud/left-alone"
    left.touch()
    install_environments(workspace)
    assert left.exists()
    workspace.lock("embedded-cloud.txt").write_text("# another\n")
    install_environments(workspace)
    assert not left.exists()


def test_a_lock_that_cannot_be_installed_is_named(workspace: Workspace) -> None:
    workspace.prepare()
    workspace.lock("lambda-runtime.txt").write_text("boto3\n")  # without a hash
    for _ in range(2):  # half an environment is none
        with pytest.raises(
            EnvironmentFailed, match=r"requirements/lambda-runtime\.txt could not be installed; is there"
        ):
            install_environments(workspace)


def test_a_command_line_that_npm_cannot_install_is_told(workspace: Workspace) -> None:
    (workspace.deployables / "package.json").write_text("{}")
    (workspace.deployables / "package-lock.json").write_text("no lock")
    (workspace.deployables / "cdk.json").write_text("{}")
    with pytest.raises(CdkMissing, match="npm could not install the CDK's command line; is there a network"):
        run_cdk(workspace, ["ls"])

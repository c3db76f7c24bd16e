"""The CDK's command line, with the app of `infra/`: installed from package-lock.json, run in the project's folder."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evertrain.domain.errors import EvertrainError
from evertrain.toolchain.node import Node, find_node
from evertrain.toolchain.workspace import Workspace

_MANIFESTS = ("package.json", "package-lock.json")


class CdkMissing(EvertrainError):
    """The CDK's command line could not be installed."""


def run_cdk(
    workspace: Workspace,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] = os.environ,
    log: Path | None = None,
) -> int:
    """Its exit status. `log`: gets what it prints, behind what is there; else it has this terminal.

    Raises NodeMissing, CdkMissing.
    """
    workspace.prepare()
    node = find_node()
    _install(workspace, node)
    command = [str(node.program), str(_modules(workspace) / "aws-cdk" / "bin" / "cdk"), *arguments]
    variables = {**environment, **_settings(workspace)}
    if log is None:
        return subprocess.run(command, cwd=workspace.project, env=variables, check=False).returncode
    with log.open("ab") as file:
        ran = subprocess.run(
            command,
            cwd=workspace.project,
            env=variables,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return ran.returncode


def _settings(workspace: Workspace) -> dict[str, str]:
    """The command line takes any of its options from a variable, too, and one that is given as an option wins."""
    declared = json.loads((workspace.deployables / "cdk.json").read_text())
    search = os.pathsep.join([str(workspace.deployables), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        # -P: a project may have an `infra` of its own.
        "CDK_APP": f"{shlex.quote(sys.executable)} -P -m infra.app",
        "CDK_OUTPUT": str(workspace.work / "cdk.out"),
        "CDK_VERSION_REPORTING": json.dumps(declared["versionReporting"]),
        "CDK_PATH_METADATA": json.dumps(declared["pathMetadata"]),
        "CDK_NOTICES": "false",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "PYTHONPATH": search,
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    }


def _modules(workspace: Workspace) -> Path:
    return workspace.work / "node_modules"


def _install(workspace: Workspace, node: Node) -> None:
    """Again when the lock has changed."""
    marker = _modules(workspace) / ".installed"
    lock = (workspace.deployables / "package-lock.json").read_text()
    if marker.is_file() and marker.read_text() == lock:
        return
    if workspace.work != workspace.deployables:
        for name in _MANIFESTS:
            shutil.copyfile(workspace.deployables / name, workspace.work / name)
    command = [*node.npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    search = os.pathsep.join([str(node.program.parent), os.environ.get("PATH", os.defpath)])
    installed = subprocess.run(
        command, cwd=workspace.work, env={**os.environ, "PATH": search}, check=False, capture_output=True, text=True
    )
    if installed.returncode:
        raise CdkMissing(
            "npm could not install the CDK's command line; is there a network, and a registry that has it?\n"
            f"{installed.stderr.strip()}"
        )
    marker.write_text(lock)

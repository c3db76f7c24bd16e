"""The embedded cloud of a project, by way of its own program: `python -m localcloud`."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from evertrain.domain.errors import EvertrainError
from evertrain.toolchain.environments import CLOUD, FUNCTIONS, python_of
from evertrain.toolchain.workspace import Workspace

ACCOUNT = "000000000000"
REGION = "us-east-1"
USUAL_PORT = 4566


class EmbeddedCloudFailed(EvertrainError):
    """It could not be started or stopped; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedCloud:
    workspace: Workspace

    def start(self, *, port: int | None = None, concurrency: int | None = None) -> str:
        """What it says. `port`: by default the one that it has. Raises EmbeddedCloudFailed."""
        runs_at = self._port()
        if runs_at is not None and port not in (None, runs_at):
            raise EmbeddedCloudFailed(
                f"it runs on port {runs_at} already: `evertrain local down`, and then on another one"
            )
        ordered = ("--concurrency", str(concurrency)) if concurrency else ()
        return self._run("start", "--port", str(port or runs_at or USUAL_PORT), *ordered)

    def stop(self) -> str:
        return self._run("stop")

    def forget(self) -> str:
        """Stops it and empties its home."""
        told = self.stop()
        shutil.rmtree(self.workspace.cloud_home, ignore_errors=True)
        return told

    def status(self) -> str | None:
        """A sentence with its endpoint, process and memory; None where it is not running."""
        port = self._port()
        return None if port is None else self._run("status", "--port", str(port))

    def environment(self) -> dict[str, str]:
        """What points AWS's tools at it, and nothing else of AWS; empty while it is not running."""
        ran = self._program("environment")
        if ran.returncode:
            return {}
        words = shlex.split(ran.stdout, comments=True)
        return dict(word.split("=", 1) for word in words if "=" in word)

    def _port(self) -> int | None:
        endpoint = self.environment().get("AWS_ENDPOINT_URL")
        return None if endpoint is None else urlsplit(endpoint).port

    def _run(self, verb: str, *options: str) -> str:
        ran = self._program(verb, *options)
        if ran.returncode:
            raise EmbeddedCloudFailed(ran.stderr.strip())
        return ran.stdout.strip()

    def _program(self, verb: str, *options: str) -> "subprocess.CompletedProcess[str]":
        workspace = self.workspace
        places = {
            "--home": workspace.cloud_home,
            "--cloud-python": python_of(workspace, CLOUD),
            "--function-python": python_of(workspace, FUNCTIONS),
            "--task-python": sys.executable,
            "--task-dir": workspace.training_image,
        }
        command = [sys.executable, "-P", "-m", "localcloud", verb, *options]
        command += [str(word) for place in places.items() for word in place]
        variables = os.environ | {"PYTHONPATH": str(workspace.deployables)}
        return subprocess.run(command, env=variables, check=False, capture_output=True, text=True)

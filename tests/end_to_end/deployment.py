"""Deploys the product, as it is, to an embedded cloud of a test's own."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcloud.launcher import REPOSITORY, EmbeddedCloud

STAGE = "e2e"
LARGE = 150_000
"""Bytes. A day of flights has a third of it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_cloud(home: Path, *, chaos: Mapping[str, int] | None = None) -> EmbeddedCloud:
    """On a free port; not started."""
    return EmbeddedCloud(
        home=home,
        port=free_port(),
        cloud_python=REPOSITORY / ".venv-cloud/bin/python",
        function_python=REPOSITORY / ".venv-lambda/bin/python",
        task_python=REPOSITORY / ".venv/bin/python",
        task_directory=REPOSITORY / ".build/train-image",
        record_calls=True,
        chaos=chaos or {},
    )


@contextmanager
def running(cloud: EmbeddedCloud) -> Iterator[EmbeddedCloud]:
    """Started, and the one that AWS's clients talk to."""
    with pytest.MonkeyPatch.context() as patch:
        cloud.start()
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        try:
            yield cloud
        finally:
            cloud.stop()


def deploy(out: Path, *, bootstrap: bool, window: int = 2) -> None:
    """By the ordinary `cdk deploy`. `window`: seconds for which requests are collected."""
    cdk = (str(REPOSITORY / ".venv/bin/evertrain"), "cdk")
    if bootstrap:
        _run(*cdk, "bootstrap", "--app", "", "aws://000000000000/us-east-1")
    context = [
        f"stage={STAGE}",
        "clock=replay",
        "tick=rate(1 minute)",
        f"large_object_bytes={LARGE}",
        f"batching_window={window}",
        "notify=ml@example.com",
    ]
    options = [word for entry in context for word in ("-c", entry)]
    _run(*cdk, "deploy", "--all", "--require-approval", "never", "--concurrency", "4", "-o", str(out), *options)


def _run(*command: str) -> None:
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.fail(f"{' '.join(command[:3])} failed:\n{(ran.stdout + ran.stderr)[-3000:]}")

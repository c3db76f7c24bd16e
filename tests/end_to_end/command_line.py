"""The program `evertrain` as a person runs it, against the tests' own stage."""

import os
import subprocess
import sys

from localcloud.launcher import REPOSITORY
from tests.end_to_end.deployment import STAGE


def evertrain(*arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
    """`status`: the exit status that is expected; None for any."""
    ran = subprocess.run(
        [sys.executable, "-c", "from evertrain.cli.program import run; run()", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"EVERTRAIN_STAGE": STAGE, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert status in (None, ran.returncode), ran.stdout + ran.stderr
    return ran

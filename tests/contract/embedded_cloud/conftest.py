"""What only the embedded cloud's own tests need of it."""

from pathlib import Path

import pytest

from localcloud.launcher import EmbeddedCloud


@pytest.fixture(scope="session")
def server_status(cloud: EmbeddedCloud) -> Path:
    status = Path(f"/proc/{cloud.running_pid()}/status")
    if not status.exists():
        pytest.skip("there is no /proc here to read the server's memory from")
    return status

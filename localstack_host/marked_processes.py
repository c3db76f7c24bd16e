"""Processes that belong together, found by a mark in their environment, which children inherit. Linux only."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK_VARIABLE = "LOCALSTACK_HOST_RUN"


def find_marked_pids(mark: str) -> set[int]:
    """The ids of all processes that carry the mark. One that has ended but was not waited for carries none."""
    wanted = f"{MARK_VARIABLE}={mark}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
    return found


def terminate_marked(mark: str, *, first: int, wait_seconds: float) -> None:
    """Asks `first` to end and gives it time to end the others; kills whatever is left then."""
    left = find_marked_pids(mark)
    if first in left and wait_seconds > 0:
        _send(signal.SIGTERM, first)
        deadline = time.monotonic() + wait_seconds
        # Orphans do not end by themselves: without the first one there is nothing to wait for.
        while first in (left := find_marked_pids(mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
    while left:
        for pid in left:
            _send(signal.SIGKILL, pid)
        time.sleep(0.05)
        left = find_marked_pids(mark)


def _send(what: signal.Signals, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)

"""Only processes that carry the mark are found and ended, however they came to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from localstack_host.marked_processes import MARK_VARIABLE, find_marked_pids, terminate_marked

SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)
{SLEEP}
"""


class Processes:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, program: str, *, mark: str, lines: int = 1) -> "subprocess.Popen[str]":
        environment = os.environ | {MARK_VARIABLE: mark}
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
        )
        self._stack.callback(process.communicate)
        self._stack.callback(process.kill)
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline() == "up\n"
        return process


@pytest.fixture
def processes() -> Iterator[Processes]:
    with ExitStack() as stack:
        yield Processes(stack)


def test_children_inherit_the_mark_and_end_with_the_first(processes: Processes, tmp_path: Path) -> None:
    mark = str(tmp_path)
    first = processes.start(PARENT, mark=mark, lines=2)
    assert len(find_marked_pids(mark)) == 2
    terminate_marked(mark, first=first.pid, wait_seconds=5)
    assert find_marked_pids(mark) == set()


def test_processes_of_another_mark_live_on(processes: Processes, tmp_path: Path) -> None:
    ours = processes.start(SLEEP, mark=str(tmp_path / "ours"))
    theirs = processes.start(SLEEP, mark=str(tmp_path / "theirs"))
    terminate_marked(str(tmp_path / "ours"), first=ours.pid, wait_seconds=5)
    assert ours.wait(timeout=5) < 0
    assert find_marked_pids(str(tmp_path / "theirs")) == {theirs.pid}


def test_one_that_does_not_end_is_killed(processes: Processes, tmp_path: Path) -> None:
    stubborn = processes.start(STUBBORN, mark=str(tmp_path))
    terminate_marked(str(tmp_path), first=stubborn.pid, wait_seconds=0.3)
    assert stubborn.wait(timeout=5) == -9


def test_an_id_that_another_process_has_by_now_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    stranger = processes.start(SLEEP, mark=str(tmp_path / "theirs"))
    terminate_marked(str(tmp_path / "ours"), first=stranger.pid, wait_seconds=5)
    assert stranger.poll() is None

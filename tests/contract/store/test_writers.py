"""Processes that write to one table at once, and are killed at any moment: every row is there, once."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from evertrain.domain.landing.batches import Feed
from tests.builders.batches import FEATURES
from tests.builders.concurrent_writer import ROWS
from tests.builders.models import NOW, days
from tests.builders.store import ALL_TIME, Store

ROOT = Path(__file__).parents[3]


def start(store: Store, *work: object) -> subprocess.Popen[str]:
    root = str(store.root)
    bucket = root.split("/")[2] if root.startswith("s3://") else "-"
    command = [sys.executable, "-m", "tests.builders.concurrent_writer", root, bucket, *map(str, work)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ.copy())


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def kill_after(process: subprocess.Popen[str], *, lines: int, seconds: float) -> None:
    """In the midst of what follows so many lines."""
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()
    time.sleep(seconds)
    kill(process)


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=240)
    assert process.returncode == 0


def times_there(store: Store, feed: Feed = FEATURES) -> Counter[str]:
    """How often each row is there."""
    version = store.reader.state(feed).version
    found = store.reader.read(feed, version=version, rows=ALL_TIME, known_at=NOW + days(1))
    return Counter(found["trip_id"].to_pylist())


def once_each(*, writers: int, batches: int) -> Counter[str]:
    return Counter(
        f"{writer}-{number}-{row}" for writer in range(writers) for number in range(batches) for row in range(ROWS)
    )


def test_four_processes_that_write_at_once_lose_nothing(store: Store) -> None:
    """They race for the table's making, too."""
    for process in [start(store, "append", writer, 20) for writer in range(4)]:
        finish(process)
    assert times_there(store) == once_each(writers=4, batches=20)
    assert store.reader.state(FEATURES).rows == 4 * 20 * ROWS


def test_processes_that_are_killed_and_begin_again_write_every_row_once(store: Store) -> None:
    chance = np.random.default_rng(1)
    for _ in range(3):
        writers = [start(store, "append", writer, 12) for writer in range(2)]
        maintenance = start(store, "maintenance")
        for process in (*writers, maintenance):
            kill_after(process, lines=int(chance.integers(6)), seconds=chance.uniform(0, 0.05))
    maintenance = start(store, "maintenance")
    for process in [start(store, "append", writer, 12) for writer in range(2)]:
        finish(process)
    kill(maintenance)
    assert times_there(store) == once_each(writers=2, batches=12)
    store.maintenance(retention_hours=0, min_files_to_compact=2).maintain(FEATURES, retained_versions=(), now=NOW)
    assert times_there(store) == once_each(writers=2, batches=12)

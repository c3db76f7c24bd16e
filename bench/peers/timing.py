"""What each side's process says: seconds to prepare, seconds of each run, and the most memory that it held."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def report(prepare: Callable[[str, str], Any], work: Callable[[Any], Any]) -> None:
    """`prepare` gets the two paths and answers what `work` gets; only `work` is run several times."""
    before, after, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    began = time.perf_counter()
    prepared = prepare(before, after)
    result: dict[str, Any] = {"prepare_s": time.perf_counter() - began, "runs_s": []}
    for _ in range(runs):
        began = time.perf_counter()
        work(prepared)
        result["runs_s"].append(time.perf_counter() - began)
    result["peak_mb"] = _peak_mb()
    print(json.dumps(result))


def _peak_mb() -> float:
    """Of this process alone: `ru_maxrss` begins with what the process that started it held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("this system does not tell a process's peak memory")

"""What each side's process says: seconds to prepare, seconds of each run, and the most memory that it held."""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any


def report(prepare: Callable[[str, str], Any], work: Callable[[Any], Any]) -> None:
    """`prepare` gets the two paths and answers what `work` gets; only `work` is run several times."""
    before, after, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    began = time.perf_counter()
    prepared = prepare(before, after)
    told: dict[str, Any] = {"prepare_s": time.perf_counter() - began, "runs_s": []}
    for _ in range(runs):
        began = time.perf_counter()
        work(prepared)
        told["runs_s"].append(time.perf_counter() - began)
    told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps(told))

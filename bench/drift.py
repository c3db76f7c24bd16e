"""How long does judging a batch take, against computing the same distances with scipy and numpy from the raw rows?

Prints seconds (the median of several runs) and ratios. The peer has the reference's rows in memory, as scripts do.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from scipy import stats

from evertrain.domain.model_spec import Column, DriftPolicy, FeatureKind
from evertrain.statistics.reference import build_reference
from evertrain.statistics.verdict import judge

FEATURES, REFERENCE_ROWS, RUNS = 20, 100_000, 7


def main() -> None:
    rng = np.random.default_rng(0)
    columns = [Column(name=f"x{index}", kind=FeatureKind.NUMERIC) for index in range(FEATURES)]
    reference_rows = {column.name: rng.normal(size=REFERENCE_ROWS) for column in columns}
    reference = build_reference(reference_rows, columns)
    results = {}
    for rows in (1_000, 10_000, 100_000):
        batch = {column.name: rng.normal(0.1, 1, rows) for column in columns}
        ours = _seconds(lambda batch=batch: judge(reference, reference.sketch(batch), policy=DriftPolicy()))  # type: ignore[misc]
        peer = _seconds(lambda batch=batch: _by_hand(reference_rows, batch))  # type: ignore[misc]
        results[f"{rows}_rows"] = {"ours_s": ours, "scipy_s": peer, "ratio_scipy": ours / peer}
    if "--json" in sys.argv:
        print(json.dumps(results, indent=2))
        return
    print(f"{FEATURES} numeric features against {REFERENCE_ROWS:,} reference rows, median of {RUNS} runs")
    for name, found in results.items():
        print(
            f"{name:>12}: {found['ours_s']:.4f} s, scipy {found['scipy_s']:.4f} s, ratio {found['ratio_scipy']:.3f}"
        )


def _by_hand(reference: dict[str, np.ndarray], batch: dict[str, np.ndarray]) -> list[tuple[float, float, float]]:
    """PSI, KL and Wasserstein distance of every feature, the straightforward way."""
    found = []
    for name, before in reference.items():
        after = batch[name]
        edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
        p, q = (np.bincount(np.searchsorted(edges, rows), minlength=10) + 0.5 for rows in (before, after))
        p, q = p / p.sum(), q / q.sum()
        psi = float(np.sum((q - p) * np.log(q / p)))
        found.append((psi, float(stats.entropy(q, p)), float(stats.wasserstein_distance(before, after))))
    return found


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


if __name__ == "__main__":
    main()

"""Drift of one batch: seconds, memory and whole-process time, against the peers, on the same rows in the same run.

python -m bench.drift [--large] [--curves] [--only SIDE ...]

Writes `bench/results/drift.json` and `drift.md`. Ratios are the peer's figure over ours (how many times we are faster
or smaller), and ours over the floor's. Sides whose environment is not there are left out and said to be.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.tables import LARGE, SMALL, Size, pair
from evertrain.toolchain.workspace import Workspace
from infra.bundles import build_function
from infra.dependencies import Target
from infra.monitoring_stack import MONITOR

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
ROWS = ROOT / ".build" / "bench"


@dataclass(frozen=True, slots=True)
class Side:
    """A script of `bench/peers`. Runs: how often the work is repeated at a size; 0 leaves the size out."""

    name: str
    description: str
    environment: str
    small_runs: int
    large_runs: int


SIDES = (
    Side("decode", "floor: pyarrow reads the file", ".venv", 9, 5),
    Side("ours", "Evertrain, from the file", ".venv", 9, 5),
    Side("window", "Evertrain, 24 stored sketches", ".venv", 9, 0),
    Side("scipy_tests", "scipy, feature by feature", ".venv", 3, 1),
    Side("scouter_psi", "scouter-ml, PSI only", ".venv-bench/scouter", 5, 3),
    Side("nannyml_univariate", "NannyML, univariate", ".venv-bench/nannyml", 3, 1),
    Side("alibi_tabular", "alibi-detect, TabularDrift", ".venv-bench/alibi", 3, 1),
    Side("evidently_drift", "Evidently, drift preset", ".venv-bench/evidently", 1, 0),
    Side("evidently_presets", "Evidently, drift and summary presets", ".venv-bench/evidently", 1, 1),
)
ROWS_OF_CURVE = tuple(Size(f"{rows}x35", rows, 35) for rows in (10_000, 100_000, 1_000_000))
FEATURES_OF_CURVE = tuple(Size(f"100000x{features}", 100_000, features) for features in (10, 100, 300))
STREAMED = tuple(Size(f"{rows}x10", rows, 10) for rows in (1_000_000, 4_000_000, 16_000_000))
"""Of our own side only: cost against rows and features, and memory while files of any length stream through."""

QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
"""Two peers would report their use to their makers."""


def main() -> None:
    options = _parse()
    sizes = [SMALL, LARGE] if options.large else [SMALL]
    measured: dict[str, dict[str, Any]] = {}
    for size in sizes:
        for side in SIDES:
            runs = side.small_runs if size is SMALL else side.large_runs
            if not runs or (options.only and side.name not in options.only):
                continue
            if not (ROOT / side.environment / "bin" / "python").exists():
                print(f"{side.name}: {side.environment} is not there, left out", file=sys.stderr)
                continue
            measured[f"{side.name}_{size.name}"] = found = _measure(side, size, runs)
            print(
                f"{size.name}  {side.description:<38} {found['drift_s']:9.4f} s  {found['peak_mb']:7.0f} MB",
                flush=True,
            )
    curves = []
    if options.curves:
        ours = next(side for side in SIDES if side.name == "ours")
        for size in (*ROWS_OF_CURVE, *FEATURES_OF_CURVE, *STREAMED):
            found = _measure(ours, size, 1 if size in STREAMED else 5)
            curves.append({"rows": size.rows, "features": size.features} | found)
            print(
                f"{size.rows:>12,} × {size.features:<4} {found['drift_s']:9.4f} s {found['peak_mb']:7.0f} MB",
                flush=True,
            )
    document = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "numpy": version("numpy"),
        "sizes": {size.name: {"rows": size.rows, "features": size.features} for size in sizes},
        "ratios": ratios(measured) | {"bundle_mib": _bundle_mib()},
        "measured": measured,
        "curves": curves,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "drift.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "drift.md").write_text(as_markdown(document), encoding="utf-8")
    print(json.dumps(document["ratios"], indent=2))


def _measure(side: Side, size: Size, runs: int) -> dict[str, Any]:
    before, after = map(str, pair(size, ROWS))
    python = str(ROOT / side.environment / "bin" / "python")
    script = str(ROOT / "bench" / "peers" / f"{side.name}.py")
    environment = os.environ | QUIET | {"PYTHONPATH": str(ROOT) if side.environment == ".venv" else ""}
    began = time.perf_counter()
    description = subprocess.run(
        [python, script, before, after, str(runs)], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    process_seconds = time.perf_counter() - began
    found = json.loads(description.stdout.splitlines()[-1])
    return {
        "drift_s": median(found["runs_s"]),
        "prepare_s": found["prepare_s"],
        "peak_mb": found["peak_mb"],
        "runs": runs,
        # Start, reading both files, preparing, and one comparison: what a command line waits for.
        "one_shot_s": process_seconds - sum(found["runs_s"][1:]),
    }


def ratios(measured: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Those whose two sides were measured."""
    found = {}
    for size in ("S", "L"):
        ours = measured.get(f"ours_{size}")
        for name, short, peer in (
            ("evidently_presets", "evidently", "evidently_presets"),
            ("evidently_drift", "evidently_drift", "evidently_drift"),
            ("scipy", "scipy", "scipy_tests"),
            ("nannyml", "nannyml", "nannyml_univariate"),
            ("scouter", "scouter", "scouter_psi"),
            ("alibi", "alibi", "alibi_tabular"),
        ):
            if ours and (theirs := measured.get(f"{peer}_{size}")):
                found[f"ratio_{name}_{size}"] = theirs["drift_s"] / ours["drift_s"]
                found[f"ratio_memory_{short}_{size}"] = theirs["peak_mb"] / ours["peak_mb"]
                found[f"one_shot_ratio_{short}_{size}"] = theirs["one_shot_s"] / ours["one_shot_s"]
        if ours and (floor := measured.get(f"decode_{size}")):
            found[f"ratio_decode_floor_{size}"] = ours["drift_s"] / floor["drift_s"]
    if window := measured.get("window_S"):
        found["window_ms_35_features"] = 1000 * window["drift_s"]
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def _bundle_mib() -> float:
    """Unzipped, what the monitor's function is on AWS."""
    built = build_function(MONITOR, workspace=Workspace.of(ROOT), target=Target.from_option("aws"))
    size = sum(path.stat().st_size for path in built.path.rglob("*") if path.is_file())
    return round(size / 2**20, 1)


def as_markdown(document: dict[str, Any]) -> str:
    lines = [
        "| side | size | drift of the batch | preparing | whole process | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    names = {side.name: side.description for side in SIDES}
    for key, found in document["measured"].items():
        name, _, size = key.rpartition("_")
        lines.append(
            f"| {names[name]} | {size} | {found['drift_s']:.3g} s | {found['prepare_s']:.3g} s "
            f"| {found['one_shot_s']:.3g} s | {found['peak_mb']:.0f} MB |"
        )
    description = ", ".join(
        f"{name}: {size['rows']:,} rows × {size['features']} features" for name, size in document["sizes"].items()
    )
    parts = [f"{description}. {document['machine']}.", "", *lines, ""]
    if document["curves"]:
        parts += [
            "Evertrain alone, a file against a reference: cost by rows and features; memory while a file streams.",
            "",
            "| rows | features | drift of the batch | peak memory |",
            "|---|---|---|---|",
            *(
                f"| {each['rows']:,} | {each['features']} | {each['drift_s']:.3g} s | {each['peak_mb']:.0f} MB |"
                for each in document["curves"]
            ),
            "",
        ]
    return "\n".join(parts)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--large", action="store_true", help="also the large size: a quarter of an hour")
    parser.add_argument("--curves", action="store_true", help="also our own cost by rows and features")
    parser.add_argument("--only", nargs="+", choices=[side.name for side in SIDES], help="these sides alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()

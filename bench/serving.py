"""Serving: a cold process, one row, a thousand rows, against the peers, on the same rows in the same run.

python -m bench.serving

Writes `bench/results/serving.json` and `serving.md`. Ratios are the peer's figure over ours: how many times we are
faster. What a peer cannot convert is said. One thread everywhere, and JSON in and out aside.
"""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evertrain.conversion import to_flat
from evertrain.domain.project.defaults import USUAL_BATCH, default_training, default_triggers
from evertrain.domain.project.duration import parse_duration
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import LabelSpec, ModelSpec
from evertrain.domain.project.policies import GatePolicy
from evertrain.toolchain.workspace import Workspace
from infra.bundles import build_function
from infra.dependencies import Target
from infra.serving_stack import SERVING

ROOT = Path(__file__).parents[1]
RESULTS, WORK = ROOT / "bench" / "results", ROOT / ".build" / "bench" / "serving"
FEATURES, TRAINED, ASKED, COLD_RUNS = 14, 20_000, 1_000, 5


@dataclass(frozen=True, slots=True)
class Side:
    """A script of `bench/peers`. `converted_in`: the environment that makes the peer's file; empty for the estimator
    itself, or our artifact."""

    name: str
    description: str
    environment: str
    suffix: str
    converted_in: str = ""


SIDES = (
    Side("ours", "Evertrain, standard library", ".venv", "flat.gz"),
    Side("sklearn", "the library itself, with pandas", ".venv", "joblib"),
    Side("onnx", "ONNX Runtime", ".venv-bench/onnx", "onnx", ".venv-bench/onnx-convert"),
    Side("treelite", "treelite (GTIL)", ".venv-bench/treelite", "treelite", ".venv-bench/treelite"),
    Side("mlflow", "MLflow's pyfunc", ".venv-bench/mlflow", "mlflow", ".venv-bench/mlflow"),
)


def main() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    frame, truth = make_rows(TRAINED, seed=0)
    asked, _ = make_rows(ASKED, seed=1)
    (WORK / "rows.json").write_text(json.dumps(asked.to_dict("records")), encoding="utf-8")
    measured: dict[str, dict[str, Any]] = {}
    for name, estimator in make_estimators().items():
        estimator.fit(frame, truth)
        joblib.dump(estimator, WORK / f"{name}.joblib")
        (WORK / f"{name}.flat.gz").write_bytes(to_flat(estimator, make_spec()))
        measured[name] = {side.name: _measure(side, name) for side in SIDES}
        for side in SIDES:
            print(
                name,
                side.name,
                _without_predictions(measured[name][side.name]),
                flush=True,
            )
    document = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "ratios": {name: _ratios(found) for name, found in measured.items()},
        "bundle_mib": _bundle_mib(),
        "measured": {
            name: {side: _without_predictions(figures) for side, figures in found.items()}
            for name, found in measured.items()
        },
    }
    (RESULTS / "serving.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "serving.md").write_text(as_markdown(document), encoding="utf-8")
    print(as_markdown(document))


def make_estimators() -> dict[str, Any]:
    boosted = {"early_stopping": False, "random_state": 0}
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
        "histogram boosting, 100 trees": HistGradientBoostingClassifier(max_iter=100, **boosted),
        "histogram boosting, 500 trees": HistGradientBoostingClassifier(max_iter=500, **boosted),
        "random forest, 100 trees": RandomForestClassifier(100, min_samples_leaf=5, random_state=0),
        "XGBoost, 100 trees": xgboost.XGBClassifier(n_estimators=100, n_jobs=1, random_state=0),
        "LightGBM, 100 trees": lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, random_state=0, verbose=-1),
    }


def make_rows(count: int, *, seed: int) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(seed)
    # What 32 bits hold, which is all that some of the peers read.
    values = rng.normal(size=(count, FEATURES)).astype(np.float32).astype(np.float64)
    score = values[:, 0] + values[:, 1] * values[:, 2] + np.sin(2 * values[:, 3]) - 0.5 * values[:, 4] ** 2
    truth = (score + rng.normal(size=count) > 0).astype(float)
    return pd.DataFrame(values, columns=[f"f{number}" for number in range(FEATURES)]), truth


def make_spec() -> ModelSpec:
    columns = tuple(Column(name=f"f{number}", kind=FeatureKind.NUMERIC) for number in range(FEATURES))
    latency = parse_duration("7d")
    return ModelSpec(
        name="served",
        title="",
        task=Task.CLASSIFICATION,
        metric=Metric.ROC_AUC_SCORE,
        group=FeatureGroup(name="rows", entity_key="key", event_time="time", columns=columns),
        feature_names=tuple(column.name for column in columns),
        label=LabelSpec(name="label", latency=latency),
        triggers=default_triggers(USUAL_BATCH, latency=latency),
        training=default_training(USUAL_BATCH, latency=latency),
        gate=GatePolicy(),
    )


def _measure(side: Side, name: str) -> dict[str, Any]:
    """Empty figures, with the reason, where the peer is not there or cannot take the model."""
    path = WORK / f"{name}.{side.suffix}"
    python = ROOT / side.environment / "bin" / "python"
    if not python.exists():
        return {"missing": f"{side.environment} is not there"}
    if side.converted_in and not path.exists():
        convert = [str(ROOT / side.converted_in / "bin" / "python"), str(ROOT / "bench" / "peers" / "convert.py")]
        ran = subprocess.run(
            [*convert, side.name, str(WORK / f"{name}.joblib"), str(path)],
            check=False, capture_output=True, text=True, env=os.environ | _ENVIRONMENT,
        )  # fmt: skip
        if ran.returncode:
            return {"missing": _first_error(ran.stderr)}
    command = [
        str(python),
        str(ROOT / "bench" / "peers" / f"serve_{side.name}.py"),
        str(path),
        str(WORK / "rows.json"),
    ]
    environment = os.environ | _ENVIRONMENT | {"PYTHONPATH": str(ROOT) if side.environment == ".venv" else ""}
    runs = [_run(command, environment) for _ in range(COLD_RUNS)]
    return {
        "cold_s": median(cold for cold, _ in runs),
        "row_p50_s": median(found["row_p50_s"] for _, found in runs),
        "batch_s": median(found["batch_s"] for _, found in runs),
        "predictions": runs[0][1]["predictions"],
    }


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "Error" in line or "Exception" in line]
    return (lines[0] if lines else "it cannot be converted").strip()[:120]


_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": "", "PYTHONWARNINGS": "ignore"}


def _run(command: list[str], environment: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """Seconds until the first answer, and the script's report."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as ran:
        out: Any = ran.stdout
        while not (line := out.readline()).startswith("first"):
            if not line:
                sys.exit(f"{' '.join(command)} ended without an answer")
        cold = time.perf_counter() - began
        report = out.read()
    return cold, json.loads(report.splitlines()[-1])


def _ratios(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours, ratios = found["ours"], {}
    for side in SIDES[1:]:
        theirs = found[side.name]
        if "missing" in theirs:
            continue
        for figure, short in (("cold_s", "cold"), ("row_p50_s", "row_p50"), ("batch_s", "batch1000")):
            ratios[f"{short}_ratio_{side.name}"] = float(f"{theirs[figure] / ours[figure]:.3g}")
    differences = np.abs(np.array(ours["predictions"]) - np.array(found["sklearn"]["predictions"]))
    return ratios | {"parity_max_abs": float(differences.max())}


def _without_predictions(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "predictions"}


def _bundle_mib() -> float:
    """Unzipped, what the endpoint's function is on AWS."""
    built = build_function(SERVING, workspace=Workspace.of(ROOT), target=Target.from_option("aws"))
    return round(sum(path.stat().st_size for path in built.path.rglob("*") if path.is_file()) / 2**20, 2)


def as_markdown(document: dict[str, Any]) -> str:
    lines = [
        f"{FEATURES} numbers a row. {document['machine']}, one thread; medians of {COLD_RUNS} processes. "
        "`make bench-serving`.",
        "",
        "| model | side | cold process | one row, p50 | 1,000 rows | one row, theirs / ours | 1,000 rows |",
        "|---|---|---|---|---|---|---|",
    ]
    descriptions = {side.name: side.description for side in SIDES}
    for name, sides in document["measured"].items():
        for side, found in sides.items():
            if "missing" in found:
                lines.append(f"| {name} | {descriptions[side]} | {found['missing']} | | | | |")
                continue
            ratios = [document["ratios"][name].get(f"{short}_ratio_{side}", 1) for short in ("row_p50", "batch1000")]
            lines.append(
                f"| {name} | {descriptions[side]} | {found['cold_s']:.2f} s | {found['row_p50_s'] * 1e6:,.0f} µs "
                f"| {found['batch_s'] * 1e3:,.1f} ms | {ratios[0]:.3g} | {ratios[1]:.3g} |"
            )
    parity = max(found["parity_max_abs"] for found in document["ratios"].values())
    size = document["bundle_mib"]
    lines += [
        "",
        f"The endpoint's bundle has {size} MiB unzipped. The largest difference from a library is {parity:.1e}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

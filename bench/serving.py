"""Serving: a cold process, one row, a thousand rows, against the peers, on the same rows in the same run.

python -m bench.serving

Writes `bench/results/serving.json` and `serving.md`. Ratios are the peer's figure over ours: how many times we are
faster. What a peer cannot convert is said. Each side's predictions are compared with the library's. One thread
everywhere, and JSON in and out aside.
"""

import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
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
PEERS = ROOT / "bench" / "peers"
FEATURES, TRAINED, ASKED, COLD_RUNS = 14, 20_000, 1_000, 5


@dataclass(frozen=True, slots=True)
class Side:
    """A script of `bench/peers`, whose name ends the keys of its ratios. `called`: what answers. `converted_in`: the
    environment that makes the peer's file; empty for the estimator itself, or our artifact."""

    name: str
    title: str
    called: str
    environment: str
    suffix: str
    converted_in: str = ""


SIDES = (
    Side("ours", "Evertrain", "`validate_rows`, `FlatModel.predict`", ".venv", "flat.gz"),
    Side("sklearn_pandas", "the library, with pandas", "`predict_proba` of a data frame", ".venv", "joblib"),
    Side("sklearn", "the library, arrays", "`predict_proba` of a NumPy array", ".venv", "joblib"),
    Side(
        "onnxruntime", "ONNX Runtime", "`InferenceSession.run` of what skl2onnx and onnxmltools make, 32 bits",
        ".venv-bench/onnx", "onnx", ".venv-bench/onnx-convert",
    ),
    Side(
        "treelite", "treelite", "`gtil.predict`, its general inference, 32 bits",
        ".venv-bench/treelite", "treelite", ".venv-bench/treelite",
    ),
    Side(
        "mlflow", "MLflow", "`pyfunc.load_model` and `predict` of a data frame, whose signature it enforces",
        ".venv-bench/mlflow", "mlflow", ".venv-bench/mlflow",
    ),
    Side(
        "bentoml", "BentoML", "a `@bentoml.service` called in process, without its HTTP server: `predict_proba` of "
        "what `bentoml.sklearn.load_model` gave, of a data frame",
        ".venv-bench/bentoml", "bentoml", ".venv-bench/bentoml",
    ),
)  # fmt: skip
FIGURES = (("cold_s", "cold"), ("row_p50_s", "row_p50"), ("batch_s", "batch1000"))


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)  # or what an earlier run converted would be measured again
    WORK.mkdir(parents=True)
    frame, truth = make_rows(TRAINED, seed=0)
    asked, _ = make_rows(ASKED, seed=1)
    (WORK / "rows.json").write_text(json.dumps(asked.to_dict("records")), encoding="utf-8")
    measured: dict[str, dict[str, Any]] = {}
    for name, estimator in make_estimators().items():
        estimator.fit(frame, truth)
        joblib.dump(estimator, WORK / f"{name}.joblib")
        (WORK / f"{name}.flat.gz").write_bytes(to_flat(estimator, make_spec(), rows=frame))
        measured[name] = _measure(name)
        for side in SIDES:
            print(name, side.name, _without_predictions(measured[name][side.name]), flush=True)
    document = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "ratios": {name: _ratios(found) for name, found in measured.items()},
        "parity_max_abs": max(_parity(found, "ours") for found in measured.values()),
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


def _measure(name: str) -> dict[str, dict[str, Any]]:
    """By side. Empty figures, with the reason, where the peer is not there or cannot take the model."""
    missing = {side.name: _missing(side, name) for side in SIDES}
    runs: dict[str, list[tuple[float, dict[str, Any]]]] = {side.name: [] for side in SIDES}
    # One side after the other in each round: whatever else the machine does meets all of them.
    for _ in range(COLD_RUNS):
        for side in SIDES:
            if not missing[side.name]:
                runs[side.name].append(_run(side, name))
    return {
        side: {
            "cold_s": median(cold for cold, _ in found),
            "row_p50_s": median(report["row_p50_s"] for _, report in found),
            "batch_s": median(report["batch_s"] for _, report in found),
            "predictions": found[0][1]["predictions"],
        }
        if found
        else {"missing": missing[side]}
        for side, found in runs.items()
    }


def _missing(side: Side, name: str) -> str:
    """Why it cannot be measured, once its file has been made; empty if it can."""
    if not _python(side.environment).exists():
        return f"{side.environment} is not there"
    if not side.converted_in:
        return ""
    source, target = WORK / f"{name}.joblib", WORK / f"{name}.{side.suffix}"
    convert = [str(_python(side.converted_in)), str(PEERS / "convert.py"), side.name, str(source), str(target)]
    ran = subprocess.run(convert, check=False, capture_output=True, text=True, env=os.environ | _ENVIRONMENT)
    return _first_error(ran.stderr) if ran.returncode else ""


def _python(environment: str) -> Path:
    return ROOT / environment / "bin" / "python"


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if re.match(r"[\w.]*(Error|Exception): ", line)]
    return (lines[0] if lines else "it cannot be converted").strip()[:120]


_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MLFLOW_TRACKING_URI": "",
    "BENTOML_DO_NOT_TRACK": "true",
    "PYTHONWARNINGS": "ignore",
}


def _run(side: Side, name: str) -> tuple[float, dict[str, Any]]:
    """Seconds until the first answer, and the script's report."""
    script, model = PEERS / f"serve_{side.name}.py", WORK / f"{name}.{side.suffix}"
    command = [str(_python(side.environment)), str(script), str(model), str(WORK / "rows.json")]
    environment = os.environ | _ENVIRONMENT | {"PYTHONPATH": str(ROOT) if side.environment == ".venv" else ""}
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


def _ratios(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    ratios = {"parity_max_abs": _parity(found, "ours")}
    for side in SIDES[1:]:
        if "missing" in found[side.name]:
            continue
        for figure, short in FIGURES:
            ratio = found[side.name][figure] / found["ours"][figure]
            ratios[f"{short}_ratio_{side.name}"] = float(f"{ratio:.3g}")
        ratios[f"parity_max_abs_{side.name}"] = _parity(found, side.name)
    return ratios


def _parity(found: dict[str, dict[str, Any]], side: str) -> float:
    """The largest difference of a prediction from the library's own."""
    predictions = np.array(found[side]["predictions"]), np.array(found["sklearn_pandas"]["predictions"])
    return float(np.abs(predictions[0] - predictions[1]).max())


def _without_predictions(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "predictions"}


def _bundle_mib() -> float:
    """Unzipped, what the endpoint's function is on AWS."""
    built = build_function(SERVING, workspace=Workspace.of(ROOT), target=Target.from_option("aws"))
    return round(sum(path.stat().st_size for path in built.path.rglob("*") if path.is_file()) / 2**20, 2)


def as_markdown(document: dict[str, Any]) -> str:
    lines = [
        f"{FEATURES} numbers a row. {document['machine']}, one thread; medians of {COLD_RUNS} processes. "
        "Ratios are theirs / ours: above 1 we are faster. `make bench-serving`.",
        "",
        "| model | side | cold process | one row, p50 | 1,000 rows | cold, ratio | one row | 1,000 rows | parity |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, sides in document["measured"].items():
        lines += [_as_line(name, side, sides[side.name], document["ratios"][name]) for side in SIDES]
    lines += ["", "What answers:", "", *(f"- {side.title}: {side.called}" for side in SIDES)]
    lines += ["", "Where ONNX Runtime is faster:", "", *_where_onnxruntime_is_faster(document["ratios"])]
    lines += [
        "",
        "Parity is the largest difference of a prediction from the library's own, with pandas. "
        f"Ours is {document['parity_max_abs']:.1e} at most. "
        f"The endpoint's bundle has {document['bundle_mib']} MiB unzipped.",
    ]
    return "\n".join(lines) + "\n"


def _where_onnxruntime_is_faster(ratios: dict[str, dict[str, float]]) -> Iterator[str]:
    """By how much, of one row and of a thousand."""
    for short, asked in (("row_p50", "one row"), ("batch1000", "1,000 rows")):
        found = {name: each.get(f"{short}_ratio_onnxruntime", math.inf) for name, each in ratios.items()}
        told = "; ".join(f"{name}, {1 / ratio:.2g} times" for name, ratio in found.items() if ratio < 1)
        yield f"- {asked}: {told or 'nowhere'}"


def _as_line(name: str, side: Side, found: dict[str, Any], ratios: dict[str, float]) -> str:
    if "missing" in found:
        return f"| {name} | {side.title} | {found['missing']} | | | | | | |"
    times = f"{found['cold_s']:.2f} s | {found['row_p50_s'] * 1e6:,.0f} µs | {found['batch_s'] * 1e3:,.1f} ms"
    if side.name == "ours":
        return f"| {name} | {side.title} | {times} | 1 | 1 | 1 | {ratios['parity_max_abs']:.1e} |"
    told = " | ".join(f"{ratios[f'{short}_ratio_{side.name}']:.3g}" for _, short in FIGURES)
    return f"| {name} | {side.title} | {times} | {told} | {ratios[f'parity_max_abs_{side.name}']:.1e} |"


if __name__ == "__main__":
    main()

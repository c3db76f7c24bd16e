"""Windows and their later metric on real flights, with labels that are a week late; and what is picked each time.

python -m bench.windows

Every four weeks both models are retrained as the product does it: rows are cut below the label watermark, each window
is trained, and the best on the validation slice is picked. What the choice was worth shows in the four weeks that
follow, which nobody knew then. Writes `bench/results/windows.json` and `windows.md`.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from evertrain.adapters.project.files import load_project
from evertrain.adapters.training.estimators import load_estimator
from evertrain.conversion.frame import to_frame
from evertrain.demo.flights import load_flights
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import MovingWindow, TrainingPolicy
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.rounds import selection_key
from evertrain.domain.training.windows import NotEnoughHistory, Window, temporal_split
from evertrain.statistics.comparison import score
from evertrain.statistics.metrics import declared_metric, metric_value

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
LATENCY = timedelta(days=7)
EVERY = LATER = timedelta(days=28)
BEGIN, END = datetime(2013, 3, 20, tzinfo=UTC), datetime(2013, 12, 4, tzinfo=UTC)
POLICY = TrainingPolicy(
    windows=tuple(timedelta(days=days) for days in (14, 28, 56, 112)),
    moving_windows=(MovingWindow.EXPANDING,),
    validation=timedelta(days=7),
    gate=timedelta(days=7),
    embargo=LATENCY,
)


@dataclass(frozen=True)
class Rows:
    """All rows of a model with a label, in the order of time."""

    spec: ModelSpec
    table: pd.DataFrame

    def of(self, interval: Interval) -> pd.DataFrame:
        at = self.table["scheduled_departure"]
        return self.table[(at >= interval.start) & (at < interval.end)]

    def frame(self, interval: Interval) -> pd.DataFrame:
        rows = self.of(interval)[list(self.spec.feature_names)]
        return to_frame(pa.Table.from_pandas(rows, preserve_index=False), self.spec.features)

    def truth(self, interval: Interval) -> npt.NDArray[np.float64]:
        return self.of(interval)[self.spec.label.name].to_numpy(dtype=np.float64)

    def days(self, interval: Interval) -> npt.NDArray[np.int64]:
        times = self.of(interval)["scheduled_departure"].dt.tz_localize(None).to_numpy()
        return np.asarray(times.astype("datetime64[D]").astype(np.int64))


def retrained(rows: Rows, now: datetime) -> dict[str, Any]:
    """What each window was worth on the validation slice, and in the weeks after `now`."""
    oldest = rows.table["scheduled_departure"].min().to_pydatetime()
    slices = temporal_split(POLICY, watermark=now - LATENCY, oldest_event_time=oldest)
    later = Interval(start=now, end=now + LATER)
    tried = [_tried(rows, window, slices.validation, later) for window in slices.windows]
    sign = -1 if rows.spec.metric.higher_is_better else 1
    picked, _ = min(
        tried, key=lambda each: selection_key(Candidate(name=each[0].name, window=each[0]), each[1]["score"])
    )
    best, _ = min(tried, key=lambda each: sign * each[1]["later"])
    windows = [
        {
            "window": window.name,
            "days": (window.rows.end - window.rows.start).days,
            "rows": found["rows"],
            "validation": found["score"].value,
            "low": found["score"].low,
            "high": found["score"].high,
            "later": found["later"],
        }
        for window, found in tried
    ]
    return {"at": f"{now:%Y-%m-%d}", "picked": picked.name, "best": best.name, "windows": windows}


def _tried(rows: Rows, window: Window, validation: Interval, later: Interval) -> tuple[Window, dict[str, Any]]:
    spec = rows.spec
    estimator = load_estimator(ROOT, spec.name, seed=0)
    frame = rows.frame(window.rows)
    estimator.fit(frame, rows.truth(window.rows))
    categories = {str(name): list(frame[name].cat.categories) for name in frame if frame[name].dtype == "category"}

    def predicted(interval: Interval) -> npt.NDArray[np.float64]:
        table = pa.Table.from_pandas(rows.of(interval)[list(spec.feature_names)], preserve_index=False)
        asked = to_frame(table, spec.features, categories=categories)
        is_class = spec.task is Task.CLASSIFICATION
        answer = estimator.predict_proba(asked)[:, 1] if is_class else estimator.predict(asked)
        return np.asarray(answer, dtype=np.float64)

    metric = declared_metric(spec.metric)
    found = score(metric, rows.truth(validation), predicted(validation), rows.days(validation), confidence=0.9)
    of_later = metric_value(metric, rows.truth(later), predicted(later))
    return window, {"rows": len(frame), "score": found, "later": of_later}


def main() -> None:
    project, flights = load_project(ROOT), load_flights()
    found: dict[str, Any] = {}
    for name in ("flights", "air_time"):
        spec = replace(project.models[name], training=POLICY)
        rows = Rows(spec=spec, table=flights.table.dropna(subset=[spec.label.name]))
        found[name] = {"metric": spec.metric.value, "retrainings": []}
        now = BEGIN
        while now <= END:
            try:
                found[name]["retrainings"].append(retrained(rows, now))
                print(name, f"{now:%Y-%m-%d}", found[name]["retrainings"][-1]["picked"], flush=True)
            except NotEnoughHistory as short:
                print(name, f"{now:%Y-%m-%d}", short)
            now += EVERY
        found[name]["later_means"] = _means(found[name]["retrainings"])
    (RESULTS / "windows.json").write_text(json.dumps(found, indent=2) + "\n")
    (RESULTS / "windows.md").write_text(_markdown(found))


def _means(retrainings: list[dict[str, Any]]) -> dict[str, float]:
    """The later metric of always taking a window, of picking, and of knowing the best, over all retrainings."""
    lengths = [each["window"] for each in retrainings[-1]["windows"]]
    # A window that the history was too short for is the longest one there was.
    always = {
        name: mean(_window(each, name, fallback=each["windows"][-1])["later"] for each in retrainings)
        for name in lengths
    }
    return always | {
        "picked": mean(_window(each, each["picked"])["later"] for each in retrainings),
        "best": mean(_window(each, each["best"])["later"] for each in retrainings),
    }


def _window(retraining: dict[str, Any], name: str, fallback: dict[str, Any] | None = None) -> dict[str, Any]:
    found = next((each for each in retraining["windows"] if each["window"] == name), fallback)
    if found is None:
        raise KeyError(name)
    return found


def _markdown(found: dict[str, Any]) -> str:
    lines = [
        "# Windows and their later metric",
        "",
        "Real flights, labels a week late, a retraining every four weeks: `make windows`. Each cell: the metric on",
        "the validation slice [90 % interval over its days] → the metric in the four weeks after.",
        "**Bold**: picked on the validation slice; *: best afterwards.",
    ]
    for model, result in found.items():
        names = [each["window"] for each in result["retrainings"][-1]["windows"]]
        lines += ["", f"## {model}: {result['metric']}", "", f"| retrained on | {' | '.join(names)} |"]
        lines.append("|---" * (len(names) + 1) + "|")
        for each in result["retrainings"]:
            cells = [_cell(each, name) for name in names]
            lines.append(f"| {each['at']} | {' | '.join(cells)} |")
        means = result["later_means"]
        description = ", ".join(f"always {name} {means[name]:.4f}" for name in names)
        lines += [
            "",
            f"Mean later metric: {description}; picked {means['picked']:.4f}; best in hindsight {means['best']:.4f}.",
        ]
    return "\n".join(lines) + "\n"


def _cell(retraining: dict[str, Any], name: str) -> str:
    window = next((each for each in retraining["windows"] if each["window"] == name), None)
    if window is None:
        return ""
    mark = "*" if retraining["best"] == name else ""
    text = f"{window['validation']:.4f} [{window['low']:.4f}, {window['high']:.4f}] → {window['later']:.4f}{mark}"
    return f"**{text}**" if retraining["picked"] == name else text


if __name__ == "__main__":
    main()

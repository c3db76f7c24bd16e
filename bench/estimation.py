"""How near estimates without labels come to what the labels say later, over public streams.

python -m bench.estimation

One model for each stream, trained on its first quarter and never again; what it is worth on the next batches is
estimated from all before them, as `evertrain performance` does, and compared with what their labels say. Beside it
what anybody would say who knows nothing of the rows: that it will be as on the last batches with labels. Writes
`bench/results/estimation.md` and `estimation.json`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from bench.streams import Stream, all_streams
from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, merge_days, realised_metric
from evertrain.domain.project.metric import Task
from evertrain.statistics.estimation import estimate_metric
from evertrain.statistics.performance import count_predictions, performance_by_day

RESULTS = Path(__file__).parent / "results"
LATE = 7
"""Batches whose labels are awaited."""

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of one stream, over its estimates. `held`: the share of 90 % intervals that hold what came. `error`,
    `error_as_before`: mean absolute difference from what came, of the estimate and of the last `LATE` batches with
    labels."""

    stream: str
    what: str
    metric: str
    estimates: int
    held: float
    error: float
    error_as_before: float


def measure(stream: Stream) -> Found:
    known, predicted = _days(stream)
    held, errors, as_before = [], [], []
    for first in range(8, len(known) - LATE, LATE):
        came = realised_metric(stream.metric, merge_days(known[first : first + LATE]))
        before = realised_metric(stream.metric, merge_days(known[first - LATE : first]))
        estimate = estimate_metric(stream.metric, known[:first], predicted[first : first + LATE])
        if came is None or before is None or estimate is None:
            continue
        low, high = estimate.interval()
        held.append(low <= came.value <= high)
        errors.append(abs(estimate.value - came.value))
        as_before.append(abs(before.value - came.value))
    return Found(
        stream=stream.name,
        what=stream.what,
        metric=stream.metric.value,
        estimates=len(held),
        held=float(np.mean(held)),
        error=float(np.mean(errors)),
        error_as_before=float(np.mean(as_before)),
    )


def _days(stream: Stream) -> tuple[list[DayPerformance], list[DayPredictions]]:
    """What the model did after the first quarter; a batch counts as a day."""
    rows = stream.rows.dropna(subset=["y"]).sort_values("event_time")
    number = ((rows["event_time"] - rows["event_time"].min()) / stream.batch).astype(int).to_numpy()
    features = rows.drop(columns=["y", "event_time"])
    for name in features.columns:
        if not pd.api.types.is_numeric_dtype(features[name]):
            features[name] = features[name].astype("category")
    truth, learnt = rows["y"].to_numpy(dtype=np.float64), number < number.max() / 4
    later = ~learnt
    task = stream.metric.task
    if task is Task.CLASSIFICATION:
        model = HistGradientBoostingClassifier(random_state=0, categorical_features="from_dtype")
        predictions = model.fit(features[learnt], truth[learnt]).predict_proba(features[later])[:, 1]
    else:
        model = HistGradientBoostingRegressor(random_state=0, categorical_features="from_dtype")
        predictions = model.fit(features[learnt], truth[learnt]).predict(features[later])
    days = number[later].astype(np.int64)
    known = performance_by_day(
        stream.metric, truth=truth[later], predictions=predictions, days=days, columns={}, until=UNTIL
    )
    return list(known), list(count_predictions(stream.metric, predictions, days, until=UNTIL))


def write_table(found: list[Found], path: Path) -> None:
    lines = [
        "# Estimates without labels",
        "",
        f"`python -m bench.estimation`: a model that is never retrained, estimated for {LATE} batches at a time "
        "whose labels are awaited. *Held*: the share of 90 % intervals that hold what the labels say later. "
        "*Off by*: mean difference from that, of the estimate, and of the last batches with labels in its place. A "
        "changed concept is not seen by any estimate of this kind: those streams are here to show it.",
        "",
        "| stream | metric | estimates | held | off by | as before: off by |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.stream}: {each.what} | {each.metric} | {each.estimates} | {each.held:.0%} | {each.error:.3f} | "
        f"{each.error_as_before:.3f} |"
        for each in found
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _streams() -> Iterator[Stream]:
    """Of flights once for each label, since the labels' delay is `LATE` here; no faults, which are set aside."""
    for stream in all_streams():
        if not stream.broken and not stream.name.endswith(("_7d", "_30d")):
            yield stream


def main() -> None:
    found = [measure(stream) for stream in _streams()]
    write_table(found, RESULTS / "estimation.md")
    (RESULTS / "estimation.json").write_text(
        json.dumps([asdict(each) for each in found], indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()

"""How often does a decline alarm without a change, how soon with one, and do intervals of a realised metric hold what
they say? Simulated, with rows of a day that depend on each other.

python -m bench.decline

Writes `bench/results/decline.md` and `decline.json`. Seeds are fixed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from evertrain.domain.monitoring.decline import find_decline
from evertrain.domain.monitoring.estimates import Estimate
from evertrain.domain.monitoring.performance import DayPerformance, Performance, metric_over_days
from evertrain.domain.project.metric import Metric
from evertrain.statistics.layouts import Categories
from evertrain.statistics.performance import performance_by_day

RESULTS = Path(__file__).parent / "results"
DAYS, CHANGE = 60, 20
LEVELS = ("a", "b", "c", "d", "e")
METRIC = Metric.ROC_AUC_SCORE

Row = dict[str, Any]
"""Of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """`day_to_day`: the standard deviation of what a day adds to the log odds of all of its rows."""

    promised: int
    rows: int
    day_to_day: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`quality`: from the 20th day on, how much of the log odds a prediction still says; -1 is the wrong way round.
    `groups`: of how many of the five groups."""

    what: str
    quality: float
    groups: int = 5


STREAMS = [
    Stream(promised=promised, rows=rows, day_to_day=day_to_day)
    for promised in (3, 7, 14)
    for rows, day_to_day in ((30, 0.0), (30, 0.6), (200, 0.0), (200, 0.3), (200, 0.6))
]
CHANGES = [
    Change(what="the wrong way round", quality=-1.0),
    Change(what="worthless", quality=0.0),
    Change(what="half as strong", quality=0.5),
    Change(what="one group of five the wrong way round", quality=-1.0, groups=1),
]


def make_days(rng: np.random.Generator, stream: Stream, change: Change | None = None) -> list[DayPerformance]:
    count = stream.promised + DAYS
    day = np.repeat(np.arange(count), stream.rows)
    x, group = rng.normal(size=len(day)), rng.integers(0, len(LEVELS), len(day))
    slope = np.ones(len(day))
    if change is not None:
        slope[(day >= stream.promised + CHANGE) & (group < change.groups)] = change.quality
    odds = 1.5 * slope * x + rng.normal(0, stream.day_to_day, count)[day]
    return list(
        performance_by_day(
            METRIC,
            truth=(rng.random(len(day)) < 1 / (1 + np.exp(-odds))).astype(np.float64),
            predictions=1 / (1 + np.exp(-1.5 * x)),
            days=day,
            columns={"group": Categories(codes=group.astype(np.int32), levels=LEVELS)},
            until=datetime(2030, 1, 1, tzinfo=UTC),
        )
    )


def alarms(
    days: Sequence[DayPerformance], stream: Stream, *, since: int = 1
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The days, of those that were realised, on which a decline is found, and the groups that are named then."""
    whole = Performance(
        model="m", version="v", promised=tuple(days[: stream.promised]), realised=tuple(days[stream.promised :])
    )
    for day in range(since, DAYS + 1):
        found = find_decline(replace(whole, realised=whole.realised[:day]), METRIC)
        if found is not None:
            yield day, tuple(group.name for group in found.groups)


def false_alarms(rng: np.random.Generator, *, trials: int) -> list[Row]:
    """Per 100 streams of 60 days that were looked at each day, how many ever alarmed."""
    found = []
    for stream in STREAMS:
        alarmed = sum(next(alarms(make_days(rng, stream), stream), None) is not None for _ in range(trials))
        found.append(asdict(stream) | {"trials": trials, "alarmed": 100 * alarmed / trials})
        print(json.dumps(found[-1]), flush=True)
    return found


def delays(rng: np.random.Generator, *, trials: int) -> list[Row]:
    """Days of a change until it is found."""
    stream, found = Stream(promised=7, rows=200, day_to_day=0.3), []
    for change in CHANGES:
        firsts = [next(alarms(make_days(rng, stream, change), stream, since=CHANGE + 1), None) for _ in range(trials)]
        waited = sorted(day - CHANGE for day, _ in filter(None, firsts))
        named = [groups for _, groups in filter(None, firsts)]
        right = sum(groups == ("group=a",) for groups in named) if change.groups == 1 else None
        found.append(
            asdict(change)
            | {
                "trials": trials,
                "found": len(waited),
                "median": median(waited) if waited else None,
                "longest_of_90_percent": waited[int(0.9 * len(waited)) - 1] if waited else None,
                "named_alone": right,
            }
        )
        print(json.dumps(found[-1]), flush=True)
    return found


def coverage(rng: np.random.Generator, *, trials: int) -> list[Row]:
    """How often a 90 % interval over so many days holds what very many days have."""
    found = []
    for rows, day_to_day in ((30, 0.6), (200, 0.0), (200, 0.6), (1_000, 0.6)):
        truth = _estimate(make_days(rng, Stream(promised=400, rows=2_000, day_to_day=day_to_day)))
        for days in (3, 7, 14, 28):
            held = 0
            for _ in range(trials):
                made = make_days(rng, Stream(promised=0, rows=rows, day_to_day=day_to_day))[:days]
                low, high = _estimate(made).interval()
                held += low <= truth.value <= high
            found.append({"rows": rows, "day_to_day": day_to_day, "days": days, "coverage": 100 * held / trials})
            print(json.dumps(found[-1]), flush=True)
    return found


def _estimate(days: Sequence[DayPerformance]) -> Estimate:
    found = metric_over_days(METRIC, days)
    if found is None:
        raise ValueError("no row of one of the classes")
    return found


def write_tables(found: dict[str, list[Row]], path: Path) -> None:
    lines = [
        "# A decline of realised performance: false alarms, delay, intervals",
        "",
        "`make decline`: simulated, ROC AUC; rows of a day share what it adds to their log odds. Of 100 streams "
        f"without a change, looked at on each of {DAYS} days, so many ever alarmed:",
        "",
        "| promised days | rows a day | day to day | alarmed |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each['promised']} | {each['rows']} | {each['day_to_day']} | {each['alarmed']:.1f} |"
        for each in found["false_alarms"]
    ]
    lines += [
        "",
        "Days from a change until it is found; 200 rows a day, 7 promised days, day to day 0.3:",
        "",
        "| change | found | median | 90 % within | named alone |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {each['what']} | {each['found']} of {each['trials']} | {each['median']} | "
        f"{each['longest_of_90_percent']} | {'–' if each['named_alone'] is None else each['named_alone']} |"
        for each in found["delays"]
    ]
    lines += [
        "",
        "Coverage of a 90 % interval of the metric over some days:",
        "",
        "| rows a day | day to day | 3 days | 7 days | 14 days | 28 days |",
        "|---|---|---|---|---|---|",
    ]
    cells: dict[tuple[object, object], list[str]] = {}
    for each in found["coverage"]:
        cells.setdefault((each["rows"], each["day_to_day"]), []).append(f"{each['coverage']:.0f} %")
    lines += [f"| {rows} | {varies} | {' | '.join(held)} |" for (rows, varies), held in cells.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    rng = np.random.default_rng(20261127)
    found = {
        "false_alarms": false_alarms(rng, trials=100),
        "delays": delays(rng, trials=60),
        "coverage": coverage(rng, trials=300),
    }
    (RESULTS / "decline.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_tables(found, RESULTS / "decline.md")


if __name__ == "__main__":
    main()

"""How far the declared policy goes from never retraining to retraining with every batch, over public streams.

python -m bench.decisions [--stream NAME …]

Writes `bench/results/decisions.md` and `decisions.json`. *Closure* is the share of that way; it says nothing where
the two lie together, because nothing changes.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.streams import Stream, all_streams
from evertrain.domain.deciding.decisions import Action, Reason
from evertrain.replay.comparison import Backtest
from evertrain.replay.defaults import Columns
from evertrain.replay.differences import Difference, difference_between
from evertrain.replay.result import PolicyResult
from evertrain.replay.run import Request, prepare, run_backtest

RESULTS = Path(__file__).parent / "results"
POLICIES = ("declared", "never", "periodic", "periodic:24", "every_batch", "adwin")
SCHEDULE = "periodic:24"
"""What costs about as much as the declared policy."""

SCHEDULES = ("never", SCHEDULE, "periodic", "every_batch")
"""From the cheapest on."""

EVIDENCE = (Reason.FEATURES_DRIFTED, Reason.PREDICTIONS_DRIFTED, Reason.PERFORMANCE_FELL, Reason.CHANGE_HAS_MORE_ROWS)
"""For which a policy retrains because something has changed, rightly or not."""
SMALLEST_WAY = 0.01
"""Of a score. Where never and every batch lie nearer, a share of the way between them is chance."""

SMALLEST_SHARE = 0.02
"""The same of an error, as a share of what `never` has."""


def replay(stream: Stream, folder: Path) -> Backtest:
    path = folder / f"{stream.name}.parquet"
    stream.rows.to_parquet(path, index=False)
    request = Request(
        rows=str(path),
        model=stream.name,
        project=folder,
        estimator="hist_gradient_boosting",
        columns=Columns(label="y", event_time="event_time"),
        metric=stream.metric,
        latency=stream.latency,
        batch=stream.batch,
        offset=timedelta(0),
        start=None,
        seed=0,
    )
    kept = folder / "kept"
    return run_backtest(request, prepare(request), POLICIES, workers=2, kept_in=kept, on_progress=lambda *_: None)


def over_schedules(by_name: Mapping[str, PolicyResult], found: Backtest, stream: Stream) -> Difference:
    """How much better the declared policy is than a fixed schedule that costs as much: on each batch, between those
    of the schedules that cost a little less and a little more."""
    declared = by_name["declared"]
    pairs = list(pairwise(by_name[name] for name in SCHEDULES))
    cheaper, dearer = next((pair for pair in pairs if declared.retrains <= pair[1].retrains), pairs[-1])
    share = (declared.retrains - cheaper.retrains) / max(1, dearer.retrains - cheaper.retrains)
    between = tuple(
        None if low is None or high is None else low + share * (high - low)
        for low, high in zip(cheaper.metric_by_batch, dearer.metric_by_batch, strict=True)
    )
    return difference_between(declared, replace(cheaper, metric_by_batch=between), found.scored, stream.metric)


def summarise(stream: Stream, found: Backtest) -> dict[str, Any]:
    by_name = {each.policy: each for each in found.results}
    declared, never, every = (by_name[name].metric or 0.0 for name in ("declared", "never", "every_batch"))
    sign = 1 if stream.metric.higher_is_better else -1
    way = sign * (every - never)
    smallest = SMALLEST_WAY if stream.metric.higher_is_better else SMALLEST_SHARE * never
    set_aside, doubted = set(by_name["declared"].quarantined), set(by_name["declared"].doubted)
    batches = len(found.scored)
    ahead = over_schedules(by_name, found, stream)
    return {
        "stream": stream.name,
        "what": stream.what,
        "batches": batches,
        "metric": {name: each.metric for name, each in by_name.items()},
        "per_100": {name: 100 * each.retrains / max(1, batches) for name, each in by_name.items()},
        "metric_name": stream.metric.value,
        "closure": sign * (declared - never) / way if way >= smallest else None,
        "over_schedules": {"value": ahead.value, "half_interval": ahead.half_interval, "said": str(ahead)},
        "for_evidence": sum(
            each.action == Action.RETRAIN.value and each.reason in EVIDENCE for each in by_name["declared"].decisions
        ),
        "rejections": by_name["declared"].rejections,
        "escalations": by_name["declared"].escalations,
        "caught": len(set_aside & stream.broken),
        "doubted": len(doubted & stream.broken),
        "broken": len(stream.broken),
        "set_aside_for_nothing": len(set_aside - stream.broken),
        "doubted_for_nothing": len(doubted - stream.broken),
        "seconds": {name: round(each.seconds) for name, each in by_name.items()},
        "fit_seconds": {name: round(each.fit_seconds) for name, each in by_name.items()},
    }


_COLUMNS = ("never", "adwin", SCHEDULE, "periodic", "every_batch", "declared")


def _line(each: dict[str, Any]) -> str:
    metric, cost = each["metric"], each["per_100"]
    values = " | ".join(f"{metric[name]:.3f}" for name in _COLUMNS)
    closure = "–" if each["closure"] is None else f"{each['closure']:.2f}"
    costs = ", ".join(f"{cost[name]:.1f}" for name in ("declared", SCHEDULE, "periodic", "adwin"))
    set_aside = (
        f"{each['caught']} and {each['doubted']} of {each['broken']}; for nothing "
        f"{each['set_aside_for_nothing']} and {each['doubted_for_nothing']}"
    )
    ahead = each["over_schedules"]["said"]
    cells = (f"{each['stream']}: {each['what']}", values, closure, ahead, costs, str(each["for_evidence"]), set_aside)
    return f"| {' | '.join(cells)} |"


def write_table(found: Sequence[dict[str, Any]], path: Path) -> None:
    lines = [
        "# What the declared policy gains, stream by stream",
        "",
        "`make decisions`: boosted trees, the defaults of `evertrain backtest`, nothing tuned for a stream; ROC AUC, "
        "or the mean absolute error where a number is predicted. `every_batch` learns from all matured rows, so a "
        "policy with better windows may pass it. Closure: the share of the way from `never` to `every_batch`; "
        f"– where that way is shorter than {SMALLEST_WAY:g}, or of an error than {SMALLEST_SHARE:.0%} of it. "
        "*Over schedules*: how much better the declared policy is than a fixed schedule that costs as much, between "
        f"those of {', '.join(SCHEDULES)}; ± spans a 90 % interval (runs of batches left out in turn). "
        "*For evidence*: retrainings because of drift or errors. *Set aside and doubted*: broken batches that "
        "were, and others.",
        "",
        f"| stream | {' | '.join(_COLUMNS)} | closure | over schedules | retrainings per 100 batches: declared, "
        f"{SCHEDULE}, periodic, adwin | for evidence | set aside and doubted |",
        "|" + "---|" * (len(_COLUMNS) + 6),
    ]
    lines += [_line(each) for each in found]
    closures = [each["closure"] for each in found if each["closure"] is not None]
    capped = [min(1.0, closure) for closure in closures]
    mean_cost = sum(each["per_100"]["declared"] for each in found) / len(found)
    lines += [
        "",
        f"Mean closure {sum(closures) / len(closures):.2f}, and {sum(capped) / len(capped):.2f} with none counted as "
        f"more than 1, at {mean_cost:.1f} retrainings per 100 batches.",
        "",
        _standing(found),
        *_speed(found),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _standing(found: Sequence[dict[str, Any]]) -> str:
    """On how many streams the declared policy is ahead of schedules of its cost, and on how many behind."""
    ahead = [each["over_schedules"] for each in found]
    clearly = sum(each["value"] > each["half_interval"] for each in ahead)
    behind = [each for each in found if each["over_schedules"]["value"] < -each["over_schedules"]["half_interval"]]
    names = f" ({', '.join(each['stream'] for each in behind)})" if behind else ""
    return (
        f"Beside a fixed schedule that costs as much: better beyond chance on {clearly} of {len(ahead)} streams, "
        f"worse beyond chance on {len(behind)}{names}, and on the others the interval holds 0."
    )


def _speed(found: Sequence[dict[str, Any]]) -> list[str]:
    """What of the policies' time over the flights is fitting: the rest is this program's own."""
    flights = [each for each in found if "days of flights" in each["what"]]
    if not flights:
        return []
    every, fits = (sum(sum(each[name].values()) for each in flights) for name in ("seconds", "fit_seconds"))
    seconds = every / len(flights)
    return [
        "",
        f"Over the flights the {len(POLICIES)} policies took {seconds:,.0f} s a stream, each on one core: "
        f"{fits / every:.0%} of that were fits.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stream", action="append", help="only this one; may be repeated")
    wanted = parser.parse_args().stream
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for stream in all_streams():
            if wanted and stream.name not in wanted:
                continue
            found.append(summarise(stream, replay(stream, Path(folder))))
            print(json.dumps(found[-1]), flush=True)
    if not wanted:
        (RESULTS / "decisions.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        write_table(found, RESULTS / "decisions.md")


if __name__ == "__main__":
    main()

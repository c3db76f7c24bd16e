"""How far the declared policy goes from never retraining to retraining with every batch, over public streams.

python -m bench.decisions [--stream NAME …]

Writes `bench/results/decisions.md` and `decisions.json`. *Closure* is the share of that way; it says nothing where
the two lie together, because nothing changes.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.streams import Stream, all_streams
from evertrain.backtest.defaults import Columns
from evertrain.backtest.result import Backtest
from evertrain.backtest.run import Request, prepare, run_backtest
from evertrain.domain.project.duration import parse_duration
from evertrain.domain.project.metric import Metric

RESULTS = Path(__file__).parent / "results"
POLICIES = ("declared", "never", "periodic", "every_batch", "adwin")
SMALLEST_WAY = 0.01
"""Of the metric. Where never and every batch lie nearer, a share of the way between them is chance."""


def replay(stream: Stream, folder: Path) -> Backtest:
    path = folder / f"{stream.name}.parquet"
    stream.rows.to_parquet(path, index=False)
    request = Request(
        rows=path,
        model=stream.name,
        project=folder,
        estimator="hist_gradient_boosting",
        columns=Columns(label="y", event_time="event_time"),
        metric=Metric.ROC_AUC_SCORE,
        latency=parse_duration(stream.latency),
        batch=parse_duration(stream.batch),
        offset=timedelta(0),
        start=None,
        seed=0,
    )
    kept = folder / "kept"
    return run_backtest(request, prepare(request), POLICIES, workers=2, kept_in=kept, on_progress=lambda *_: None)


def summarise(stream: Stream, found: Backtest) -> dict[str, Any]:
    by_name = {each.policy: each for each in found.results}
    declared, never, every = (by_name[name].metric or 0.0 for name in ("declared", "never", "every_batch"))
    way = every - never
    batches = len(found.scored)
    return {
        "stream": stream.name,
        "what": stream.what,
        "batches": batches,
        "metric": {name: each.metric for name, each in by_name.items()},
        "per_100": {name: 100 * each.retrains / max(1, batches) for name, each in by_name.items()},
        "closure": (declared - never) / way if way >= SMALLEST_WAY else None,
        "rejections": by_name["declared"].rejections,
        "escalations": by_name["declared"].escalations,
        "quarantined": list(by_name["declared"].quarantined),
    }


def write_table(found: Sequence[dict[str, Any]], path: Path) -> None:
    lines = [
        "# What the declared policy gains, stream by stream",
        "",
        "`make decisions`: boosted trees, ROC AUC, the defaults of `evertrain backtest`, nothing tuned for a stream. "
        "`every_batch` learns from all matured rows, so a policy with better windows may pass it. Closure: the share "
        f"of the way from `never` to `every_batch`; – where that way is shorter than {SMALLEST_WAY:g}.",
        "",
        "| stream | never | periodic | adwin | every batch | declared | closure | "
        "retrainings per 100 batches: declared, periodic, adwin |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        metric, cost = each["metric"], each["per_100"]
        values = [f"{metric[name]:.3f}" for name in ("never", "periodic", "adwin", "every_batch", "declared")]
        closure = "–" if each["closure"] is None else f"{each['closure']:.2f}"
        costs = ", ".join(f"{cost[name]:.1f}" for name in ("declared", "periodic", "adwin"))
        lines.append(f"| {each['stream']}: {each['what']} | {' | '.join(values)} | {closure} | {costs} |")
    closures = [each["closure"] for each in found if each["closure"] is not None]
    mean_cost = sum(each["per_100"]["declared"] for each in found) / len(found)
    lines += ["", f"Mean closure {sum(closures) / len(closures):.2f} at {mean_cost:.1f} retrainings per 100 batches."]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


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

"""How often is a contender taken back that is well, and after how many requests one that is not? Simulated rollouts
of the default steps, looked at twenty times each.

python -m bench.rollouts

Writes `bench/results/rollouts.md` and `rollouts.json`. Seeds are fixed.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from evertrain.domain.monitoring.performance import Sums
from evertrain.domain.project.metric import Task
from evertrain.domain.project.policies import RolloutPolicy
from evertrain.domain.release.answers import AnswerCounts, GroupAnswers, duration_cell
from evertrain.domain.release.health import HealthEvidence, what_is_wrong
from evertrain.domain.release.rollout import MAX_LOOKS
from evertrain.statistics.performance import prediction_cells

RESULTS = Path(__file__).parent / "results"
LEVELS = ("a", "b", "c", "d")
APART = {"": 0.08} | {f"group={level}": 0.12 for level in LEVELS}
"""How far the two lay apart on the gate's rows."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """`fails`: the share of requests; `crashes`: those that leave no trace; `slow`: that take too long. `lift`: of
    the log odds, of all rows or of one group. `constant`: the same for all rows."""

    what: str
    fails: float = 0.01
    crashes: float = 0.0
    slow: float = 0.02
    lift: float = 0.3
    only_group: bool = False
    constant: bool = False


WELL = Contender(what="well: as apart from the champion as on the gate's rows")
UNWELL = [
    Contender(what="fails for one request in ten", fails=0.1),
    Contender(what="fails for half of them", fails=0.5),
    Contender(what="leaves all requests without an answer", crashes=1.0),
    Contender(what="is slow for one in four", slow=0.25),
    Contender(what="says the same of all rows", constant=True),
    Contender(what="log odds 2 too high", lift=2.0),
    Contender(what="log odds 3 too high in one group of four", lift=3.0, only_group=True),
]
CHAMPION = Contender(what="the champion", lift=0.0)


def answered(rng: np.random.Generator, version: Contender, requests: int) -> AnswerCounts:
    came = requests - int(rng.binomial(requests, version.crashes))
    failed = int(rng.binomial(came, version.fails))
    good = came - failed
    groups, odds = rng.integers(0, len(LEVELS), good), rng.normal(-1.2, 1.0, good)
    odds += np.where(~np.full(good, version.only_group) | (groups == 0), version.lift, 0.0)
    predictions = np.full(good, 0.2) if version.constant else 1 / (1 + np.exp(-odds))
    slow = int(rng.binomial(good, version.slow))
    durations = Counter({duration_cell(2000.0): slow, duration_cell(3.0): good - slow})
    return AnswerCounts(
        requests=came,
        failed=failed,
        durations={cell: count for cell, count in durations.items() if count},
        whole=_group(predictions),
        groups={f"group={level}": _group(predictions[groups == code]) for code, level in enumerate(LEVELS)},
    )


def _group(predictions: np.ndarray[Any, np.dtype[np.float64]]) -> GroupAnswers:
    if not len(predictions):
        return GroupAnswers()
    cells, counts = np.unique(prediction_cells(Task.CLASSIFICATION, predictions), return_counts=True)
    mean = float(predictions.mean())
    return GroupAnswers(
        squares=len(predictions),
        predictions=Sums(count=len(predictions), mean=mean, spread=float(((predictions - mean) ** 2).sum())),
        cells={int(cell): int(count) for cell, count in zip(cells, counts, strict=True)},
    )


def taken_back(rng: np.random.Generator, version: Contender, *, per_look: int) -> tuple[int, int] | None:
    """How many requests callers had sent by then, and how many met the contender; None where it was promoted."""
    policy, asked, met, look = RolloutPolicy(), 0, 0, 0
    for share in policy.steps:
        new, old = AnswerCounts(), AnswerCounts()
        for _ in range(MAX_LOOKS):
            look, requests = look + 1, int(rng.poisson(per_look))
            to_new = int(rng.binomial(requests, share))
            asked, met = asked + requests, met + to_new
            parts = answered(rng, version, to_new), answered(rng, CHAMPION, requests - to_new)
            new, old = new + parts[0], old + parts[1]
            evidence = HealthEvidence(
                contender=new,
                champion=old,
                share=share,
                slow_after=policy.slow_after_ms,
                apart=APART,
                look=look,
                looks=len(policy.steps) * MAX_LOOKS,
            )
            if what_is_wrong(evidence):
                return asked, met
    return None


def simulate(version: Contender, *, per_look: int, trials: int) -> Row:
    rng = np.random.default_rng(7)
    found = [taken_back(rng, version, per_look=per_look) for _ in range(trials)]
    ends = [each for each in found if each is not None]
    row = {
        "contender": version.what,
        "requests_per_look": per_look,
        "trials": trials,
        "taken_back": 100 * len(ends) / trials,
        "requests": median(each[0] for each in ends) if ends else None,
        "met_it": median(each[1] for each in ends) if ends else None,
    }
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    well = [simulate(WELL, per_look=per_look, trials=500) for per_look in (3, 30, 300)]
    unwell = [simulate(each, per_look=per_look, trials=60) for each in UNWELL for per_look in (3, 30, 300)]
    document = {"contenders": [asdict(each) for each in (WELL, *UNWELL)], "well": well, "unwell": unwell}
    (RESULTS / "rollouts.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "rollouts.md").write_text(_page(well, unwell), encoding="utf-8")


def _page(well: list[Row], unwell: list[Row]) -> str:
    lines = [
        "# Rollouts that are taken back",
        "",
        "`make rollouts`: simulated, of the default steps (5 %, 25 %, all), each looked at twenty times, with few "
        "and many requests between two looks. The champion fails for 1 % and is slow for 2 % of its requests.",
        "",
        "| contender | requests per look | taken back, of 100 | requests until then (median) | of which met it |",
        "|---|---|---|---|---|",
    ]
    for row in [*well, *unwell]:
        counts = ["–" if row[name] is None else f"{row[name]:,.0f}" for name in ("requests", "met_it")]
        beginning = f"| {row['contender']} | {row['requests_per_look']} | {row['taken_back']:.1f} |"
        lines.append(f"{beginning} {' | '.join(counts)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

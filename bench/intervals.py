"""Do intervals of the difference of two models hold what they say, with few days? Simulated, with rows of a day that
depend on each other, for what the gate uses and for what it could use instead; and how often a slice is refused.

python -m bench.intervals

Writes `bench/results/intervals.md` and `intervals.json`. Seeds are fixed.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.project.metric import GuardMetric, Metric
from evertrain.domain.training.gate import Finding, judge_difference
from evertrain.statistics.comparison import Levels, compare, compare_by_guards, compare_slices, spread_over_days
from evertrain.statistics.metrics import metric_value, weighted_metric
from evertrain.statistics.student import t_quantile

RESULTS = Path(__file__).parent / "results"
CONFIDENCE = 0.9
DAYS = (1, 2, 3, 5, 7, 14, 28)
RESAMPLES = 399
CHOSEN = "CR2, Bell-McCaffrey"

Numbers = npt.NDArray[np.float64]
OfDays = Callable[[Numbers], Numbers]
"""The difference for weights of days, shape (weightings, days)."""
Intervals = Mapping[str, tuple[float, float]]
Row = dict[str, Any]
"""Of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`rows`: of a day on average. `uneven`: how far days differ in that, as the standard deviation of its logarithm.
    `day_to_day`: how far they differ in what the models do not know: for both alike and for each alone."""

    metric: Metric
    rows: int
    uneven: float
    day_to_day: float


WORLDS = [
    World(metric=metric, rows=rows, uneven=uneven, day_to_day=day_to_day)
    for metric in (Metric.ROC_AUC_SCORE, Metric.LOG_LOSS, Metric.MEAN_ABSOLUTE_ERROR)
    for rows, uneven, day_to_day in (
        (100, 0.0, 0.0),
        (100, 0.0, 0.5),
        (100, 0.8, 0.0),
        (100, 0.8, 0.5),
        (30, 0.8, 0.5),
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Rows that two models have predicted, of which the second sees less well. `day`: of each row, from 0."""

    day: npt.NDArray[np.int64]
    truth: Numbers
    champion: Numbers
    contender: Numbers


def make_rows(rng: np.random.Generator, world: World, days: int) -> Judged:
    sizes = world.rows * np.exp(rng.normal(-(world.uneven**2) / 2, world.uneven, days))
    day = np.repeat(np.arange(days), np.maximum(4, np.rint(sizes)).astype(np.int64))
    known, seen_wrongly = rng.normal(size=(2, len(day)))
    of_day = rng.normal(0, world.day_to_day, days)[day]

    def predict(noise: float) -> Numbers:
        own = rng.normal(0, world.day_to_day, days)[day]
        noise_of_day = noise * np.exp(rng.normal(0, world.day_to_day / 2, days))[day]
        wrong = noise_of_day * (0.6 * seen_wrongly + 0.8 * rng.normal(size=len(day)))
        return np.asarray(known + wrong + 0.7 * of_day + 0.5 * own)

    champion, contender = predict(0.6), predict(0.8)
    if world.metric is Metric.MEAN_ABSOLUTE_ERROR:
        truth = known + of_day + rng.normal(0, 0.7, len(day))
        return Judged(day=day, truth=truth, champion=champion, contender=contender)
    truth = (rng.random(len(day)) < _sigmoid(1.5 * known + of_day)).astype(np.float64)
    if len(np.unique(truth)) == 1:  # which the gate would not judge
        return make_rows(rng, world, days)
    return Judged(day=day, truth=truth, champion=_sigmoid(champion), contender=_sigmoid(contender))


def _sigmoid(odds: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-odds)))


def true_difference(world: World) -> float:
    """Of very many days."""
    rng, found = np.random.default_rng(1), []
    for _ in range(60):
        rows = make_rows(rng, world, 1_000)
        old, new = (metric_value(world.metric, rows.truth, model) for model in (rows.champion, rows.contender))
        found.append(new - old)
    return float(np.mean(found))


# --- candidates ------------------------------------------------------------------------------------


def by_day_weights(metric: Metric, rows: Judged) -> OfDays:
    """The same as the metric over weighted rows, from sums by day: a thousand weightings cost little."""
    days = int(rows.day[-1]) + 1
    counts = np.bincount(rows.day).astype(np.float64)
    if metric is not Metric.ROC_AUC_SCORE:
        losses = _losses(metric, rows.truth, rows.contender) - _losses(metric, rows.truth, rows.champion)
        sums = np.bincount(rows.day, weights=losses)
        return lambda weights: np.asarray((weights @ sums) / (weights @ counts))
    pairs = _won_pairs(rows, rows.contender, days) - _won_pairs(rows, rows.champion, days)
    positives = np.bincount(rows.day, weights=rows.truth)

    def difference(weights: Numbers) -> Numbers:
        all_pairs = (weights @ positives) * (weights @ (counts - positives))
        won = np.einsum("wi,ij,wj->w", weights, pairs, weights)
        return np.asarray(np.divide(won, all_pairs, out=np.full(len(weights), np.nan), where=all_pairs > 0))

    return difference


def _losses(metric: Metric, truth: Numbers, prediction: Numbers) -> Numbers:
    if metric is Metric.MEAN_ABSOLUTE_ERROR:
        return np.asarray(np.abs(truth - prediction))
    return np.asarray(-np.where(truth > 0, np.log(prediction), np.log1p(-prediction)))


def _won_pairs(rows: Judged, prediction: Numbers, days: int) -> Numbers:
    """How many positives of one day outrank a negative of another: shape (days, days). Nothing ties."""
    order = np.argsort(prediction)
    of_day = np.zeros((len(order), days))
    of_day[np.arange(len(order)), rows.day[order]] = 1
    truth = rows.truth[order, None]
    return np.asarray((of_day * truth).T @ np.cumsum(of_day * (1 - truth), axis=0))


def intervals(rng: np.random.Generator, rows: Judged, difference: OfDays) -> Intervals:
    """By each candidate, of two days or more."""
    sizes = np.bincount(rows.day).astype(np.float64)
    days, shares, each = len(sizes), sizes / sizes.sum(), np.eye(len(sizes))
    value = difference(np.ones((1, days)))[0]
    influences = (difference(1 + 1e-3 * each) - difference(1 - 1e-3 * each)) / 2e-3
    plain, quantile = np.sqrt(np.sum(influences**2)), t_quantile(0.95, degrees=days - 1)
    without_each = difference(1 - each)
    spread = spread_over_days(lambda counts: difference((counts / sizes)[None])[0], np.arange(days), sizes)
    halves = {
        "t, CR1": quantile * plain * np.sqrt(days / (days - 1)),
        "t, CR2": quantile * np.sqrt(np.sum(influences**2 / (1 - shares))),
        "t, jackknife": quantile * np.sqrt((days - 1) * np.var(without_each)),
        "studentised bootstrap": plain * _studentised(_draws(rng, days), influences, shares),
        "wild bootstrap": plain * _studentised(rng.choice([-1.0, 1.0], (RESAMPLES, days)), influences, shares),
        CHOSEN: spread.half_width(CONFIDENCE),
    }
    found = {name: (float(value - half), float(value + half)) for name, half in halves.items()}
    resampled = difference(_draws(rng, days))
    low, high = np.nanquantile(resampled, [0.05, 0.95])
    return {"percentile bootstrap": (float(low), float(high)), **found}


def _draws(rng: np.random.Generator, days: int) -> Numbers:
    """How often each day is drawn: shape (resamples, days)."""
    drawn = rng.integers(0, days, (RESAMPLES, days))
    return np.stack([np.bincount(each, minlength=days) for each in drawn]).astype(np.float64)


def _studentised(weights: Numbers, influences: Numbers, shares: Numbers) -> float:
    """The quantile of |t| over resamples of the influences; infinite where too many resamples have no spread."""
    if not influences.any():
        return 0.0
    total = np.abs(weights) @ shares
    means = weights @ influences / total
    signs = np.where(weights < 0, -1.0, 1.0)
    residuals = signs * influences / total[:, None] - shares / total[:, None] * means[:, None]
    errors = np.sqrt(np.sum(np.abs(weights) * residuals**2, axis=1))
    size = np.divide(np.abs(means), errors, out=np.full(len(means), np.inf), where=errors > 1e-12)
    return float(np.sort(size)[int(np.ceil(CONFIDENCE * (RESAMPLES + 1))) - 1])


# --- what is measured ------------------------------------------------------------------------------


def coverage(*, trials: int) -> list[Row]:
    """How often each interval holds the true difference, and how wide it is in the median."""
    found = []
    for world in WORLDS:
        truth, rng = true_difference(world), np.random.default_rng(20261128)
        for days in DAYS:
            made: dict[str, list[tuple[float, float]]] = {}
            for _ in range(trials):
                rows = make_rows(rng, world, days)
                for name, interval in _intervals(rng, world, rows, days).items():
                    made.setdefault(name, []).append(interval)
            found += [
                asdict(world) | {"days": days, "candidate": name} | _summary(several, truth)
                for name, several in made.items()
            ]
        print(world, flush=True)
    return found


def _intervals(rng: np.random.Generator, world: World, rows: Judged, days: int) -> Intervals:
    if days > 1:
        return intervals(rng, rows, by_day_weights(world.metric, rows))
    paired = compare(world.metric, rows.truth, rows.champion, rows.contender, rows.day)
    difference = paired.difference(CONFIDENCE)
    return {"percentile bootstrap": (difference.value,) * 2, CHOSEN: (difference.low, difference.high)}


def _summary(several: Sequence[tuple[float, float]], truth: float) -> Row:
    ends = np.array(several)
    held = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    width = float(np.median(ends[:, 1] - ends[:, 0]))
    return {"coverage": 100 * float(held.mean()), "width": width if np.isfinite(width) else None}


MARGIN = 0.05
"""Of a slice, in units of ROC AUC."""


def slices(*, trials: int) -> list[Row]:
    """Per 100 evaluations of four slices, how many are refused for one: by the point estimate, as once, and now. In
    the first slice the contender sees nothing, or as much as the champion does."""
    found = []
    for days, rows, blind in (
        *((5, rows, False) for rows in (200, 500, 2_000)),
        *((days, rows, True) for days in (2, 5, 14) for rows in (200, 500, 2_000)),
    ):
        rng, refused = np.random.default_rng(20261128), np.zeros(2)
        for _ in range(trials):
            refused += _refusals(rng, days=days, rows=rows, blind=blind)
        by_point, now = 100 * refused / trials
        found.append({"days": days, "rows": rows, "blind": blind, "by_point": by_point, "now": now})
        print(json.dumps(found[-1]), flush=True)
    return found


def _refusals(rng: np.random.Generator, *, days: int, rows: int, blind: bool) -> Numbers:
    """1 where refused: by the point estimates, and by the intervals. `rows`: of a slice."""
    count, group = 4 * rows, np.tile(np.arange(4), rows)
    day = np.sort(rng.integers(0, days, count))
    known, of_day = rng.normal(size=count), rng.normal(0, 0.3, days)[day]
    truth = (rng.random(count) < _sigmoid(1.5 * known + of_day)).astype(np.float64)
    champion, contender = (_sigmoid(known + rng.normal(0, 0.6, count)) for _ in range(2))
    if blind:
        contender = np.where(group == 0, rng.random(count), contender)
    levels = Levels(column="group", of_rows=group.astype(str).astype(object), minimum_rows=200)
    found = compare_slices(
        Metric.ROC_AUC_SCORE, truth, champion, contender, day, slices=[levels], confidence=CONFIDENCE
    )
    by_point = any(each.contender - each.champion < -MARGIN for each in found)
    now = any(
        judge_difference(each.difference, margin=MARGIN, higher_is_better=True) is Finding.WORSE for each in found
    )
    return np.array([by_point, now], dtype=np.float64)


TOLERATED = 0.02
"""Of the expected calibration error."""


def calibration(*, trials: int) -> list[Row]:
    """Per 100 evaluations, how many are refused by the guard of calibration. `sureness`: by how much the contender's
    log odds are too large; 1 for none."""
    found = []
    for sureness in (1.0, 1.5, 2.0):
        for rows in (40, 200, 1_000):
            rng = np.random.default_rng(20261128)
            refused = sum(_is_refused_for_calibration(rng, rows=rows, sureness=sureness) for _ in range(trials))
            found.append({"sureness": sureness, "days": 5, "rows": rows, "refused": 100 * refused / trials})
            print(json.dumps(found[-1]), flush=True)
    return found


def _is_refused_for_calibration(rng: np.random.Generator, *, rows: int, sureness: float) -> bool:
    """`rows`: of a day, of five."""
    day = np.repeat(np.arange(5), rows)
    champion, only_new = rng.normal(size=(2, len(day)))
    odds = 1.5 * champion + 0.5 * only_new
    truth = (rng.random(len(day)) < _sigmoid(odds + rng.normal(0, 0.1, 5)[day])).astype(np.float64)
    (found,) = compare_by_guards(
        [GuardMetric.EXPECTED_CALIBRATION_ERROR],
        truth,
        _sigmoid(1.43 * champion),  # as calibrated as what sees one of the two can be
        _sigmoid(sureness * odds),
        day,
        confidence=CONFIDENCE,
    )
    return judge_difference(found.difference, margin=TOLERATED, higher_is_better=False) is Finding.WORSE


def timings() -> list[Row]:
    """Milliseconds for one comparison of 10,000 rows of 7 days, beside 1,000 resamples of days."""
    world = World(metric=Metric.ROC_AUC_SCORE, rows=1_430, uneven=0.0, day_to_day=0.3)
    rows = make_rows(np.random.default_rng(0), world, 7)
    models = [weighted_metric(world.metric, rows.truth, model) for model in (rows.champion, rows.contender)]

    def bootstrap() -> None:
        for weights in np.random.default_rng(0).integers(0, 7, (1_000, 7)):
            counts = np.bincount(weights, minlength=7)[rows.day].astype(np.float64)
            for of_weights in models:
                of_weights(counts)

    def now() -> None:
        compare(world.metric, rows.truth, rows.champion, rows.contender, rows.day).difference(CONFIDENCE)

    return [
        {"what": what, "milliseconds": _median_time(run)} for what, run in (("bootstrap", bootstrap), ("now", now))
    ]


def _median_time(run: Callable[[], None]) -> float:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        run()
        taken.append(1_000 * (time.perf_counter() - started))
    return float(np.median(taken))


# --- the page --------------------------------------------------------------------------------------


def write_tables(found: dict[str, list[Row]], path: Path) -> None:
    lines = [
        "# Intervals of the difference of two models, with few days",
        "",
        "`make intervals`: simulated. Two models that see much of the same, the second a little less; days differ in "
        "their number of rows and in what neither model, or one of them, knows of them. How often a 90 % interval of "
        "the difference holds what very many days have, the lowest and the mean over all worlds of the last table, "
        "and its width as a multiple of the chosen one's, in the median:",
        "",
        _header("candidate", DAYS[1:]),
        _rule(len(DAYS)),
    ]
    names = list(dict.fromkeys(each["candidate"] for each in found["coverage"]))
    lines += [_candidate_line(name, found["coverage"]) for name in names]
    lines += [
        "",
        f"What is used is *{CHOSEN}*: the narrowest whose coverage stays at 88 % or so wherever days differ in size. "
        "Bootstraps that are studentised have no finite interval with two days, and often none with three. "
        "Coverage of the chosen one, world by world. With one day the interval is that of ten stretches of its rows: "
        "it says nothing of how days differ, and the gate's sentence says so.",
        "",
        _header("metric, rows a day, uneven, day to day", DAYS),
        _rule(len(DAYS) + 1),
    ]
    for world in WORLDS:
        cells = [
            f"{each['coverage']:.0f} %"
            for each in found["coverage"]
            if each["candidate"] == CHOSEN and all(each[key] == value for key, value in asdict(world).items())
        ]
        lines.append(_line(f"{world.metric}, {world.rows}, {world.uneven:g}, {world.day_to_day:g}", cells))
    lines += [
        "",
        f"Refusals for a slice, per 100 evaluations with four of them and a margin of {MARGIN:g} ROC AUC: by the "
        "point estimate, and by whether the interval, which holds together with the other three, is beyond it.",
        "",
        "| the contender in the first slice | days | rows of a slice | by point estimate | by interval |",
        "|---|---|---|---|---|",
    ]
    lines += [
        _line(
            "sees nothing" if each["blind"] else "as good as the champion",
            [str(each["days"]), f"{each['rows']:,}", f"{each['by_point']:.0f}", f"{each['now']:.0f}"],
        )
        for each in found["slices"]
    ]
    lines += [
        "",
        f"Refusals by the guard `expected_calibration_error = {TOLERATED:g}`, per 100 evaluations:",
        "",
        "| the contender's log odds are | days | rows of a day | refused |",
        "|---|---|---|---|",
    ]
    lines += [
        _line(
            "right" if each["sureness"] == 1 else f"{each['sureness']:g} times as large as they should be",
            [str(each["days"]), f"{each['rows']:,}", f"{each['refused']:.0f}"],
        )
        for each in found["calibration"]
    ]
    taken = {each["what"]: each["milliseconds"] for each in found["timings"]}
    lines += [
        "",
        f"One comparison of 10,000 rows of 7 days takes {taken['now']:.0f} ms, with 1,000 resamples it took "
        f"{taken['bootstrap']:,.0f} ms.",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _candidate_line(name: str, found: Sequence[Row]) -> str:
    cells = []
    for days in DAYS[1:]:
        of_days = [each for each in found if each["days"] == days]
        mine = [each for each in of_days if each["candidate"] == name]
        chosen = [each for each in of_days if each["candidate"] == CHOSEN]
        held = [each["coverage"] for each in mine]
        ratios = [
            np.inf if one["width"] is None else one["width"] / other["width"]
            for one, other in zip(mine, chosen, strict=True)
        ]
        width = float(np.median(ratios))
        shown = f"× {width:.2f}" if np.isfinite(width) else "infinite"
        cells.append(f"{min(held):.0f}, {np.mean(held):.0f} %; {shown}")
    return _line(name, cells)


def _header(first: str, days: Sequence[int]) -> str:
    return _line(first, [f"{each} days" if each > 1 else "1 day" for each in days])


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


def _line(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def main() -> None:
    found = {
        "coverage": coverage(trials=1_000),
        "slices": slices(trials=400),
        "calibration": calibration(trials=400),
        "timings": timings(),
    }
    (RESULTS / "intervals.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_tables(found, RESULTS / "intervals.md")


if __name__ == "__main__":
    main()

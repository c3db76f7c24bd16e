"""How often does a verdict alarm without drift, and how often with it? On independent rows, simulated.

python -m bench.calibration

Writes `bench/results/calibration.json`, `.md`, `calibration.svg` (power) and `false_alarms.svg`. Seeds are fixed.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.reference import Reference, build_reference
from evertrain.statistics.significance import benjamini_hochberg
from evertrain.statistics.verdict import judge

RESULTS = Path(__file__).parent / "results"
ALPHA = 0.05
ALPHAS = (0.01, 0.02, 0.05, 0.1, 0.2)
ALARM = DriftPolicy(psi_threshold=0.0)
"""Significance alone: what the policy asks for besides can only make alarms rarer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Rejections at each of ALPHAS, shares of the trials; `low`, `high`: the binomial interval in which a rate falls
    99 times of 100 if it is the nominal one."""

    reference_rows: int
    rows: int
    features: int
    trials: int
    rates: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Rejections at ALPHA when the mean has moved by `shift` deviations."""

    rows: int
    shift: float
    ours: float
    scipy_ks: float


def main() -> None:
    rng = np.random.default_rng(20261123)
    false_alarms = [
        _false_alarms(rng, reference_rows, rows, trials=trials)
        for reference_rows, rows, trials in (
            (100, 100, 2000),
            (1_000, 100, 2000),
            (20_000, 300, 2000),
            (20_000, 1_000, 2000),
            (100_000, 10_000, 1000),
            (10_000, 100_000, 1000),
            (1_000_000, 1_000_000, 200),
        )
    ]
    families = [
        _family(rng, features, trials=trials) for features, trials in ((1, 2000), (20, 1000), (100, 300), (500, 60))
    ]
    power = [
        _power(rng, rows, shift, trials=300)
        for rows in (100, 300, 1_000, 10_000)
        for shift in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    ]
    document = {
        "alphas": ALPHAS,
        "power_at": ALPHA,
        "false_alarms_of_one_feature": [asdict(rate) for rate in false_alarms],
        "false_alarms_of_a_family": [asdict(rate) for rate in families],
        "power": [asdict(each) for each in power],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "calibration.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "calibration.md").write_text(_as_markdown(false_alarms, families, power), encoding="utf-8")
    pictured = _false_alarm_picture([*false_alarms, *families])
    (RESULTS / "false_alarms.svg").write_text(pictured, encoding="utf-8")
    (RESULTS / "calibration.svg").write_text(_as_picture(power), encoding="utf-8")
    print((RESULTS / "calibration.md").read_text(encoding="utf-8"))


def _p_values(reference: Reference, batch: dict[str, np.ndarray]) -> list[float]:
    return [found.p_value for found in judge(reference, reference.sketch(batch), policy=ALARM).features]


def _false_alarms(rng: np.random.Generator, reference_rows: int, rows: int, *, trials: int) -> Rate:
    """A new reference for each batch: an unlucky one would be unlucky for all that share it."""
    column = Column(name="x", kind=FeatureKind.NUMERIC)
    alarms = np.zeros(len(ALPHAS), dtype=int)
    for _ in range(trials):
        reference = build_reference({"x": rng.normal(size=reference_rows)}, [column])
        alarms += _p_values(reference, {"x": rng.normal(size=rows)})[0] < np.array(ALPHAS)
    return _rate(alarms, trials, reference_rows=reference_rows, rows=rows, features=1)


def _family(rng: np.random.Generator, features: int, *, trials: int) -> Rate:
    """Batches in which anything is rejected, by Benjamini-Hochberg at each rate, when nothing has drifted."""
    columns = [Column(name=f"x{index}", kind=FeatureKind.NUMERIC) for index in range(features)]
    alarms = np.zeros(len(ALPHAS), dtype=int)
    for trial in range(trials):
        if trial % 20 == 0:
            reference = build_reference({column.name: rng.normal(size=5_000) for column in columns}, columns)
        found = _p_values(reference, {column.name: rng.normal(size=500) for column in columns})
        alarms += [any(benjamini_hochberg(found, rate=rate)) for rate in ALPHAS]
    return _rate(alarms, trials, reference_rows=5_000, rows=500, features=features)


def _rate(alarms: np.ndarray, trials: int, *, reference_rows: int, rows: int, features: int) -> Rate:
    low, high = (stats.binom.ppf(tail, trials, ALPHAS) / trials for tail in (0.005, 0.995))
    return Rate(
        reference_rows=reference_rows,
        rows=rows,
        features=features,
        trials=trials,
        rates=tuple(map(float, alarms / trials)),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
    )


def _power(rng: np.random.Generator, rows: int, shift: float, *, trials: int) -> Power:
    column = Column(name="x", kind=FeatureKind.NUMERIC)
    ours = theirs = 0
    for trial in range(trials):
        if trial % 50 == 0:
            before = rng.normal(size=20_000)
            reference = build_reference({"x": before}, [column])
        after = rng.normal(shift, 1, rows)
        ours += _p_values(reference, {"x": after})[0] < ALPHA
        theirs += stats.ks_2samp(before, after, method="asymp").pvalue < ALPHA
    return Power(rows=rows, shift=shift, ours=ours / trials, scipy_ks=theirs / trials)


def _as_markdown(false_alarms: Sequence[Rate], families: Sequence[Rate], power: Sequence[Power]) -> str:
    lines = [
        "False alarms of independent rows that did not drift, by nominal rate; in brackets where 99 % of such trials "
        "lie if it is the true one.",
        "",
        "| reference rows | batch rows | features | trials | "
        + " | ".join(f"{alpha:.0%}" for alpha in ALPHAS)
        + " |",
        "|---|---|---|---|" + "---|" * len(ALPHAS),
        *(
            f"| {rate.reference_rows:,} | {rate.rows:,} | {rate.features} | {rate.trials:,} | "
            + " | ".join(
                f"{found:.1%} ({low:.1%}–{high:.1%})"
                for found, low, high in zip(rate.rates, rate.low, rate.high, strict=True)
            )
            + " |"
            for rate in (*false_alarms, *families)
        ),
        "",
        f"Power at {ALPHA:.0%} against a mean that moved, reference of 20,000 rows: Evertrain / scipy's `ks_2samp`.",
        "",
        "| batch rows | " + " | ".join(f"{shift} σ" for shift in _shifts(power)) + " |",
        "|---|" + "---|" * len(_shifts(power)),
    ]
    for rows in sorted({each.rows for each in power}):
        cells = [f"{each.ours:.0%} / {each.scipy_ks:.0%}" for each in power if each.rows == rows]
        lines.append(f"| {rows:,} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _false_alarm_picture(rates: Sequence[Rate]) -> str:
    """Alarms against the nominal rate, a line for each size and family; the diagonal is what they should be."""
    width, height, left, top, highest = 640, 400, 60, 40, 0.25

    def place(nominal: float, found: float) -> str:
        x = left + nominal / highest * (width - left - 200)
        return f"{x:.1f},{top + (1 - min(found, highest) / highest) * (height - top - 50):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        "<style>text { font-size: 12px }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="20">Share of batches without drift that raise an alarm</text>',
        f'<text x="{width - 190}" y="20">reference rows / batch rows</text>',
        f'<polyline points="{place(0, 0)} {place(highest, highest)}" stroke="#9aa9b8" stroke-dasharray="2 4"/>',
        f'<text x="{left}" y="{height - 8}">nominal rate; dotted: as it should be</text>',
    ]
    for share in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25):
        x, y = (float(part) for part in place(share, share).split(","))
        parts.append(f'<path d="M{left} {y:.1f}H{width - 200}" stroke="#e4e9ef"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
        parts.append(f'<text x="{x:.1f}" y="{height - 30}" text-anchor="middle">{share:.0%}</text>')
    for index, rate in enumerate(rates):
        colour = f"hsl({index * 330 // len(rates)} 60% 40%)"
        points = " ".join(place(*pair) for pair in zip(ALPHAS, rate.rates, strict=True))
        description = f"{rate.reference_rows:,} / {rate.rows:,}, {rate.features} feature{'s' * (rate.features > 1)}"
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{width - 190}" y="{top + 16 * index}" fill="{colour}">{description}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _shifts(power: Sequence[Power]) -> list[float]:
    return sorted({each.shift for each in power})


def _as_picture(power: Sequence[Power]) -> str:
    """Power against shift, a curve for each number of rows; scipy's dotted below it."""
    width, height, left, top = 640, 360, 60, 40
    colours = ("#9aa9b8", "#5c8fb5", "#0b6e4f", "#1c2733")
    highest = max(_shifts(power))

    def place(each: Power, value: Callable[[Power], float]) -> str:
        x = left + each.shift / highest * (width - left - 90)
        return f"{x:.1f},{top + (1 - value(each)) * (height - top - 50):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        "<style>text { font-size: 12px }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="20">Share of batches in which a shift of the mean is found, at {ALPHA:.0%}</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = top + (1 - share) * (height - top - 50)
        parts.append(f'<path d="M{left} {y:.1f}H{width - 90}" stroke="#e4e9ef"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for shift in _shifts(power):
        x = left + shift / highest * (width - left - 90)
        parts.append(f'<text x="{x:.1f}" y="{height - 30}" text-anchor="middle">{shift}</text>')
    parts.append(
        f'<text x="{left}" y="{height - 8}">shift in standard deviations; dotted: scipy’s ks_2samp on raw rows</text>'
    )
    for colour, rows in zip(colours, sorted({each.rows for each in power}), strict=True):
        curve = [each for each in power if each.rows == rows]
        for style, value in (("", lambda each: each.ours), (' stroke-dasharray="2 4"', lambda each: each.scipy_ks)):
            points = " ".join(place(each, value) for each in curve)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{style}/>')
        # All end near the top: the names stand below each other, beside them.
        below = top + 4 + colours[::-1].index(colour) * 16
        parts.append(f'<text x="{width - 82}" y="{below}" fill="{colour}">{rows:,} rows</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()

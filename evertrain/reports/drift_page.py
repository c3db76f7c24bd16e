"""The drift of a batch, or between two files, as a page: drifted features first, each with its distributions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from evertrain.domain.monitoring.drift import Findings
from evertrain.reports.templates import render_template
from evertrain.statistics.histogram import MISSING, Bar, histogram_bars
from evertrain.statistics.reference import Reference
from evertrain.statistics.sketch import Sketch

WIDTH, HEIGHT, GAP = 640, 150, 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPage:
    """`before`, `after`: names of the two sides. `left_out`: columns that are not compared, and why. `notes`: what
    is written in another way on the two sides."""

    title: str
    before: str
    after: str
    findings: Findings
    reference: Reference
    sketch: Sketch
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, object]:
        """What a script can read: JSON's types only."""
        found = self.findings
        return {
            "status": found.status.value,
            "before": self.before,
            "after": self.after,
            "reference_rows": self.reference.rows,
            "rows": self.sketch.rows,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "features": [asdict(feature) for feature in found.by_importance],
            "relations": None if found.relations is None else [asdict(each) for each in found.relations],
            "slices": [asdict(each) for each in found.slices],
            "faults": [asdict(each) for each in found.faults],
        }

    def render(self) -> str:
        baselines = {feature.name: feature.baseline for feature in self.reference.features}
        return render_template(
            "drift_page.html.jinja",
            page=self,
            width=WIDTH,
            height=HEIGHT,
            entries=[
                {
                    "drift": feature,
                    "histogram": _draw(
                        histogram_bars(baselines[feature.feature], self.sketch.features[feature.feature])
                    ),
                }
                for feature in self.findings.by_importance
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBar:
    """A bar in the plot's units; y grows downwards."""

    bar: Bar
    x: float
    width: float
    before_y: float
    after_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnHistogram:
    """`tallest`: the share of rows that the plot is as high as. `ticks`: places on the horizontal axis, and what
    stands there."""

    bars: Sequence[DrawnBar]
    tallest: float
    ticks: Sequence[tuple[float, str]]


MAX_NAMED = 8
"""Bars that all get their names; of more, those at both ends and in the middle do."""


def _draw(bars: Sequence[Bar]) -> DrawnHistogram:
    tallest = max((max(bar.before, bar.after) for bar in bars), default=0.0) or 1.0
    step = WIDTH / max(1, len(bars))
    return DrawnHistogram(
        bars=_draw_bars(bars, tallest=tallest, step=step),
        tallest=tallest,
        ticks=[((place + 0.5) * step, _short(bars[place].label)) for place in _named(bars)],
    )


def _named(bars: Sequence[Bar]) -> list[int]:
    if len(bars) <= MAX_NAMED:
        return list(range(len(bars)))
    is_last_missing = bars[-1].label == MISSING
    last = len(bars) - 1 - is_last_missing
    # What is missing stands beside the last value: both names would run into each other.
    return sorted({0, last // 2, len(bars) - 1, *([] if is_last_missing else [last])})


def _short(label: str) -> str:
    shown = label or '""'
    return shown if len(shown) <= 16 else f"{shown[:15]}…"


def _draw_bars(bars: Sequence[Bar], *, tallest: float, step: float) -> list[DrawnBar]:
    return [
        DrawnBar(
            bar=bar,
            x=index * step + GAP / 2,
            width=step - GAP,
            before_y=HEIGHT * (1 - bar.before / tallest),
            after_y=HEIGHT * (1 - bar.after / tallest),
        )
        for index, bar in enumerate(bars)
    ]

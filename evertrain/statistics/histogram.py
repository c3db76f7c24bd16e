"""Histograms for people: shares of the baseline and of a sketch, side by side."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evertrain.statistics.distances import Baseline
from evertrain.statistics.layouts import CategoryLayout, Counts, NumericLayout
from evertrain.statistics.sketch import FeatureSketch

MISSING = "missing"
"""The bar of rows without a value."""

MAX_BARS = 32
_TAIL_SHARE = 0.01
"""Of either distribution, at each end: these rows share the outermost bar, so that an outlier does not squeeze the
rest."""

_MAX_LEVELS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Shares of all rows, 0 to 1."""

    label: str
    before: float
    after: float


def histogram_bars(baseline: Baseline, current: FeatureSketch) -> list[Bar]:
    """In the order of the values, or of how frequent levels are; missing values last."""
    layout, before, after = baseline.layout, baseline.sketch.counts, current.counts
    bars = (
        _numeric_bars(layout, before, after)
        if isinstance(layout, NumericLayout)
        else _level_bars(layout, before, after)
    )
    if before[0] or after[0]:
        bars.append(_bar(MISSING, before[0], after[0], before, after))
    return bars


def _numeric_bars(layout: NumericLayout, before: Counts, after: Counts) -> list[Bar]:
    places = layout.positions[1:]
    p, q = layout.ascending(before)[1:], layout.ascending(after)[1:]
    if not p.any() and not q.any():
        return []
    distinct = places[np.flatnonzero(p + q)]
    if len(distinct) <= MAX_BARS:
        return [
            _bar(_label(place, layout.scale), p[places == place].sum(), q[places == place].sum(), before, after)
            for place in np.unique(distinct)
        ]
    lows, highs = zip(*(_bulk_range(places, counts) for counts in (p, q) if counts.any()), strict=True)
    low, high = min(lows), max(highs)
    edges = np.linspace(low, high, MAX_BARS - 1)
    bar = np.searchsorted(edges, places, side="right")
    sums = [np.bincount(bar, weights=counts, minlength=MAX_BARS) for counts in (p, q)]
    names = [_label(edge, layout.scale) for edge in edges]
    labels = [f"below {names[0]}", *(f"{one} to {other}" for one, other in pairwise(names)), f"above {names[-1]}"]
    return [
        _bar(label, one, other, before, after) for label, one, other in zip(labels, sums[0], sums[1], strict=True)
    ]


def _label(place: float, scale: float) -> str:
    """A position, rounded to a hundredth of the scale: finer than a cell.

    >>> _label(-0.0045, 3.0), _label(12.341, 3.0), _label(123456.7, 4e5)
    ('0', '12.34', '123457')
    """
    digits = max(0, 2 - math.floor(math.log10(scale)))
    return f"{round(place, digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{place:.0f}"


def _bulk_range(places: np.ndarray, counts: Counts) -> tuple[float, float]:
    finite = np.isfinite(places)
    places, below = places[finite], np.cumsum(counts[finite])
    low, high = places[np.searchsorted(below, below[-1] * np.array([_TAIL_SHARE, 1 - _TAIL_SHARE]))]
    if low == high:  # nearly all rows have one value: take the whole range
        used = places[counts[finite] > 0]
        low, high = used[0], used[-1]
    return float(low), float(high) if high > low else float(low) + 1.0


def _level_bars(layout: CategoryLayout, before: Counts, after: Counts) -> list[Bar]:
    largest = np.argsort(-(before[2:] + after[2:]), kind="stable")[:_MAX_LEVELS]
    bars = [_bar(layout.levels[level], before[2 + level], after[2 + level], before, after) for level in largest]
    rest_before, rest_after = (counts[2:].sum() - counts[2 + largest].sum() for counts in (before, after))
    if rest_before or rest_after:
        bars.append(_bar("other levels", rest_before, rest_after, before, after))
    if before[1] or after[1]:
        bars.append(_bar("never seen in training", before[1], after[1], before, after))
    return bars


def _bar(label: str, before: float, after: float, all_before: Counts, all_after: Counts) -> Bar:
    return Bar(
        label=label,
        before=float(before) / max(1, int(all_before.sum())),
        after=float(after) / max(1, int(all_after.sum())),
    )

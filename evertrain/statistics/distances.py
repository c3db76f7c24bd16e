"""How far a feature's sketch lies from its baseline, by every measure. Numbers, no verdicts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evertrain.domain.monitoring.drift import Distances
from evertrain.statistics import float_cells
from evertrain.statistics.layouts import Counts, Layout, NumericLayout
from evertrain.statistics.measures import (
    Array,
    js_divergence,
    kl_divergence,
    kolmogorov_smirnov,
    psi,
    shares,
    wasserstein,
)
from evertrain.statistics.significance import contingency_p_value, kolmogorov_smirnov_p_value
from evertrain.statistics.sketch import FeatureSketch


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A feature in the reference. `mean`, `deviation`: of the finite values; None for categories."""

    layout: Layout
    sketch: FeatureSketch
    mean: float | None
    deviation: float | None

    # Every batch is compared with these, so they are computed once.

    @cached_property
    def rows(self) -> int:
        return int(self.sketch.counts.sum())

    @cached_property
    def binned(self) -> Counts:
        return self.layout.binned(self.sketch.counts)

    @cached_property
    def ascending(self) -> Counts:
        """Of a numeric layout: the counts of all cells, in the order of their values."""
        assert isinstance(self.layout, NumericLayout)  # noqa: S101  # its callers have checked
        return self.layout.ascending(self.sketch.counts)

    @cached_property
    def range_cells(self) -> tuple[int, int] | None:
        """Of a numeric layout: the cells of the lowest and the highest value."""
        lowest, highest = self.sketch.lowest, self.sketch.highest
        if not isinstance(self.layout, NumericLayout) or lowest is None or highest is None:
            return None
        first, last = float_cells.cell_of(np.array([lowest, highest]), self.layout.centre, self.layout.scale)
        return int(first), int(last)

    @property
    def has_order(self) -> bool:
        return self.mean is not None

    def mode_share(self, sketch: FeatureSketch) -> float:
        """Share of the most frequent cell among rows with a value: near 1 where all have the same."""
        counts = sketch.counts[1:]
        return float(counts.max()) / max(1, int(counts.sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDistances(Distances):
    """`cells`: the number that PSI compared. `mean`: of the finite values; None for categories."""

    cells: int
    mean: float | None


def distances_between(baseline: Baseline, current: FeatureSketch) -> MeasuredDistances:
    """All distances of the current sketch, made in the baseline's layout, from the baseline."""
    layout, after = baseline.layout, current.counts
    binned_before, binned_after = baseline.binned, layout.binned(after)
    expected, found = _shares_of_used(binned_before, binned_after)
    distance, mean, ks = (
        _ordered_distances(baseline, layout, after) if isinstance(layout, NumericLayout) else (None, None, None)
    )
    rows = int(after.sum())
    return MeasuredDistances(
        psi=psi(expected, found),
        kl=kl_divergence(expected, found),
        js=js_divergence(expected, found),
        cells=len(expected),
        wasserstein=distance,
        wasserstein_normalised=_normalised(distance, baseline),
        ks=ks,
        p_value=(
            contingency_p_value(binned_before, binned_after)
            if ks is None
            else kolmogorov_smirnov_p_value(ks, reference_rows=baseline.rows, current_rows=rows)
        ),
        mean=mean,
        missing_share=missing_share(current),
        unseen_share=0.0 if isinstance(layout, NumericLayout) else float(binned_after[1]) / max(1, rows),
        out_of_range_share=_out_of_range_share(baseline, after, rows),
    )


def missing_share(sketch: FeatureSketch) -> float:
    return float(sketch.counts[0]) / max(1, int(sketch.counts.sum()))


def _shares_of_used(before: Counts, after: Counts) -> tuple[Array, Array]:
    """Of the cells that are not empty on both sides: those would only add smoothing."""
    used = (before > 0) | (after > 0)
    return shares(before[used]), shares(after[used])


def _normalised(distance: float | None, baseline: Baseline) -> float | None:
    """A constant reference has no scale of its own."""
    return distance / baseline.deviation if distance is not None and baseline.deviation else None


def _used_cells(baseline: Baseline, layout: NumericLayout, after: Counts) -> tuple[Array, Counts, Counts]:
    """Where the cells lie that either side has values in, ascending, and both counts of them."""
    before, after = baseline.ascending, layout.ascending(after)
    used = np.flatnonzero(before + after)
    return layout.positions[used], before[used], after[used]


def _ordered_distances(
    baseline: Baseline, layout: NumericLayout, after: Counts
) -> tuple[float | None, float | None, float | None]:
    """Wasserstein distance, the mean, and the Kolmogorov-Smirnov distance."""
    places, before, after = _used_cells(baseline, layout, after)
    ks = None
    if before.any() and after.any() and not layout.is_discrete:
        ks = kolmogorov_smirnov(before, after)
    if not baseline.has_order:
        return None, None, ks
    finite = np.isfinite(places)
    places, before, after = places[finite], before[finite], after[finite]
    with np.errstate(over="ignore"):
        mean = float(places @ after / after.sum()) if after.any() else None
    return wasserstein(places, before, after), mean, ks


def _out_of_range_share(baseline: Baseline, after: Counts, rows: int) -> float:
    """Share of rows in cells below the baseline's lowest value or above its highest."""
    if baseline.range_cells is None:
        return 0.0
    first, last = baseline.range_cells
    beyond = after[float_cells.LOWEST : first].sum() + after[last + 1 : float_cells.CELLS].sum()
    return float(beyond) / max(1, rows)

"""How far parts of a reference's own rows lie from all of them, and from each other. Numbers, no verdicts."""

import numpy as np

from evertrain.statistics.distances import Baseline
from evertrain.statistics.layouts import Counts, NumericLayout
from evertrain.statistics.measures import Array, area_between, psi, shares


class DaysOfBaseline:
    """Days of the baseline's rows, one after the other. Where they can lie is known from the baseline, so that only
    those cells are looked at: some hundreds of some thousands."""

    def __init__(self, baseline: Baseline) -> None:
        layout, counts = baseline.layout, baseline.sketch.counts
        self._layout, self._deviation = layout, baseline.deviation
        self._filled = 1 + np.flatnonzero(counts[1:])
        self._bins = np.flatnonzero(baseline.binned)
        self._expected = shares(baseline.binned[self._bins])
        self._before: Array | None = None
        if isinstance(layout, NumericLayout) and baseline.deviation:
            used = np.flatnonzero(baseline.ascending)
            used = used[np.isfinite(layout.positions[used])]
            self._places, self._cells = layout.positions[used], layout.ascending(np.arange(layout.size))[used]
            self._gaps = np.diff(self._places)
            self._of_all = counts[self._cells] / counts[self._cells].sum()

    def distances(self, counts: Counts) -> tuple[float, float | None, float | None, float, float]:
        """Of a day: PSI, the Wasserstein distance in standard deviations from all rows, the same from the day before,
        the share of missing values, and that of the most frequent cell among the others."""
        rows, filled = int(counts.sum()), counts[self._filled]
        return (
            psi(self._expected, shares(self._layout.binned(counts)[self._bins])),
            *self._ordered(counts),
            float(counts[0]) / max(1, rows),
            float(filled.max(initial=0)) / max(1, int(filled.sum())),
        )

    def _ordered(self, counts: Counts) -> tuple[float | None, float | None]:
        if not isinstance(self._layout, NumericLayout) or not self._deviation:
            return None, None
        day, before = counts[self._cells], self._before
        rows = day.sum()
        self._before = of_day = day / rows if rows else None
        if of_day is None:
            return None, None
        from_all = area_between(self._of_all, of_day, self._gaps) / self._deviation
        if before is None:
            return from_all, None
        used = np.flatnonzero(before + of_day)
        return from_all, area_between(before[used], of_day[used], np.diff(self._places[used])) / self._deviation

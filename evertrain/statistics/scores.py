"""Every value as a score, so that all kinds of features can be related: a number by its rank among the reference's
values, a category by whether it is a certain level.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evertrain.statistics import float_cells
from evertrain.statistics.distances import Baseline
from evertrain.statistics.layouts import (
    Categories,
    CategoryLayout,
    Column,
    Counts,
    NumericLayout,
    evenly_spaced_sample,
)
from evertrain.statistics.moments import Moments
from evertrain.statistics.slicing import select_rows

Array = npt.NDArray[np.float64]

MAX_SCORES = 64
"""Cost and size grow with the square of the number of scores."""

MAX_LEVELS_PER_FEATURE, MIN_LEVEL_SHARE = 6, 0.05
"""The most frequent levels of a category have a score each, if they have at least this share of the rows."""

GRID = 256
"""Scores are multiples of 1/256, so that their products are summed exactly, in any order."""

SAMPLE_ROWS = 1 << 12
"""Rows of a part of a batch, evenly chosen: the spread is then known to 3 %, an eighth of the least that matters."""

_CHUNK = 1 << 12


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """`level`: the level of a category that it indicates; None for the rank of a number."""

    feature: str
    level: str | None


@dataclass(frozen=True, kw_only=True)
class FeatureScores:
    """Computes the scores of columns. There is at least one score."""

    baselines: Mapping[str, Baseline]
    scores: tuple[FeatureScore, ...]

    def moments(self, columns: Mapping[str, Column], *, max_rows: int = SAMPLE_ROWS) -> Moments:
        """The moments of all rows, or of `max_rows` of them, evenly chosen."""
        rows = len(columns[self.scores[0].feature])
        if rows > max_rows:
            columns = select_rows(columns, evenly_spaced_sample(rows, max_rows))
        columns = {score.feature: columns[score.feature] for score in self.scores}
        total = np.zeros((1 + len(self.scores),) * 2, dtype=np.int64)
        for matrix in self.chunks(columns):
            total += (matrix @ matrix.T).astype(np.int64)  # exact: whole numbers below 2 ** 53
        return Moments(products=total)

    def moments_of_parts(self, columns: Mapping[str, Column], parts: Iterable[npt.NDArray[np.intp]]) -> list[Moments]:
        """Of each part, the indices of its rows, the same as of its rows alone."""
        whole = np.concatenate([matrix.astype(np.int16) for matrix in self.chunks(columns)], axis=1)  # a fourth
        found = []
        for rows in parts:
            matrix = whole[:, rows[evenly_spaced_sample(len(rows), SAMPLE_ROWS)]].astype(np.float64)
            found.append(Moments(products=(matrix @ matrix.T).astype(np.int64)))
        return found

    def chunks(self, columns: Mapping[str, Column]) -> Iterator[Array]:
        """Scores of a chunk of rows at a time, after a row of ones: shape (1 + scores, rows)."""
        rows = len(columns[self.scores[0].feature])
        whole = np.ones((1 + len(self.scores), min(rows, _CHUNK)))
        tables = [self._lookup_table(score, columns[score.feature]) for score in self.scores]
        for start in range(0, rows, _CHUNK):
            part = slice(start, min(start + _CHUNK, rows))
            matrix = whole[:, : part.stop - part.start]
            for place, (score, table) in enumerate(zip(self.scores, tables, strict=True), start=1):
                values, layout = columns[score.feature], self.baselines[score.feature].layout
                if isinstance(values, Categories):
                    np.take(table, values.codes[part], out=matrix[place], mode="wrap")  # missing, -1, is last
                elif isinstance(layout, NumericLayout):
                    cells = float_cells.cell_of(values[part], layout.centre, layout.scale)
                    np.take(table, cells, out=matrix[place], mode="clip")
            yield matrix

    def _lookup_table(self, score: FeatureScore, values: Column) -> Array:
        """The score of each cell, or of each of the column's codes."""
        if isinstance(values, Categories):
            present, absent = self._level_scores[score]
            return np.array(
                [*(present if level == score.level else absent for level in values.levels), absent], float
            )
        return self._rank_scores[score.feature]

    @cached_property
    def _rank_scores(self) -> dict[str, Array]:
        found = {}
        for score in self.scores:
            baseline = self.baselines[score.feature]
            if isinstance(baseline.layout, NumericLayout):
                found[score.feature] = _rank_scores(baseline.layout.cells(baseline.sketch.counts))
        return found

    @cached_property
    def _level_scores(self) -> dict[FeatureScore, tuple[float, float]]:
        found: dict[FeatureScore, tuple[float, float]] = {}
        for score in self.scores:
            layout = self.baselines[score.feature].layout
            if score.level is not None and isinstance(layout, CategoryLayout):
                share = _level_share(self.baselines[score.feature], layout, score.level)
                deviation = math.sqrt(share * (1 - share))
                found[score] = round(GRID * (1 - share) / deviation), round(-GRID * share / deviation)
        return found


def feature_scores(baselines: Mapping[str, Baseline]) -> tuple[FeatureScore, ...]:
    """The scores of numbers that vary and of frequent levels: at most MAX_SCORES, numbers first."""
    numbers = [
        FeatureScore(name, None)
        for name, baseline in baselines.items()
        if isinstance(baseline.layout, NumericLayout) and _varies(baseline.layout.cells(baseline.sketch.counts))
    ]
    levels = [
        FeatureScore(name, level)
        for name, baseline in baselines.items()
        if isinstance(baseline.layout, CategoryLayout)
        for level in baseline.layout.levels[:MAX_LEVELS_PER_FEATURE]
        if MIN_LEVEL_SHARE <= _level_share(baseline, baseline.layout, level) < 1
    ]
    return tuple((numbers + levels)[:MAX_SCORES])


def _level_share(baseline: Baseline, layout: CategoryLayout, level: str) -> float:
    return float(baseline.sketch.counts[2 + layout.levels.index(level)]) / max(1, baseline.rows)


def _varies(cells: Counts) -> bool:
    return int(np.count_nonzero(cells[1:])) > 1


def _rank_scores(counts: Counts) -> Array:
    """For each cell: the mean rank of its values in the reference, scaled to mean 0 and deviation 1 on the grid.

    Missing is 0, the mean.
    """
    cells = counts.astype(np.float64)
    cells[0] = 0
    below = np.cumsum(cells) - cells / 2
    scores = np.rint(GRID * math.sqrt(12) * (below / max(1.0, cells.sum()) - 0.5))
    scores[0] = 0
    return np.asarray(scores)

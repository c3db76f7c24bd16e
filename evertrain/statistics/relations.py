"""Do features still go together as they did? A relation that breaks shows in no single feature.

Every value becomes a score: where it stands among the reference's values, or whether it is a certain level. The
second moments of the scores tell how exactly each feature follows from all others, linearly in ranks: a relation that
neither rises nor falls is not seen. Moments are integers and add, so those of a window come without its rows.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from evertrain.statistics import float_cells
from evertrain.statistics.control_limits import control_limit, family_sigmas
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

MAX_COLUMNS = 64
"""Scores that are related to each other. Cost and size grow with their square."""

MAX_LEVELS_PER_FEATURE, MIN_LEVEL_SHARE = 6, 0.05
"""The most frequent levels of a category get a score each, where they have at least this share of the rows."""

MIN_EXPLAINED_SHARE = 0.1
"""Of a feature's variance by the others, or there is no relation that could break."""

MIN_SPREAD = 1.25
"""Residual variance over that of training. Less does not matter, however sure it is."""

_GRID = 256
"""Scores are whole multiples of 1/256, so that their products are summed without rounding, in any order."""

_RIDGE = 0.02
SAMPLE_ROWS = 1 << 12
"""Of a part of a batch, evenly chosen: the spread is then known to 3 %, an eighth of the least that matters."""

_CHUNK = 1 << 12
_SMALLEST_SPREAD = 1e-3
_RESIDUAL_KURTOSIS = 5.0
"""Of residuals, for how far their variance varies by chance: scores are bounded, so it is seldom more."""


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """`level`: the category's level that it stands for; None where it is a number's place."""

    feature: str
    level: str | None


@dataclass(frozen=True, kw_only=True)
class Residual:
    """How a feature lies about what the others say it should be.

    `spread`: the variance that the others leave, over training's; 1 is as in training. `explained`: the share of the
    feature's variance that the others explained in training. `partner`: the one whose relation to it changed most.
    """

    feature: str
    spread: float
    explained: float
    partner: str


@dataclass(frozen=True, kw_only=True)
class FeatureScores:
    """Turns columns into scores, of which there is at least one."""

    baselines: Mapping[str, Baseline]
    scores: tuple[FeatureScore, ...]

    def moments(self, columns: Mapping[str, Column], *, max_rows: int = SAMPLE_ROWS) -> Moments:
        """Of all rows, or of so many of them, from all over."""
        rows = len(columns[self.scores[0].feature])
        if rows > max_rows:
            columns = select_rows(columns, evenly_spaced_sample(rows, max_rows))
        columns = {score.feature: columns[score.feature] for score in self.scores}
        total = np.zeros((1 + len(self.scores),) * 2, dtype=np.int64)
        for matrix in self._matrices(columns):
            total += (matrix @ matrix.T).astype(np.int64)  # exact: whole numbers below 2 ** 53
        return Moments(products=total)

    def _matrices(self, columns: Mapping[str, Column]) -> Iterator[Array]:
        """Scores of some rows at a time, shape (1 + scores, rows)."""
        rows = len(columns[self.scores[0].feature])
        whole = np.ones((1 + len(self.scores), min(rows, _CHUNK)))
        tables = [self._table(score, columns[score.feature]) for score in self.scores]
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

    def _table(self, score: FeatureScore, values: Column) -> Array:
        """By cell, or by the batch's code."""
        if isinstance(values, Categories):
            present, absent = self._levels[score]
            return np.array(
                [*(present if level == score.level else absent for level in values.levels), absent], float
            )
        return self._ranks[score.feature]

    @cached_property
    def _ranks(self) -> dict[str, Array]:
        found = {}
        for score in self.scores:
            baseline = self.baselines[score.feature]
            if isinstance(baseline.layout, NumericLayout):
                found[score.feature] = _ranks(baseline.layout.cells(baseline.sketch.counts))
        return found

    @cached_property
    def _levels(self) -> dict[FeatureScore, tuple[float, float]]:
        found: dict[FeatureScore, tuple[float, float]] = {}
        for score in self.scores:
            layout = self.baselines[score.feature].layout
            if score.level is not None and isinstance(layout, CategoryLayout):
                share = _share(self.baselines[score.feature], layout, score.level)
                deviation = math.sqrt(share * (1 - share))
                found[score] = round(_GRID * (1 - share) / deviation), round(-_GRID * share / deviation)
        return found


@dataclass(frozen=True, eq=False, kw_only=True)
class Relations:
    """What the reference knows of how its features go together. `limits`: by feature, where days were told apart."""

    scores: tuple[FeatureScore, ...]
    moments: Moments
    limits: Mapping[str, float]

    def residuals(self, moments: Moments) -> dict[str, Residual]:
        """Of the features that follow from others at all. Nothing where there are no rows."""
        if not moments.rows:
            return {}
        covariance = _covariance(moments)
        moved = covariance - self._covariance
        return {
            feature: Residual(
                feature=feature,
                spread=max(0.0, _variance(model.residual, covariance)) / model.unexplained,
                explained=model.explained,
                partner=self._partner(model, moved),
            )
            for feature, model in self._models.items()
            if model.unexplained
        }

    def null_quantile(self, *, rows: int) -> float:
        """The spread that one of all features' residuals exceeds by chance in one of a hundred batches."""
        tests = max(1, len(self._models))
        deviations = NormalDist().inv_cdf(1 - 0.01 / tests)
        return 1 + deviations * math.sqrt(
            (_RESIDUAL_KURTOSIS - 1) * (1 / max(1, rows) + 1 / max(1, self.moments.rows))
        )

    def spread_limit(self, feature: str) -> float:
        """Beyond it, a day is unlike the days of the training window; 0 where days were not told apart."""
        return self.limits.get(feature, 0.0)

    @cached_property
    def _covariance(self) -> Array:
        return _covariance(self.moments)

    @cached_property
    def _models(self) -> "dict[str, _LinearModel]":
        names = np.array([score.feature for score in self.scores])
        found = {}
        for feature in dict.fromkeys(names.tolist()):
            own = np.flatnonzero(names == feature)
            others = np.flatnonzero(names != feature)
            if len(others) and np.trace(self._covariance[np.ix_(own, own)]) > 0:
                model = _regress(self._covariance, own, others)
                if model.explained >= MIN_EXPLAINED_SHARE:
                    found[feature] = model
        return found

    def _partner(self, model: "_LinearModel", moved: Array) -> str:
        """Of the others, whose covariance with the feature changed most, weighed by what it explained."""
        change = np.abs(moved[np.ix_(model.own, model.others)]).sum(axis=0)
        return self.scores[int(model.others[int(np.argmax(change))])].feature


@dataclass(frozen=True, eq=False, kw_only=True)
class _LinearModel:
    """A feature's scores from those of all others. `residual`: shape (own, scores), takes scores to residuals, whose
    variance in training is `unexplained`, and `explained` the share of the feature's that is not."""

    own: npt.NDArray[np.intp]
    others: npt.NDArray[np.intp]
    residual: Array
    unexplained: float
    explained: float


def _regress(covariance: Array, own: npt.NDArray[np.intp], others: npt.NDArray[np.intp]) -> _LinearModel:
    among_others = covariance[np.ix_(others, others)]
    # Features that say the same are shared out instead of played off against each other.
    ridge = _RIDGE * np.eye(len(others))
    weights = np.linalg.solve(among_others + ridge, covariance[np.ix_(others, own)])
    residual = np.zeros((len(own), len(covariance)))
    residual[np.arange(len(own)), own] = 1.0
    residual[:, others] = -weights.T
    unexplained = _variance(residual, covariance)
    total = float(np.trace(covariance[np.ix_(own, own)]))
    return _LinearModel(
        own=own, others=others, residual=residual, unexplained=unexplained, explained=1 - unexplained / total
    )


def _variance(residual: Array, covariance: Array) -> float:
    """Of the residuals of scores with this covariance, summed over the feature's own scores."""
    return float(np.einsum("ij,jk,ik->", residual, covariance, residual, optimize=True))


def _covariance(moments: Moments) -> Array:
    """Of the scores, in units of one. Shift alone changes nothing in it: that is for the single features to show."""
    rows = max(1, moments.rows)
    mean = moments.products[0, 1:] / rows
    return np.asarray((moments.products[1:, 1:] / rows - np.outer(mean, mean)) / _GRID**2)


def feature_scores(baselines: Mapping[str, Baseline]) -> tuple[FeatureScore, ...]:
    """Those that are worth relating: numbers that vary, frequent levels; at most MAX_COLUMNS, numbers first."""
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
        if MIN_LEVEL_SHARE <= _share(baseline, baseline.layout, level) < 1
    ]
    return tuple((numbers + levels)[:MAX_COLUMNS])


def _share(baseline: Baseline, layout: CategoryLayout, level: str) -> float:
    return float(baseline.sketch.counts[2 + layout.levels.index(level)]) / max(1, baseline.rows)


def _varies(cells: Counts) -> bool:
    return int(np.count_nonzero(cells[1:])) > 1


def _ranks(counts: Counts) -> Array:
    """By cell: the mean rank of its values among the reference's, as a score of mean 0 and deviation 1 on the grid.

    Missing is 0: it says nothing of the others.
    """
    cells = counts.astype(np.float64)
    cells[0] = 0
    below = np.cumsum(cells) - cells / 2
    scores = np.rint(_GRID * math.sqrt(12) * (below / max(1.0, cells.sum()) - 0.5))
    scores[0] = 0
    return np.asarray(scores)


def spread_limits(relations: Relations, days: Sequence[Moments], *, false_alarm_rate: float) -> dict[str, float]:
    """By feature: the spread that is beyond those of single days, on this share of new days for any feature."""
    found = [relations.residuals(day) for day in days]
    # Of a ratio of variances, a factor down is as much as a factor up.
    logs = {
        feature: np.array([math.log(max(day[feature].spread, _SMALLEST_SPREAD)) for day in found])
        for feature in (found[0] if found else {})
    }
    sigmas = family_sigmas(list(logs.values()), false_alarm_rate=false_alarm_rate)
    limits = {feature: control_limit(values, sigmas=sigmas) for feature, values in logs.items()}
    return {feature: math.exp(limit) for feature, limit in limits.items() if limit is not None}

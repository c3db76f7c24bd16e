"""Do features still go together as they did? A relation that breaks shows in no single feature.

The second moments of the scores of all features (`scores.py`) tell how well each feature is predicted from all others
by linear regression; a relation that is not monotone is not seen. Moments are integers and add, so those of a window
are known without its rows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from evertrain.statistics.control_limits import control_limit, family_sigmas
from evertrain.statistics.layouts import (
    Column,
)
from evertrain.statistics.moments import Moments
from evertrain.statistics.scores import GRID, FeatureScore, FeatureScores

Array = npt.NDArray[np.float64]

MIN_EXPLAINED_SHARE = 0.1
"""Least share of a feature's variance that the others explain; below it there is no relation that could break."""

MIN_SPREAD = 1.25
"""Least ratio of residual variances that matters, however significant."""

MIN_SHIFT = 0.5
"""Least shift of a mean score, in deviations of the score, that is looked at for what explains it."""

_RIDGE = 0.02
_MIN_SPREAD_FOR_LOG = 1e-3
_RESIDUAL_KURTOSIS = 5.0
"""Assumed where it was not measured, as in references of earlier versions."""

_FALSE_ALARM_RATE = 0.01


@dataclass(frozen=True, kw_only=True)
class Residual:
    """The residual of a feature after regression on all others.

    `spread`: its variance over that in training. `explained`: the share of the feature's variance that the others
    explained in training. `partner`: the feature whose relation to it changed most.
    """

    feature: str
    spread: float
    explained: float
    partner: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Relations:
    """How the reference's features go together. `limits`: of the spread, by feature; empty without days.
    `kurtosis`: of a feature's residuals, E[r⁴] / E[r²]²: a rare level that is hard to predict has few and large ones.
    """

    scores: tuple[FeatureScore, ...]
    moments: Moments
    limits: Mapping[str, float]
    kurtosis: Mapping[str, float] = field(default_factory=dict)

    def residuals(self, moments: Moments) -> dict[str, Residual]:
        """By feature, for those that the others explain. Empty where there are no rows."""
        if not moments.rows:
            return {}
        moved = _covariance(moments) - self._covariance
        return {
            feature: Residual(
                feature=feature,
                spread=spread,
                explained=self._models[feature].explained,
                partner=self._most_changed_partner(self._models[feature], moved),
            )
            for feature, spread in self.spreads(moments).items()
        }

    def spreads(self, moments: Moments) -> dict[str, float]:
        """Of the residuals, by feature."""
        covariance = _covariance(moments)
        return {
            feature: max(0.0, _variance(model.residual, covariance)) / model.unexplained
            for feature, model in self._models.items()
            if model.unexplained
        }

    def null_quantile(self, feature: str, *, rows: int) -> float:
        """The spread that this feature exceeds by chance; in one of a hundred batches any feature exceeds its own.

        A mean of squares is about gamma-distributed, far from normal where few rows make up most of it (Wilson &
        Hilferty's approximation, PNAS 17, 1931).
        """
        deviations = NormalDist().inv_cdf(1 - _FALSE_ALARM_RATE / max(1, len(self._models)))
        # Below 1 by rounding only: residuals of one size, as of a column that is there twice, have 1.
        excess = max(0.0, self.kurtosis.get(feature, _RESIDUAL_KURTOSIS) - 1)
        ninth = excess * (1 / max(1, rows) + 1 / max(1, self.moments.rows)) / 9
        return float((1 - ninth + deviations * math.sqrt(ninth)) ** 3)

    def measure_kurtosis(self, scores: FeatureScores, columns: Mapping[str, Column]) -> dict[str, float]:
        """By feature, of the residuals of these rows."""
        squares, fourths, rows = dict.fromkeys(self._models, 0.0), dict.fromkeys(self._models, 0.0), 0
        mean = self.moments.products[0, 1:] / max(1, self.moments.rows)
        for matrix in scores.chunks(columns):
            centred = (matrix[1:] - mean[:, np.newaxis]) / GRID
            rows += centred.shape[1]
            for feature, model in self._models.items():
                of_rows = np.square(model.residual @ centred).sum(axis=0)
                squares[feature] += float(of_rows.sum())
                fourths[feature] += float(np.square(of_rows).sum())
        return {feature: rows * fourths[feature] / squares[feature] ** 2 for feature in squares if squares[feature]}

    def allowed_spread(self, feature: str, *, rows: int) -> float:
        """What the spread has to exceed: it matters, it is no chance, and no training day was like it."""
        return max(MIN_SPREAD, self.null_quantile(feature, rows=rows), self.limits.get(feature, 0.0))

    def broken(self, moments: Moments) -> list[str]:
        """The features whose spread is beyond what is allowed."""
        return [
            feature
            for feature, residual in self.residuals(moments).items()
            if residual.spread > self.allowed_spread(feature, rows=moments.rows)
        ]

    def exchanged(self, moments: Moments, one: str, other: str) -> Moments:
        """The moments as if two numeric features had held each other's values."""
        names = [score.feature for score in self.scores]
        order = np.arange(1 + len(names))
        first, second = 1 + names.index(one), 1 + names.index(other)
        order[[first, second]] = second, first
        return Moments(products=moments.products[np.ix_(order, order)])

    def explained_shift(
        self, feature: str, moments: Moments, *, since: Moments | None = None, by_all_but: Sequence[str]
    ) -> float | None:
        """The share of how far a numeric feature's mean has moved that follows from how others have moved, since an
        earlier batch or else since training; None where they don't tell.

        A share below 0 or above 1 is possible: then they moved in the other direction, or further. Of a mean that
        hardly moved, as when only the scale changes, there is nothing to explain.
        """
        names = np.array([score.feature for score in self.scores])
        own = np.flatnonzero(names == feature)
        others = np.flatnonzero(~np.isin(names, [feature, *by_all_but]))
        if len(own) != 1 or not len(others) or not moments.rows:
            return None
        model = _fit_linear_model(self._covariance, own, others)
        before = self.moments if since is None or not since.rows else since
        moved = moments.products[0, 1:] / moments.rows - before.products[0, 1:] / before.rows
        if model.explained < MIN_EXPLAINED_SHARE or abs(moved[own[0]]) < MIN_SHIFT * GRID:
            return None
        return float(1 - (model.residual @ moved)[0] / moved[own[0]])

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
                model = _fit_linear_model(self._covariance, own, others)
                if model.explained >= MIN_EXPLAINED_SHARE:
                    found[feature] = model
        return found

    def _most_changed_partner(self, model: "_LinearModel", moved: Array) -> str:
        """The feature whose covariance with this one changed most."""
        change = np.abs(moved[np.ix_(model.own, model.others)]).sum(axis=0)
        return self.scores[int(model.others[int(np.argmax(change))])].feature


@dataclass(frozen=True, eq=False, kw_only=True)
class _LinearModel:
    """Linear regression of a feature's scores on those of all others.

    `own`, `others`: indices of scores. `residual`: shape (own, scores), maps scores to residuals. `unexplained`: the
    residuals' variance in training. `explained`: R² in training.
    """

    own: npt.NDArray[np.intp]
    others: npt.NDArray[np.intp]
    residual: Array
    unexplained: float
    explained: float


def _fit_linear_model(covariance: Array, own: npt.NDArray[np.intp], others: npt.NDArray[np.intp]) -> _LinearModel:
    among_others = covariance[np.ix_(others, others)]
    # Ridge: collinear features share a weight, instead of large ones of opposite signs.
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
    """Variance of the residuals of scores with this covariance, summed over the feature's own scores."""
    # By hand: `einsum` takes longer to find this order than to follow it.
    return float(np.vdot((covariance.T @ residual.T).T, residual))


def _covariance(moments: Moments) -> Array:
    """Covariance of the scores. A shift alone leaves it as it is: the features themselves show that."""
    rows = max(1, moments.rows)
    mean = moments.products[0, 1:] / rows
    return np.asarray((moments.products[1:, 1:] / rows - np.outer(mean, mean)) / GRID**2)


def spread_limits(relations: Relations, days: Sequence[Moments], *, false_alarm_rate: float) -> dict[str, float]:
    """Control limits of the spread by feature: on this share of new days, some feature exceeds its own."""
    found = [relations.spreads(day) for day in days]
    # Logarithms, since a ratio of variances is as far down at 1/2 as it is up at 2.
    logs = {
        feature: np.array([math.log(max(day[feature], _MIN_SPREAD_FOR_LOG)) for day in found])
        for feature in (found[0] if found else {})
    }
    sigmas = family_sigmas(list(logs.values()), false_alarm_rate=false_alarm_rate)
    limits = {feature: control_limit(values, sigmas=sigmas) for feature, values in logs.items()}
    return {feature: math.exp(limit) for feature, limit in limits.items() if limit is not None}

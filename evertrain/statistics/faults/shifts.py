"""Numeric columns that lie far from where they lay in the batch before, as weighted points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evertrain.domain.landing.batches import Fault, FaultStanding
from evertrain.statistics.faults.conversions import Conversion
from evertrain.statistics.layouts import Counts, NumericLayout
from evertrain.statistics.measures import wasserstein
from evertrain.statistics.reference import FeatureReference
from evertrain.statistics.sketch import FeatureSketch, Sketch

Array = npt.NDArray[np.float64]

MIN_DISTANCE, MIN_TIMES_LIMIT, CERTAIN_TIMES_LIMIT = 0.5, 1.5, 2.0
"""Least distance, in standard deviations and in multiples of the control limit, to look for a fault at all, and for
one that is certain."""

MAX_SEASONAL_DISTANCE = 0.3
"""Largest control limit, in standard deviations, with which a batch is compared with the training rows where there is
no batch before it. A feature with a larger one has seasons, and a season looks like a change of unit."""

MAX_MODE_SHARE = 0.5
"""A column that is mostly one value, such as no rain, is not compared: any small factor would explain the rest."""

MAX_RESIDUAL_SHARE, MAX_RESIDUAL_DISTANCE = 0.25, 1.0
"""Largest share of the distance, and largest distance in standard deviations, that is left after the right
conversion is inverted: many others explain a part."""

MAX_COLLAPSED_CELLS, MIN_OVERLAP = 12, 0.5
"""A column in at most so many cells has no shape left to compare; then its range must overlap by this share."""


MIN_SHARE_BEYOND = 0.9
"""Least share of values outside the range of training for a doubt."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ShiftedColumn:
    """A numeric column as weighted points, beside those expected of it.

    `limit`: the control limit of its distance from them. `compared_with`: what is expected, for people. `beyond`: the
    share of its values outside the range of the training rows. Distances are in standard deviations of the reference.
    """

    name: str
    expected: tuple[Array, Counts]
    found: tuple[Array, Counts]
    expected_range: tuple[float, float]
    found_range: tuple[float, float]
    deviation: float
    limit: float
    compared_with: str
    beyond: float

    @property
    def is_shifted(self) -> bool:
        return self.distance > max(MIN_DISTANCE, MIN_TIMES_LIMIT * self.limit)

    @property
    def is_far(self) -> bool:
        """A fault that explains where it lies is certain then."""
        return self.distance > CERTAIN_TIMES_LIMIT * self.limit

    @property
    def standing(self) -> FaultStanding:
        return FaultStanding.CERTAIN if self.is_far else FaultStanding.DOUBTFUL

    @cached_property
    def distance(self) -> float:
        return self.distance_of(*self.found)

    def distance_of(self, values: Array, rows: Counts) -> float:
        """Distance of any weighted points from the expected ones."""
        distance = distance_between(self.expected, (values, rows))
        return np.inf if distance is None else distance / self.deviation

    def fits(self, conversion: Conversion) -> bool:
        """Whether inverting the conversion explains where the values lie."""
        if self.is_collapsed:
            return self.overlap(conversion) >= MIN_OVERLAP
        left = self.residual_distance(conversion)
        if left > min(self.limit, MAX_RESIDUAL_DISTANCE, MAX_RESIDUAL_SHARE * self.distance):
            return False
        # A conversion stretches as it moves. Values that moved and are spread as before are another population.
        found = self.found[0]
        return not conversion.stretches or self._distance_in_spread(conversion.invert(found)) <= (
            self._distance_in_spread(found)
        )

    def residual_distance(self, conversion: Conversion) -> float:
        """The distance that is left after the conversion is inverted."""
        values, rows = self.found
        return self.distance_of(conversion.invert(values), rows)

    def _distance_in_spread(self, values: Array) -> float:
        """The distance that is left once both have the same mean. `values`: of the points found."""
        rows = self.found[1]
        means = [np.average(each, weights=weights) for each, weights in ((values, rows), self.expected)]
        return self.distance_of(values - means[0] + means[1], rows)

    @property
    def is_collapsed(self) -> bool:
        """Whether the values lie in so few cells that only their lowest and highest are informative."""
        return len(self.found[0]) <= MAX_COLLAPSED_CELLS < len(self.expected[0]) / 4

    def overlap(self, conversion: Conversion) -> float:
        """Intersection over union of the two ranges after the conversion is inverted."""
        low, high = sorted(conversion.invert(np.array(self.found_range)))
        inner = min(high, self.expected_range[1]) - max(low, self.expected_range[0])
        return float(inner / (max(high, self.expected_range[1]) - min(low, self.expected_range[0])))


def shifted_columns(
    features: Sequence[FeatureReference], sketch: Sketch, expected: Sketch | None, *, lag: int
) -> list[ShiftedColumn]:
    """Those that lie far from an earlier batch, `lag` batches ago, or from the training rows where there is none."""
    compared = (_compare(feature, sketch, expected, lag=lag) for feature in features if feature.kind.is_quantitative)
    return [column for column in compared if column is not None and column.is_shifted]


def beyond_training(column: ShiftedColumn) -> Fault | None:
    """Of a column that is suddenly elsewhere than in all of training, and no fault that is known explains it."""
    if column.beyond < MIN_SHARE_BEYOND or not column.is_far:
        return None
    return Fault(
        code="beyond_training",
        column=column.name,
        standing=FaultStanding.DOUBTFUL,
        message=f"{column.name}: {column.beyond:.0%} of the values lie outside the range of training, and they were "
        f"within {column.limit:.1f} standard deviations of each other from batch to batch, now {column.distance:.1f}",
    )


def _compare(feature: FeatureReference, sketch: Sketch, expected: Sketch | None, *, lag: int) -> ShiftedColumn | None:
    """None where a fault can't be told from a season."""
    baseline, limits = feature.baseline, feature.limits
    if not isinstance(baseline.layout, NumericLayout) or not baseline.deviation or limits is None:
        return None
    limit = limits.wasserstein if expected is None else limits.jump
    if limit is None or (expected is None and limit > MAX_SEASONAL_DISTANCE):
        return None
    before = baseline.sketch if expected is None else expected.features[feature.name]
    expected_range, found_range = _range(before), _range(sketch.features[feature.name])
    trained_range = _range(baseline.sketch)
    if expected_range is None or found_range is None or trained_range is None:
        return None
    if baseline.mode_share(before) > MAX_MODE_SHARE:
        return None
    found = weighted_points(baseline.layout, sketch.features[feature.name])
    return ShiftedColumn(
        name=feature.name,
        expected=weighted_points(baseline.layout, before),
        found=found,
        expected_range=expected_range,
        found_range=found_range,
        deviation=baseline.deviation,
        limit=limit * math.sqrt(lag),  # as if batches wandered
        compared_with=_what(expected, lag),
        beyond=_share_beyond(found, trained_range),
    )


def _share_beyond(points: tuple[Array, Counts], span: tuple[float, float]) -> float:
    values, rows = points
    return float(rows[(values < span[0]) | (values > span[1])].sum() / max(1, rows.sum()))


def _what(expected: Sketch | None, lag: int) -> str:
    if expected is None:
        return "the training rows"
    return "the batch before" if lag == 1 else f"the batch {lag} batches ago"


def _range(sketch: FeatureSketch) -> tuple[float, float] | None:
    return None if sketch.lowest is None or sketch.highest is None else (sketch.lowest, sketch.highest)


def weighted_points(layout: NumericLayout, sketch: FeatureSketch) -> tuple[Array, Counts]:
    """Weighted points of a sketch. Cells far out are wide, so they are clipped to the lowest and highest value."""
    ascending, places = layout.ascending(sketch.counts), layout.positions
    used = np.flatnonzero(ascending)
    used = used[np.isfinite(places[used])]
    if sketch.lowest is None or sketch.highest is None:
        return places[used], ascending[used]
    if len(used) == 1:
        return np.array([sketch.lowest / 2 + sketch.highest / 2]), ascending[used]
    return np.clip(places[used], sketch.lowest, sketch.highest), ascending[used]


def distance_between(one: tuple[Array, Counts], other: tuple[Array, Counts]) -> float | None:
    places = np.concatenate([one[0], other[0]])
    order = np.argsort(places, kind="stable")
    before = np.concatenate([one[1], np.zeros_like(other[1])])[order]
    after = np.concatenate([np.zeros_like(one[1]), other[1]])[order]
    return wasserstein(places[order], before, after)

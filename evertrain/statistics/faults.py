"""Did the feed break, rather than the world change? As far as a batch and its reference can tell.

Retraining answers drift; after a fault it would only teach the model the fault. Each rule asks for more than drift:
a feature unlike any training day, and one simple fault that explains it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evertrain.domain.landing.batches import Fault
from evertrain.statistics.layouts import CategoryLayout, Counts, NumericLayout
from evertrain.statistics.measures import wasserstein
from evertrain.statistics.reference import FeatureReference, Reference
from evertrain.statistics.sketch import FeatureSketch, Sketch

Array = npt.NDArray[np.float64]

MIN_ROWS = 50
"""With fewer rows, equal values may be chance."""

MIN_MISSING_SHARE, MAX_USUAL_MISSING_SHARE = 0.95, 0.5
"""Least missing share of the batch, and largest of training, for a fault; in between a sensor may have a bad day."""

MAX_MODE_SHARE_OF_A_DAY, MAX_MODE_SHARE = 0.9, 0.5
"""Above this share of one value on any training day, or in all training rows, a constant batch is plausible."""

MIN_UNSEEN_SHARE = 0.9
"""Least share of unseen levels for a fault: a code whose spelling changed, rather than new customers."""

MIN_DISTANCE, MIN_TIMES_LIMIT = 0.5, 2.0
"""Least distance, in standard deviations and in multiples of the control limit, to look for a fault at all."""

MAX_SEASONAL_DISTANCE = 0.3
"""Largest control limit, in standard deviations, with which a batch is compared with the training rows where there is
no batch before it. A feature with a larger one has seasons, and a season looks like a change of unit."""

MAX_RESIDUAL_SHARE, MAX_RESIDUAL_DISTANCE = 0.25, 1.0
"""Largest share of the distance, and largest distance in standard deviations, that is left after the right
conversion is inverted: many others explain a part."""

MAX_COLLAPSED_CELLS, MIN_OVERLAP = 12, 0.5
"""A column in at most so many cells has no shape left to compare; then its range must overlap by this share."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A change of unit: value * factor + offset."""

    description: str
    factor: float
    offset: float = 0.0

    def invert(self, values: Array) -> Array:
        with np.errstate(over="ignore"):
            return (values - self.offset) / self.factor


def _both_ways(one: str, other: str, factor: float) -> tuple[Conversion, Conversion]:
    return Conversion(f"from {one} to {other}", factor), Conversion(f"from {other} to {one}", 1 / factor)


CONVERSIONS = (
    Conversion("from °F to °C", 5 / 9, -160 / 9),
    Conversion("from °C to °F", 9 / 5, 32.0),
    Conversion("from °C to K", 1.0, 273.15),
    Conversion("from K to °C", 1.0, -273.15),
    Conversion("to the opposite sign", -1.0),
    *_both_ways("miles", "kilometres", 1.609344),
    *_both_ways("nautical miles", "kilometres", 1.852),
    *_both_ways("feet", "metres", 0.3048),
    *_both_ways("inches", "centimetres", 2.54),
    *_both_ways("inches", "millimetres", 25.4),
    *_both_ways("pounds", "kilograms", 0.45359237),
    *_both_ways("knots", "m/s", 0.514444),
    *_both_ways("mph", "m/s", 0.44704),
    *_both_ways("m/s", "km/h", 3.6),
    *_both_ways("inHg", "hPa", 33.8639),
    Conversion("from hours to minutes, or minutes to seconds", 60.0),
    Conversion("from seconds to minutes, or minutes to hours", 1 / 60),
    *_both_ways("hours", "seconds", 3600.0),
    *_both_ways("a fraction", "percent", 100.0),
    *(Conversion(f"by a factor of {factor:,}", factor) for factor in (10, 1_000, 1_000_000)),
    *(Conversion(f"by a divisor of {factor:,}", 1 / factor) for factor in (10, 1_000, 1_000_000)),
)


def find_faults(reference: Reference, sketch: Sketch, *, before: Sketch | None = None) -> tuple[Fault, ...]:
    """The faults of a batch; none where it has too few rows. `before`: the previous batch.

    A fault is sudden and a season is not. So a change of unit is looked for only in columns that lie far from the
    previous batch, or, without one, from the training rows. Both sketches are in the reference's layout.
    """
    if sketch.rows < MIN_ROWS:
        return ()
    if before is not None and before.rows < MIN_ROWS:
        before = None
    single = {
        feature.name: fault
        for feature in reference.features
        if (
            fault := _missing_fault(feature, sketch)
            or _constant_fault(feature, sketch)
            or _unknown_levels_fault(feature, sketch)
        )
    }
    shifted = [
        column
        for feature in reference.features
        if feature.kind.is_quantitative and feature.name not in single
        if (column := _compared_column(feature, sketch, before)) is not None and column.is_shifted
    ]
    exchanged = _exchange_faults(shifted)
    found = single | exchanged | _conversion_faults([column for column in shifted if column.name not in exchanged])
    return tuple(found[feature.name] for feature in reference.features if feature.name in found)


# --- one column by itself -----------------------------------------------------------------------


def _missing_fault(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    rows, missing = sketch.rows, int(sketch.features[feature.name].counts[0])
    worst = feature.limits.missing_share if feature.limits is not None else 0.0
    if (
        missing < MIN_MISSING_SHARE * rows
        or feature.missing_share > MAX_USUAL_MISSING_SHARE
        or missing / rows <= worst
    ):
        return None
    message = (
        f"{feature.name}: {missing:,} of {rows:,} values are missing, {feature.missing_share:.1%} were in training"
    )
    return Fault(code="mostly_missing", column=feature.name, message=message)


def _constant_fault(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    found = sketch.features[feature.name]
    present = int(found.counts[1:].sum())
    usual_mode_share = (
        feature.limits.mode_share
        if feature.limits is not None
        else feature.baseline.mode_share(feature.baseline.sketch)
    )
    if present < MIN_ROWS or usual_mode_share > (
        MAX_MODE_SHARE_OF_A_DAY if feature.limits is not None else MAX_MODE_SHARE
    ):
        return None
    value = _only_value(feature, found)
    if value is None or (feature.limits is None and value != "0"):
        return None  # where days are not told apart, a day's date or a single site is constant by right
    message = (
        f"{feature.name}: all {present:,} values are {value}; "
        f"in training one value had at most {usual_mode_share:.1%}"
    )
    return Fault(code="constant", column=feature.name, message=message)


def _only_value(feature: FeatureReference, found: FeatureSketch) -> str | None:
    layout = feature.baseline.layout
    if isinstance(layout, NumericLayout):
        finite = found.lowest is not None and found.lowest == found.highest
        infinite = found.counts[[1, -1 - len(layout.atoms)]].any()
        return f"{found.lowest:.6g}" if finite and not infinite else None
    present = np.flatnonzero(found.counts[1:])
    return layout.levels[int(present[0]) - 1] if len(present) == 1 and present[0] > 0 else None


def _unknown_levels_fault(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    layout, counts = feature.baseline.layout, sketch.features[feature.name].counts
    if not isinstance(layout, CategoryLayout) or layout.is_partial:
        return None
    present = int(counts[1:].sum())
    if present < MIN_ROWS or counts[1] < MIN_UNSEEN_SHARE * present:
        return None
    known = ", ".join(layout.levels[:3])
    message = f"{feature.name}: {counts[1]:,} of {present:,} values were never seen in training, which had {known}"
    return Fault(code="unknown_levels", column=feature.name, message=f"{message} and others")


# --- a column whose values look like another unit, or another column -----------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class _ComparedColumn:
    """A numeric column as weighted points, beside those expected of it.

    `limit`: the control limit of its distance from them. `compared_with`: what is expected, for people. Distances
    are in standard deviations of the reference.
    """

    name: str
    expected: tuple[Array, Counts]
    found: tuple[Array, Counts]
    expected_range: tuple[float, float]
    found_range: tuple[float, float]
    deviation: float
    limit: float
    compared_with: str

    @property
    def is_shifted(self) -> bool:
        return self.distance > max(MIN_DISTANCE, MIN_TIMES_LIMIT * self.limit)

    @cached_property
    def distance(self) -> float:
        return self.distance_of(*self.found)

    def distance_of(self, values: Array, rows: Counts) -> float:
        """Distance of any weighted points from the expected ones."""
        distance = _distance(self.expected, (values, rows))
        return np.inf if distance is None else distance / self.deviation

    def fits(self, conversion: Conversion) -> bool:
        """Whether inverting the conversion explains where the values lie."""
        if self.is_collapsed:
            return self.overlap(conversion) >= MIN_OVERLAP
        return self.residual_distance(conversion) <= min(
            self.limit, MAX_RESIDUAL_DISTANCE, MAX_RESIDUAL_SHARE * self.distance
        )

    def residual_distance(self, conversion: Conversion) -> float:
        """The distance that is left after the conversion is inverted."""
        values, rows = self.found
        return self.distance_of(conversion.invert(values), rows)

    @property
    def is_collapsed(self) -> bool:
        """Whether the values lie in so few cells that only their lowest and highest are informative."""
        return len(self.found[0]) <= MAX_COLLAPSED_CELLS < len(self.expected[0]) / 4

    def overlap(self, conversion: Conversion) -> float:
        """Intersection over union of the two ranges after the conversion is inverted."""
        low, high = sorted(conversion.invert(np.array(self.found_range)))
        inner = min(high, self.expected_range[1]) - max(low, self.expected_range[0])
        return float(inner / (max(high, self.expected_range[1]) - min(low, self.expected_range[0])))


def _compared_column(feature: FeatureReference, sketch: Sketch, before: Sketch | None) -> _ComparedColumn | None:
    """None where a fault can't be told from a season."""
    baseline, limits = feature.baseline, feature.limits
    if not isinstance(baseline.layout, NumericLayout) or not baseline.deviation or limits is None:
        return None
    limit = limits.wasserstein if before is None else limits.jump
    if limit is None or (before is None and limit > MAX_SEASONAL_DISTANCE):
        return None
    expected = baseline.sketch if before is None else before.features[feature.name]
    expected_range, found_range = _range(expected), _range(sketch.features[feature.name])
    if expected_range is None or found_range is None or baseline.mode_share(expected) > MAX_MODE_SHARE:
        return None  # mostly one value, such as no rain: any small factor would explain the rest
    return _ComparedColumn(
        name=feature.name,
        expected=_points(baseline.layout, expected),
        found=_points(baseline.layout, sketch.features[feature.name]),
        expected_range=expected_range,
        found_range=found_range,
        deviation=baseline.deviation,
        limit=limit,
        compared_with="the training rows" if before is None else "the batch before",
    )


def _range(sketch: FeatureSketch) -> tuple[float, float] | None:
    return None if sketch.lowest is None or sketch.highest is None else (sketch.lowest, sketch.highest)


def _points(layout: NumericLayout, sketch: FeatureSketch) -> tuple[Array, Counts]:
    """Weighted points of a sketch. Cells far out are wide, so they are clipped to the lowest and highest value."""
    ascending, places = layout.ascending(sketch.counts), layout.positions
    used = (ascending > 0) & np.isfinite(places)
    if sketch.lowest is None or sketch.highest is None:
        return places[used], ascending[used]
    if used.sum() == 1:
        return np.array([sketch.lowest / 2 + sketch.highest / 2]), ascending[used]
    return np.clip(places[used], sketch.lowest, sketch.highest), ascending[used]


def _distance(one: tuple[Array, Counts], other: tuple[Array, Counts]) -> float | None:
    places = np.concatenate([one[0], other[0]])
    order = np.argsort(places, kind="stable")
    before = np.concatenate([one[1], np.zeros_like(other[1])])[order]
    after = np.concatenate([np.zeros_like(one[1]), other[1]])[order]
    return wasserstein(places[order], before, after)


def _conversion_faults(shifted: Sequence[_ComparedColumn]) -> dict[str, Fault]:
    """One conversion must explain all shifted columns: where each moved in its own way, the world changed."""
    best = {column.name: _best_conversion(column) for column in shifted}
    if len(set(best.values())) != 1 or None in best.values():
        return {}
    return {
        column.name: Fault(
            code="unit_changed",
            column=column.name,
            message=f"{column.name}: values lie {column.distance:.1f} standard deviations "
            f"from {column.compared_with}, days at most {column.limit:.1f}; as if converted {conversion.description}",
        )
        for column in shifted
        if (conversion := best[column.name]) is not None
    }


def _best_conversion(column: _ComparedColumn) -> Conversion | None:
    """The conversion that explains the values best, if any does."""
    fitting = [each for each in CONVERSIONS if column.fits(each)]
    if not fitting:
        return None
    return max(fitting, key=column.overlap if column.is_collapsed else lambda each: -column.residual_distance(each))


def _exchange_faults(shifted: Sequence[_ComparedColumn]) -> dict[str, Fault]:
    """Columns that hold what another of them held, as when a header slipped. One may be chance, so at least two."""
    holds = {}
    for column in shifted:
        distances = {other.name: other.distance_of(*column.found) for other in shifted if other is not column}
        fitting = [other.name for other in shifted if other is not column and distances[other.name] <= other.limit]
        if fitting:
            holds[column.name] = min(fitting, key=lambda name: distances[name])
    if len(set(holds.values())) < 2:
        return {}
    return {
        name: Fault(code="columns_exchanged", column=name, message=f"{name}: holds what {other} held before")
        for name, other in holds.items()
    }

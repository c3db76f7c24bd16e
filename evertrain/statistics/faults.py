"""Is it the feed that broke, rather than the world that changed? As far as a batch and its reference can tell.

Retraining answers drift; on a fault it would only teach the model the fault. Each rule asks for more than drift does:
a feature that no training day ever resembled, and one simple mishap that explains it.
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
"""With fewer, that all are alike may be chance."""

MIN_MISSING_SHARE, MAX_USUAL_MISSING_SHARE = 0.95, 0.5
"""Shares of the batch's rows, and of training's. Between them, it may be bad weather for a sensor."""

MAX_MODE_SHARE_OF_A_DAY, MAX_MODE_SHARE = 0.9, 0.5
"""Share of one value on a training day, or in all training rows, that makes it plausible for all rows of a batch."""

MIN_UNSEEN_SHARE = 0.9
"""Share of a category's values that are new: a code that changed its spelling, not new customers."""

MIN_DISTANCE, MIN_TIMES_LIMIT = 0.5, 2.0
"""Standard deviations away, and times as far as one day may lie from the day before, to look for a mishap at all."""

MAX_SEASONAL_DISTANCE = 0.3
"""Standard deviations that a day lies from the training rows, at most, where there is no batch before it: a feature
that wanders more has seasons, and a season is easily taken for a conversion."""

MAX_RESIDUAL_SHARE, MAX_RESIDUAL_DISTANCE = 0.25, 1.0
"""Of the distance, and standard deviations, that the right conversion leaves at most: many explain a part."""

MAX_BLURRED_CELLS, MIN_OVERLAP = 12, 0.5
"""Cells in which a column that has shrunk keeps no shape, and the share of common range that tells it then."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What may have happened to a column: value * factor + offset."""

    description: str
    factor: float
    offset: float = 0.0

    def undone(self, values: Array) -> Array:
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
    """Of a batch; none where there are too few rows. `before`: the batch before it.

    A mishap is sudden and a season is not: so a unit is looked for only in what lies far from the batch before, or,
    without one, from the training rows. Both sketches are of the reference's layout.
    """
    if sketch.rows < MIN_ROWS:
        return ()
    if before is not None and before.rows < MIN_ROWS:
        before = None
    single = {
        feature.name: fault
        for feature in reference.features
        if (fault := _missing(feature, sketch) or _constant(feature, sketch) or _unknown(feature, sketch))
    }
    far = [
        column
        for feature in reference.features
        if feature.kind.is_quantitative and feature.name not in single
        if (column := _placed(feature, sketch, before)) is not None and column.is_far
    ]
    exchanged = _exchanged(far)
    found = single | exchanged | _converted([column for column in far if column.name not in exchanged])
    return tuple(found[feature.name] for feature in reference.features if feature.name in found)


# --- one column by itself -----------------------------------------------------------------------


def _missing(feature: FeatureReference, sketch: Sketch) -> Fault | None:
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


def _constant(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    found = sketch.features[feature.name]
    there = int(found.counts[1:].sum())
    usual = (
        feature.limits.mode_share
        if feature.limits is not None
        else feature.baseline.mode_share(feature.baseline.sketch)
    )
    if there < MIN_ROWS or usual > (MAX_MODE_SHARE_OF_A_DAY if feature.limits is not None else MAX_MODE_SHARE):
        return None
    value = _only_value(feature, found)
    if value is None or (feature.limits is None and value != "0"):
        return None  # where days are not told apart, a day's date or a single site is constant by right
    message = f"{feature.name}: all {there:,} values are {value}; in training one value had at most {usual:.1%}"
    return Fault(code="constant", column=feature.name, message=message)


def _only_value(feature: FeatureReference, found: FeatureSketch) -> str | None:
    layout = feature.baseline.layout
    if isinstance(layout, NumericLayout):
        finite = found.lowest is not None and found.lowest == found.highest
        infinite = found.counts[[1, -1 - len(layout.atoms)]].any()
        return f"{found.lowest:.6g}" if finite and not infinite else None
    there = np.flatnonzero(found.counts[1:])
    return layout.levels[int(there[0]) - 1] if len(there) == 1 and there[0] > 0 else None


def _unknown(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    layout, counts = feature.baseline.layout, sketch.features[feature.name].counts
    if not isinstance(layout, CategoryLayout) or layout.is_partial:
        return None
    there = int(counts[1:].sum())
    if there < MIN_ROWS or counts[1] < MIN_UNSEEN_SHARE * there:
        return None
    known = ", ".join(layout.levels[:3])
    message = f"{feature.name}: {counts[1]:,} of {there:,} values were never seen in training, which had {known}"
    return Fault(code="unknown_levels", column=feature.name, message=f"{message} and others")


# --- a column that lies where another unit, or another column, would -----------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class _Placed:
    """A numeric column as weighted points beside those that it is expected to be like, with how far days may lie
    apart. Distances are in standard deviations of the reference."""

    name: str
    expected: tuple[Array, Counts]
    found: tuple[Array, Counts]
    expected_range: tuple[float, float]
    found_range: tuple[float, float]
    deviation: float
    limit: float
    since: str

    @property
    def is_far(self) -> bool:
        return self.distance > max(MIN_DISTANCE, MIN_TIMES_LIMIT * self.limit)

    @cached_property
    def distance(self) -> float:
        return self.distance_of(*self.found)

    def distance_of(self, values: Array, rows: Counts) -> float:
        """Of any points from the expected ones."""
        distance = _distance(self.expected, (values, rows))
        return np.inf if distance is None else distance / self.deviation

    def fits(self, conversion: Conversion) -> bool:
        """Would undoing it explain where the values lie?"""
        if self.is_blurred:
            return self.overlap(conversion) >= MIN_OVERLAP
        return self.left_by(conversion) <= min(self.limit, MAX_RESIDUAL_DISTANCE, MAX_RESIDUAL_SHARE * self.distance)

    def left_by(self, conversion: Conversion) -> float:
        """The distance that is left when it is undone."""
        values, rows = self.found
        return self.distance_of(conversion.undone(values), rows)

    @property
    def is_blurred(self) -> bool:
        """What has shrunk lies in a few cells, and has no shape left but its lowest and highest value."""
        return len(self.found[0]) <= MAX_BLURRED_CELLS < len(self.expected[0]) / 4

    def overlap(self, conversion: Conversion) -> float:
        """Of the ranges, when it is undone: what is common over what either has."""
        low, high = sorted(conversion.undone(np.array(self.found_range)))
        inner = min(high, self.expected_range[1]) - max(low, self.expected_range[0])
        return float(inner / (max(high, self.expected_range[1]) - min(low, self.expected_range[0])))


def _placed(feature: FeatureReference, sketch: Sketch, before: Sketch | None) -> _Placed | None:
    """None where nothing can be told from a season."""
    baseline, limits = feature.baseline, feature.limits
    if not isinstance(baseline.layout, NumericLayout) or not baseline.deviation or limits is None:
        return None
    limit = limits.wasserstein if before is None else limits.jump
    if limit is None or (before is None and limit > MAX_SEASONAL_DISTANCE):
        return None
    expected = baseline.sketch if before is None else before.features[feature.name]
    expected_range, found_range = _range(expected), _range(sketch.features[feature.name])
    if expected_range is None or found_range is None or baseline.mode_share(expected) > MAX_MODE_SHARE:
        return None  # rain is mostly none: any factor that shrinks would explain a downpour
    return _Placed(
        name=feature.name,
        expected=_points(baseline.layout, expected),
        found=_points(baseline.layout, sketch.features[feature.name]),
        expected_range=expected_range,
        found_range=found_range,
        deviation=baseline.deviation,
        limit=limit,
        since="the training rows" if before is None else "the batch before",
    )


def _range(sketch: FeatureSketch) -> tuple[float, float] | None:
    return None if sketch.lowest is None or sketch.highest is None else (sketch.lowest, sketch.highest)


def _points(layout: NumericLayout, sketch: FeatureSketch) -> tuple[Array, Counts]:
    """Far from where the reference lies cells are wide; the lowest and the highest value are known exactly."""
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


def _converted(far: Sequence[_Placed]) -> dict[str, Fault]:
    """One conversion for all that lies far: where several columns moved, each in its own way, the world did."""
    best = {column.name: _conversion(column) for column in far}
    if len(set(best.values())) != 1 or None in best.values():
        return {}
    return {
        column.name: Fault(
            code="unit_changed",
            column=column.name,
            message=f"{column.name}: values lie {column.distance:.1f} standard deviations from {column.since}, "
            f"days at most {column.limit:.1f}; as if converted {conversion.description}",
        )
        for column in far
        if (conversion := best[column.name]) is not None
    }


def _conversion(column: _Placed) -> Conversion | None:
    """The one that explains most of where the values lie, if any does."""
    fitting = [each for each in CONVERSIONS if column.fits(each)]
    if not fitting:
        return None
    return max(fitting, key=column.overlap if column.is_blurred else lambda each: -column.left_by(each))


def _exchanged(far: Sequence[_Placed]) -> dict[str, Fault]:
    """Columns that hold what others of them held: a header that slipped. One alone may be chance, so two at least."""
    holds = {}
    for column in far:
        distances = {other.name: other.distance_of(*column.found) for other in far if other is not column}
        fitting = [other.name for other in far if other is not column and distances[other.name] <= other.limit]
        if fitting:
            holds[column.name] = min(fitting, key=lambda name: distances[name])
    if len(set(holds.values())) < 2:
        return {}
    return {
        name: Fault(code="columns_exchanged", column=name, message=f"{name}: holds what {other} held before")
        for name, other in holds.items()
    }

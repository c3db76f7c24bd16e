"""Columns that hold what others of them held, as when a header slipped."""

from collections.abc import Container, Sequence
from itertools import combinations

from evertrain.domain.landing.batches import Fault, FaultStanding
from evertrain.statistics.faults.shifts import ShiftedColumn, distance_between, weighted_points
from evertrain.statistics.layouts import NumericLayout
from evertrain.statistics.moments import Moments
from evertrain.statistics.reference import FeatureReference, Reference
from evertrain.statistics.relations import Relations
from evertrain.statistics.sketch import Sketch

MAX_BROKEN = 12
"""With more broken relations, something else is wrong than two columns."""

MAX_DISTANCE_OF_ALIKE = 0.25
"""In standard deviations."""

MAX_PAIRS = 3
"""With more pairs whose exchange would explain it, none does."""

MIN_IMPROVEMENT = 2.0
"""Least ratio of what the others leave unexplained of a column, before and after the exchange is undone."""


def exchanges_among(shifted: Sequence[ShiftedColumn]) -> dict[str, Fault]:
    """Of columns that lie elsewhere. One that lies where another lay may be chance, so at least two."""
    holds = {}
    for column in shifted:
        distances = {other.name: other.distance_of(*column.found) for other in shifted if other is not column}
        fitting = [other.name for other in shifted if other is not column and distances[other.name] <= other.limit]
        if fitting:
            holds[column.name] = min(fitting, key=lambda name: distances[name])
    if len(set(holds.values())) < 2:
        return {}
    are_far = all(column.is_far for column in shifted if column.name in holds)
    standing = FaultStanding.CERTAIN if are_far else FaultStanding.DOUBTFUL
    return {name: _fault(name, other, standing) for name, other in holds.items()}


def exchanges_of_relations(reference: Reference, sketch: Sketch, *, without: Container[str]) -> dict[str, Fault]:
    """Of columns that are alike, and each goes together with the others as the other one did: two whose exchange back
    mends every relation. Where that holds of several pairs, it cannot be told which it was. Columns in `without` have
    another fault."""
    relations, moments = reference.relations, sketch.moments
    if relations is None or moments is None:
        return {}
    broken = relations.broken(moments)
    if not 1 < len(broken) <= MAX_BROKEN:
        return {}
    by_name = {feature.name: feature for feature in reference.features if feature.name not in without}
    mending = [
        (one, other)
        for one, other in combinations([name for name in broken if name in by_name], 2)
        if _are_alike(by_name[one], by_name[other]) and _mends(relations, moments, one, other)
    ]
    if not 1 <= len(mending) <= MAX_PAIRS:
        return {}
    return {
        name: _fault(name, partner)
        for one, other in reversed(mending)
        for name, partner in ((one, other), (other, one))
    }


def _are_alike(one: FeatureReference, other: FeatureReference) -> bool:
    """Whether their training values lie in the same place, so that their exchange shows in neither."""
    first, second = one.baseline.layout, other.baseline.layout
    if not isinstance(first, NumericLayout) or not isinstance(second, NumericLayout):
        return False
    distance = distance_between(
        weighted_points(first, one.baseline.sketch), weighted_points(second, other.baseline.sketch)
    )
    deviation = min(one.baseline.deviation or 0.0, other.baseline.deviation or 0.0)
    return distance is not None and distance <= MAX_DISTANCE_OF_ALIKE * deviation


def _mends(relations: Relations, moments: Moments, one: str, other: str) -> bool:
    mended = relations.exchanged(moments, one, other)
    if relations.broken(mended):
        return False
    before, after = relations.residuals(moments), relations.residuals(mended)
    return all(before[name].spread > MIN_IMPROVEMENT * after[name].spread for name in (one, other))


def _fault(name: str, other: str, standing: FaultStanding = FaultStanding.CERTAIN) -> Fault:
    message = f"{name}: holds what {other} held before"
    return Fault(code="columns_exchanged", column=name, standing=standing, message=message)

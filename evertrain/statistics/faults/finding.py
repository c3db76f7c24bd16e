"""The faults of a batch, graded. Retraining answers drift; after a fault it would only teach the model the fault.

Each rule asks for more than drift: a feature unlike any training day, and one simple fault that explains it.
"""

from collections.abc import Sequence

from evertrain.domain.landing.batches import Fault, FaultStanding
from evertrain.statistics.faults.exchanges import exchanges_among, exchanges_of_relations
from evertrain.statistics.faults.shifts import ShiftedColumn, beyond_training, shifted_columns
from evertrain.statistics.faults.single_columns import constant, mostly_missing, mostly_one_value, unknown_levels
from evertrain.statistics.faults.units import converted_columns
from evertrain.statistics.reference import FeatureReference, Reference
from evertrain.statistics.sketch import Sketch

MIN_ROWS = 50
"""With fewer rows, equal values may be chance."""

RULES_FOR_A_COLUMN = (mostly_missing, constant, unknown_levels, mostly_one_value)
"""In the order in which they count. To add one: a function there, its place here, and its code in
`COMPARISON_FAULT_CODES`."""


def find_faults(reference: Reference, sketch: Sketch, *, earlier: Sequence[Sketch] = ()) -> tuple[Fault, ...]:
    """The faults of a batch, certain or doubtful; none where it has too few rows.

    `earlier`: good batches before it, the newest first, in the reference's layout as the batch is. A fault is sudden
    and a season is not: so a change of unit is looked for only in columns that lie far from those, or, without any,
    from the training rows. Several, since a fault may begin in the middle of a batch, and what follows is whole.
    """
    if sketch.rows < MIN_ROWS:
        return ()
    found = {feature.name: fault for feature in reference.features if (fault := _fault_of(feature, sketch))}
    certain = {name for name, fault in found.items() if fault.standing is FaultStanding.CERTAIN}
    comparable = [feature for feature in reference.features if feature.name not in certain]
    enough = [each for each in earlier if each.rows >= MIN_ROWS]
    # The newest batch first: what explains the difference from it needs no older one.
    for lag, expected in enumerate(enough or [None], start=1):
        shifted = shifted_columns(comparable, sketch, expected, lag=lag)
        far = [column for column in shifted if column.is_far]
        # What lies far out is to be explained, whatever else wandered a little.
        faults = _faults_of_shifts(reference, sketch, expected, far) or _faults_of_shifts(
            reference, sketch, expected, shifted
        )
        if faults:
            found |= faults
            break
        if lag == 1:
            found |= {column.name: fault for column in shifted if (fault := beyond_training(column)) is not None}
    found |= exchanges_of_relations(reference, sketch, without=found)
    return tuple(found[feature.name] for feature in reference.features if feature.name in found)


def _fault_of(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    """The first that applies to this column by itself."""
    return next((fault for rule in RULES_FOR_A_COLUMN if (fault := rule(feature, sketch)) is not None), None)


def _faults_of_shifts(
    reference: Reference, sketch: Sketch, expected: Sketch | None, shifted: Sequence[ShiftedColumn]
) -> dict[str, Fault]:
    exchanged = exchanges_among(shifted)
    others = [column for column in shifted if column.name not in exchanged]
    before = None if expected is None else expected.moments
    return exchanged | converted_columns(reference.relations, sketch.moments, before, others)

"""Columns whose values look like another unit."""

from collections.abc import Sequence

from evertrain.domain.landing.batches import Fault
from evertrain.statistics.faults.conversions import CONVERSIONS, Conversion
from evertrain.statistics.faults.shifts import ShiftedColumn
from evertrain.statistics.moments import Moments
from evertrain.statistics.relations import Relations

MAX_EXPLAINED_SHARE = 0.5
"""Where the other columns explain more than this share of a shift, they moved together, as in a cold front."""


def converted_columns(
    relations: Relations | None, moments: Moments | None, before: Moments | None, shifted: Sequence[ShiftedColumn]
) -> dict[str, Fault]:
    """One conversion must explain all shifted columns: where each moved in its own way, the world changed.

    `before`: of the batch from which they shifted; None where it was the training rows.
    """
    best = {column.name: _best_conversion(column) for column in shifted}
    if len(set(best.values())) != 1 or None in best.values():
        return {}
    if relations is not None and moments is not None and _moved_together(relations, moments, before, list(best)):
        return {}
    return {
        column.name: Fault(
            code="unit_changed",
            column=column.name,
            standing=column.standing,
            message=f"{column.name}: values lie {column.distance:.1f} standard deviations "
            f"from {column.compared_with}, days at most {column.limit:.1f}; as if converted {conversion.description}",
        )
        for column in shifted
        if (conversion := best[column.name]) is not None
    }


def _best_conversion(column: ShiftedColumn) -> Conversion | None:
    """The conversion that explains the values best, if any does."""
    fitting = [each for each in CONVERSIONS if column.fits(each)]
    if not fitting:
        return None
    return max(fitting, key=column.overlap if column.is_collapsed else lambda each: -column.residual_distance(each))


def _moved_together(relations: Relations, moments: Moments, before: Moments | None, shifted: Sequence[str]) -> bool:
    """Whether the columns that did not shift moved as they do when these do. A unit changes alone."""
    explained = [relations.explained_shift(name, moments, since=before, by_all_but=shifted) for name in shifted]
    return any(share is not None and share > MAX_EXPLAINED_SHARE for share in explained)

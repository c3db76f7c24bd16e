"""Faults that one column shows by itself: no values, one value, or values that are all new."""

import numpy as np

from evertrain.domain.landing.batches import Fault, FaultStanding
from evertrain.statistics.layouts import CategoryLayout, NumericLayout
from evertrain.statistics.reference import FeatureReference
from evertrain.statistics.sketch import FeatureSketch, Sketch

MIN_VALUES = 50
"""Fewer may be equal by chance."""

MIN_MISSING_SHARE, MAX_USUAL_MISSING_SHARE = 0.95, 0.5
"""Least missing share of the batch, and largest of training, for a fault; in between a sensor may have a bad day."""

MIN_MORE_MISSING, MIN_MORE_OF_ONE_VALUE = 0.25, 0.3
"""How much more than in the worst training block is doubtful, as when a fault begins in the middle of a batch."""

MIN_MORE_MISSING_THAN_ALL = 0.5
"""The same where blocks are not told apart."""

MAX_MODE_SHARE_OF_A_BLOCK, MAX_MODE_SHARE = 0.9, 0.5
"""Above this share of one value in any training block, or in all training rows, a constant batch is plausible."""

MIN_UNSEEN_SHARE, MIN_DOUBTFUL_UNSEEN_SHARE = 0.9, 0.5
"""Least share of unseen levels for a fault: a code whose spelling changed, rather than new customers."""


def mostly_missing(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    rows, missing = sketch.rows, int(sketch.features[feature.name].counts[0])
    if feature.limits is None:
        worst, more = feature.missing_share, MIN_MORE_MISSING_THAN_ALL
    else:
        worst, more = feature.limits.worst_missing_share, MIN_MORE_MISSING
    is_certain = missing >= MIN_MISSING_SHARE * rows and feature.missing_share <= MAX_USUAL_MISSING_SHARE
    if missing / rows <= worst or not (is_certain or missing / rows > worst + more):
        return None
    return Fault(
        code="mostly_missing" if is_certain else "partly_missing",
        column=feature.name,
        standing=FaultStanding.CERTAIN if is_certain else FaultStanding.DOUBTFUL,
        message=f"{feature.name}: {missing:,} of {rows:,} values are missing, "
        f"{feature.missing_share:.1%} were in training",
    )


def constant(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    found = sketch.features[feature.name]
    present = int(found.counts[1:].sum())
    usual = _largest_mode_share(feature)
    if present < MIN_VALUES or usual > (MAX_MODE_SHARE_OF_A_BLOCK if feature.limits is not None else MAX_MODE_SHARE):
        return None
    value = _only_value(feature, found)
    if value is None or (feature.limits is None and value != "0"):
        return None  # where blocks are not told apart, a day's date or a single site is constant by right
    return Fault(
        code="constant",
        column=feature.name,
        message=f"{feature.name}: all {present:,} values are {value}; in training one value had at most {usual:.1%}",
    )


def unknown_levels(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    layout, counts = feature.baseline.layout, sketch.features[feature.name].counts
    if not isinstance(layout, CategoryLayout) or layout.is_partial:
        return None
    present = int(counts[1:].sum())
    if present < MIN_VALUES or counts[1] < MIN_DOUBTFUL_UNSEEN_SHARE * present:
        return None
    if feature.limits is not None and feature.limits.usual_mode_share > MAX_MODE_SHARE_OF_A_BLOCK:
        return None  # a season, a campaign or a site is the same all batch long, and a new one is news
    is_certain = feature.limits is not None and counts[1] >= MIN_UNSEEN_SHARE * present
    known = ", ".join(layout.levels[:3])
    message = f"{feature.name}: {counts[1]:,} of {present:,} values were never seen in training, which had {known}"
    return Fault(
        code="unknown_levels",
        column=feature.name,
        standing=FaultStanding.CERTAIN if is_certain else FaultStanding.DOUBTFUL,
        message=f"{message} and others",
    )


def mostly_one_value(feature: FeatureReference, sketch: Sketch) -> Fault | None:
    """Unseen levels share a cell, so they are not looked at here."""
    if feature.limits is None:
        return None
    counts = sketch.features[feature.name].counts
    present = int(counts[1:].sum())
    known = counts[2:] if isinstance(feature.baseline.layout, CategoryLayout) else counts[1:]
    share = float(known.max(initial=0)) / max(1, present)
    usual = _largest_mode_share(feature)
    if present < MIN_VALUES or share <= usual + MIN_MORE_OF_ONE_VALUE:
        return None
    return Fault(
        code="mostly_one_value",
        column=feature.name,
        standing=FaultStanding.DOUBTFUL,
        message=f"{feature.name}: {share:.0%} of {present:,} values are about the same; "
        f"in training one value had at most {usual:.1%}",
    )


def _largest_mode_share(feature: FeatureReference) -> float:
    if feature.limits is not None:
        return feature.limits.mode_share
    return feature.baseline.mode_share(feature.baseline.sketch)


def _only_value(feature: FeatureReference, found: FeatureSketch) -> str | None:
    layout = feature.baseline.layout
    if isinstance(layout, NumericLayout):
        finite = found.lowest is not None and found.lowest == found.highest
        infinite = found.counts[[1, -1 - len(layout.atoms)]].any()
        return f"{found.lowest:.6g}" if finite and not infinite else None
    present = np.flatnonzero(found.counts[1:])
    return layout.levels[int(present[0]) - 1] if len(present) == 1 and present[0] > 0 else None

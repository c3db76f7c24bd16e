"""Has a batch drifted? Only what is too large for chance, large enough to matter, and unlike any training day."""

from collections.abc import Sequence

import numpy as np

from evertrain.domain.monitoring.drift import DriftStatus, FeatureDrift, Findings, RelationDrift, Slice, SliceDrift
from evertrain.domain.project.policies import DriftPolicy, DriftRule
from evertrain.statistics.distances import MeasuredDistances, distances_between
from evertrain.statistics.faults import find_faults
from evertrain.statistics.measures import shares
from evertrain.statistics.reference import FeatureReference, Reference
from evertrain.statistics.relations import MIN_SPREAD, Relations, Residual
from evertrain.statistics.significance import benjamini_hochberg, psi_null_quantile
from evertrain.statistics.sketch import FeatureSketch, OtherLayout, Sketch

FALSE_DISCOVERY_RATE = 0.01


def judge(reference: Reference, sketch: Sketch, *, policy: DriftPolicy, before: Sketch | None = None) -> Findings:
    """A batch, or a window of batches, against the reference: features in the reference's order, relations between
    them, slices, and faults, for which `before` is the batch before it. Raises OtherLayout for a sketch that was made
    for another reference.
    """
    if sketch.layout != reference.layout:
        raise OtherLayout(
            f"the sketch was made for reference {sketch.layout[:8]}, this one is {reference.layout[:8]}"
        )
    features = _judge_features(reference.features, sketch, policy)
    relations = _judge_relations(reference.relations, sketch)
    # As many families of tests as there are slices: each gets its part of the rate.
    rate = FALSE_DISCOVERY_RATE / max(1, len(reference.slices))
    slices = tuple(
        _judge_slice(each, of_slice, sketch.slices[each], policy, rate) for each, of_slice in reference.slices.items()
    )
    return Findings(
        status=_status(sketch.rows, features, relations, slices, policy),
        features=features,
        relations=relations,
        slices=slices,
        faults=find_faults(reference, sketch, before=before),
    )


def _status(
    rows: int,
    features: Sequence[FeatureDrift],
    relations: Sequence[RelationDrift] | None,
    slices: Sequence[SliceDrift],
    policy: DriftPolicy,
) -> DriftStatus:
    if rows < policy.minimum_rows:
        return DriftStatus.TOO_FEW_ROWS
    drifted = {each.feature for each in features if each.drifted}
    if policy.rule is DriftRule.CALIBRATED:
        drifted |= {each.feature for each in relations or () if each.drifted}
    of_slices = any(each.status is DriftStatus.DRIFTED for each in slices)
    return DriftStatus.DRIFTED if of_slices or len(drifted) >= policy.minimum_features else DriftStatus.STABLE


def _judge_slice(part: Slice, reference: Reference, sketch: Sketch, policy: DriftPolicy, rate: float) -> SliceDrift:
    features = _judge_features(reference.features, sketch, policy, rate)
    return SliceDrift(
        of=part,
        rows=sketch.rows,
        status=_status(sketch.rows, features, (), (), policy),
        features=tuple(feature for feature in features if feature.drifted),
    )


def _judge_features(
    references: Sequence[FeatureReference], sketch: Sketch, policy: DriftPolicy, rate: float = FALSE_DISCOVERY_RATE
) -> tuple[FeatureDrift, ...]:
    sketches = [sketch.features[feature.name] for feature in references]
    distances = [
        distances_between(feature.baseline, each) for feature, each in zip(references, sketches, strict=True)
    ]
    significant = benjamini_hochberg([each.p_value for each in distances], rate=rate)
    return tuple(
        _judge(feature, each, measured, policy, significant=chosen)
        for feature, each, measured, chosen in zip(references, sketches, distances, significant, strict=True)
    )


def _judge_relations(relations: Relations | None, sketch: Sketch) -> tuple[RelationDrift, ...] | None:
    if relations is None or sketch.moments is None:
        return None
    chance = relations.null_quantile(rows=sketch.moments.rows)
    return tuple(
        _judge_relation(residual, max(MIN_SPREAD, chance, relations.spread_limit(feature)))
        for feature, residual in relations.residuals(sketch.moments).items()
    )


def _judge_relation(residual: Residual, allowed: float) -> RelationDrift:
    sentence = (
        f"{residual.feature}: the other features leave {residual.spread:.2f} times as much of it unexplained as in "
        f"training, {allowed:.2f} allowed; most changed is how it goes with {residual.partner}"
    )
    return RelationDrift(
        feature=residual.feature,
        spread=residual.spread,
        allowed=allowed,
        explained=residual.explained,
        drifted=residual.spread > allowed,
        sentence=sentence,
    )


def _judge(
    feature: FeatureReference,
    sketch: FeatureSketch,
    measured: MeasuredDistances,
    policy: DriftPolicy,
    *,
    significant: bool,
) -> FeatureDrift:
    if policy.rule is DriftRule.CONVENTIONAL:
        drifted, threshold, limit = measured.psi > policy.psi_threshold, policy.psi_threshold, None
    else:
        drifted, threshold, limit = _calibrated(feature, sketch, measured, policy, significant=significant)
    return FeatureDrift.of(
        measured,
        feature=feature.name,
        wasserstein_limit=limit,
        missing_share_reference=feature.missing_share,
        threshold=threshold,
        drifted=drifted,
        sentence=_sentence(feature, sketch, measured, threshold=threshold, wasserstein_limit=limit),
    )


def _calibrated(
    feature: FeatureReference,
    sketch: FeatureSketch,
    measured: MeasuredDistances,
    policy: DriftPolicy,
    *,
    significant: bool,
) -> tuple[bool, float, float | None]:
    """Whether it drifted, and what its PSI, and its distance where the days of training limit it, had to exceed."""
    rows = int(sketch.counts.sum())
    limits = feature.limits
    # A numeric feature's day sits in few cells on any day: its PSI has no control limit, its place does.
    wasserstein_limit = limits.wasserstein if limits is not None and feature.kind.is_quantitative else None
    chance = psi_null_quantile(
        reference_rows=feature.baseline.rows,
        current_rows=rows,
        cells=measured.cells,
        probability=FALSE_DISCOVERY_RATE,
    )
    threshold = max(policy.psi_threshold, chance)
    if limits is not None and wasserstein_limit is None:
        threshold = max(threshold, limits.psi)
    drifted = significant and measured.psi > threshold
    if limits is not None and wasserstein_limit is not None:
        distance = measured.wasserstein_normalised
        has_moved = distance is not None and distance > wasserstein_limit
        drifted = drifted and (has_moved or measured.missing_share > limits.missing_share)
    return drifted, threshold, wasserstein_limit


def _sentence(
    feature: FeatureReference,
    sketch: FeatureSketch,
    measured: MeasuredDistances,
    *,
    threshold: float,
    wasserstein_limit: float | None,
) -> str:
    parts = [f"PSI {measured.psi:.2f} against {threshold:.2f} allowed for {int(sketch.counts.sum()):,} rows"]
    if measured.mean is not None and feature.baseline.mean is not None:
        parts.append(f"mean {feature.baseline.mean:.4g} -> {measured.mean:.4g}")
    distance = measured.wasserstein_normalised
    if distance is not None and wasserstein_limit is not None:
        parts.append(f"{distance:.2f} standard deviations away, training days up to {wasserstein_limit:.2f}")
    if measured.unseen_share:
        parts.append(f"{measured.unseen_share:.1%} never seen in training")
    if measured.out_of_range_share:
        parts.append(f"{measured.out_of_range_share:.1%} beyond the training range")
    if measured.missing_share or feature.missing_share:
        parts.append(f"missing {feature.missing_share:.1%} -> {measured.missing_share:.1%}")
    if moved := _most_moved(feature, sketch):
        parts.append(moved)
    return f"{feature.name}: " + ", ".join(parts)


def _most_moved(feature: FeatureReference, sketch: FeatureSketch) -> str:
    """The bin that adds most to the PSI, and its share before and after; missing is told by itself."""
    layout = feature.baseline.layout
    before, after = feature.baseline.binned[1:], layout.binned(sketch.counts)[1:]
    if len(before) < 2 or not before.sum() or not after.sum():
        return ""
    expected, found = shares(before), shares(after)
    most = int(np.argmax((found - expected) * np.log(found / expected)))
    return f"{layout.bin_names[1 + most]}: {before[most] / before.sum():.0%} -> {after[most] / after.sum():.0%}"

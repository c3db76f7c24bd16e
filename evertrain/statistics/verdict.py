"""Has a batch drifted? Only what is too large for chance, large enough to matter, and unlike any training day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evertrain.domain.monitoring.drift import (
    DriftStatus,
    FeatureDrift,
    Findings,
    RelationDrift,
    Slice,
    SliceDrift,
    hardly_matters,
)
from evertrain.domain.project.policies import DriftPolicy, DriftRule
from evertrain.statistics.distances import MeasuredDistances, distances_between
from evertrain.statistics.faults import find_faults
from evertrain.statistics.measures import shares
from evertrain.statistics.reference import FeatureReference, Reference
from evertrain.statistics.relations import Relations, Residual
from evertrain.statistics.significance import benjamini_hochberg, psi_null_quantile
from evertrain.statistics.sketch import FeatureSketch, LayoutMismatch, Sketch

FALSE_DISCOVERY_RATE = 0.01

PSI_THRESHOLD, PSI_THRESHOLD_WITH_LIMITS = 0.2, 0.1
"""What matters by the conventions of credit scoring; and where control limits tell days from drift as well: there the
smaller one costs hardly an alarm (`bench/flights_days.py`)."""


def judge(reference: Reference, sketch: Sketch, *, policy: DriftPolicy, earlier: Sequence[Sketch] = ()) -> Findings:
    """How a batch, or a window of batches, differs from the reference.

    Features come in the reference's order. `earlier`: good batches before it, the newest first, against which faults
    are found. Raises LayoutMismatch for a sketch of another reference.
    """
    if sketch.layout_digest != reference.layout_digest:
        raise LayoutMismatch(
            f"the sketch was made for reference {sketch.layout_digest[:8]}, this one is {reference.layout_digest[:8]}"
        )
    features = tuple(each.described() for each in _judge_features(reference.features, sketch, policy))
    relations = _judge_relations(reference.relations, sketch)
    # Each slice is a family of tests of its own, and gets its part of the rate.
    rate = FALSE_DISCOVERY_RATE / max(1, len(reference.slices))
    slices = tuple(
        _judge_slice(each, of_slice, sketch.slices[each], policy, rate) for each, of_slice in reference.slices.items()
    )
    return Findings(
        status=_status(sketch.rows, features, relations, slices, policy),
        features=features,
        relations=relations,
        slices=slices,
        faults=find_faults(reference, sketch, earlier=earlier),
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
    any_slice_drifted = any(each.status is DriftStatus.DRIFTED for each in slices)
    return DriftStatus.DRIFTED if any_slice_drifted or len(drifted) >= policy.minimum_features else DriftStatus.STABLE


def _judge_slice(part: Slice, reference: Reference, sketch: Sketch, policy: DriftPolicy, rate: float) -> SliceDrift:
    judged = _judge_features(reference.features, sketch, policy, rate)
    features = tuple(each.described() for each in judged if each.drifted)
    return SliceDrift(
        of=part, rows=sketch.rows, status=_status(sketch.rows, features, (), (), policy), features=features
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgedFeature:
    """`threshold`: of its PSI. `wasserstein_limit`: of its Wasserstein distance, if any."""

    feature: FeatureReference
    sketch: FeatureSketch
    measured: MeasuredDistances
    drifted: bool
    threshold: float
    wasserstein_limit: float | None

    def described(self) -> FeatureDrift:
        return FeatureDrift.from_distances(
            self.measured,
            feature=self.feature.name,
            wasserstein_limit=self.wasserstein_limit,
            missing_share_reference=self.feature.missing_share,
            importance=self.feature.importance,
            threshold=self.threshold,
            drifted=self.drifted,
            sentence=_describe(
                self.feature,
                self.sketch,
                self.measured,
                threshold=self.threshold,
                wasserstein_limit=self.wasserstein_limit,
            ),
        )


def _judge_features(
    references: Sequence[FeatureReference], sketch: Sketch, policy: DriftPolicy, rate: float = FALSE_DISCOVERY_RATE
) -> Sequence[_JudgedFeature]:
    sketches = [sketch.features[feature.name] for feature in references]
    distances = [
        distances_between(feature.baseline, each) for feature, each in zip(references, sketches, strict=True)
    ]
    significant = benjamini_hochberg([each.p_value for each in distances], rate=rate)
    return [
        _judge_feature(feature, each, measured, policy, significant=chosen)
        for feature, each, measured, chosen in zip(references, sketches, distances, significant, strict=True)
    ]


def _judge_relations(relations: Relations | None, sketch: Sketch) -> tuple[RelationDrift, ...] | None:
    if relations is None or sketch.moments is None:
        return None
    rows = sketch.moments.rows
    return tuple(
        _judge_relation(residual, relations.allowed_spread(feature, rows=rows))
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


def _judge_feature(
    feature: FeatureReference,
    sketch: FeatureSketch,
    measured: MeasuredDistances,
    policy: DriftPolicy,
    *,
    significant: bool,
) -> _JudgedFeature:
    if policy.rule is DriftRule.CONVENTIONAL:
        threshold = PSI_THRESHOLD if policy.psi_threshold is None else policy.psi_threshold
        drifted, limit = measured.psi > threshold, None
    else:
        drifted, threshold, limit = _apply_calibrated_rule(feature, sketch, measured, policy, significant=significant)
    return _JudgedFeature(
        feature=feature,
        sketch=sketch,
        measured=measured,
        drifted=drifted,
        threshold=threshold,
        wasserstein_limit=limit,
    )


def _apply_calibrated_rule(
    feature: FeatureReference,
    sketch: FeatureSketch,
    measured: MeasuredDistances,
    policy: DriftPolicy,
    *,
    significant: bool,
) -> tuple[bool, float, float | None]:
    """Whether the feature drifted, the threshold of its PSI, and the limit of its Wasserstein distance, if any."""
    rows = int(sketch.counts.sum())
    limits = feature.limits
    # A numeric feature's day sits in few cells on any day: so its PSI has no control limit, and its position has.
    wasserstein_limit = limits.wasserstein if limits is not None and feature.kind.is_quantitative else None
    chance = psi_null_quantile(
        reference_rows=feature.baseline.rows,
        current_rows=rows,
        cells=measured.cells,
        probability=FALSE_DISCOVERY_RATE,
    )
    least = PSI_THRESHOLD if limits is None else PSI_THRESHOLD_WITH_LIMITS
    threshold = max(least if policy.psi_threshold is None else policy.psi_threshold, chance)
    if limits is not None and wasserstein_limit is None:
        threshold = max(threshold, limits.psi)
    drifted = significant and measured.psi > threshold
    if limits is not None and wasserstein_limit is not None:
        distance = measured.wasserstein_normalised
        has_moved = distance is not None and distance > wasserstein_limit
        drifted = drifted and (has_moved or measured.missing_share > limits.missing_share)
    return drifted, threshold, wasserstein_limit


def _describe(
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
    if changed_bin := _describe_most_changed_bin(feature, sketch):
        parts.append(changed_bin)
    if hardly_matters(feature.importance):
        parts.append("the model hardly uses it")
    return f"{feature.name}: " + ", ".join(parts)


def _describe_most_changed_bin(feature: FeatureReference, sketch: FeatureSketch) -> str:
    """The bin that contributes most to the PSI, with its shares; missing values have a part of their own."""
    layout = feature.baseline.layout
    before, after = feature.baseline.binned[1:], layout.binned(sketch.counts)[1:]
    if len(before) < 2 or not before.sum() or not after.sum():
        return ""
    expected, found = shares(before), shares(after)
    most = int(np.argmax((found - expected) * np.log(found / expected)))
    return f"{layout.bin_names[1 + most]}: {before[most] / before.sum():.0%} -> {after[most] / after.sum():.0%}"

"""Has a feature drifted? Only what is too large for chance, large enough to matter, and unlike any training day."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evertrain.domain.drift import DriftStatus, FeatureDrift
from evertrain.domain.model_spec import DriftPolicy, FeatureKind
from evertrain.statistics.measures import js_divergence, kl_divergence, psi, psi_p_value, shares, wasserstein
from evertrain.statistics.reference import Columns, FeatureReference, Reference, quantiles_of

FALSE_DISCOVERY_RATE = 0.01


def judge(reference: Reference, columns: Columns, *, policy: DriftPolicy) -> tuple[FeatureDrift, ...]:
    """Every feature of the reference against a batch, in the reference's order. `columns` has them all."""
    p_values = [_p_value(reference, feature, columns[feature.name]) for feature in reference.features]
    significant = _benjamini_hochberg(p_values)
    return tuple(
        _judge(feature, columns[feature.name], policy, p_value=p_value, significant=chosen)
        for feature, p_value, chosen in zip(reference.features, p_values, significant, strict=True)
    )


def batch_status(features: Sequence[FeatureDrift], *, rows: int, policy: DriftPolicy) -> DriftStatus:
    if rows < policy.minimum_rows:
        return DriftStatus.TOO_FEW_ROWS
    drifted = sum(feature.drifted for feature in features)
    return DriftStatus.DRIFTED if drifted >= policy.minimum_features else DriftStatus.STABLE


def _p_value(reference: Reference, feature: FeatureReference, values: npt.NDArray[np.generic]) -> float:
    if not len(values):
        return 1.0
    counts = feature.cells.counts(values)  # type: ignore[arg-type]  # the kind of cells is the kind of values
    used = int(np.count_nonzero((np.asarray(feature.counts) > 0) | (counts > 0)))
    value = psi(shares(feature.counts), shares(counts))
    return psi_p_value(value, reference_rows=reference.rows, current_rows=len(values), cells=used)


def _benjamini_hochberg(p_values: Sequence[float]) -> list[bool]:
    """Which hypotheses are rejected with at most FALSE_DISCOVERY_RATE of false ones among them.

    Source: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).

    >>> _benjamini_hochberg([0.5, 0.0001, 0.009])
    [False, True, False]
    """
    ordered = sorted(p_values)
    passing = [p for rank, p in enumerate(ordered, 1) if p <= FALSE_DISCOVERY_RATE * rank / len(ordered)]
    bound = passing[-1] if passing else -math.inf
    return [p <= bound for p in p_values]


def _judge(
    feature: FeatureReference,
    values: npt.NDArray[np.generic],
    policy: DriftPolicy,
    *,
    p_value: float,
    significant: bool,
) -> FeatureDrift:
    counts = feature.cells.counts(values)  # type: ignore[arg-type]
    rows = max(1, len(values))
    expected, found = shares(feature.counts), shares(counts)
    distance, normalised, mean = _distance(feature, values)
    value, missing = psi(expected, found), float(counts[0]) / rows
    limits = feature.limits
    # A numeric feature's day sits in few cells on any day: its PSI has no control limit, its place does.
    by_place = feature.kind is FeatureKind.NUMERIC and limits is not None and limits.wasserstein is not None
    threshold = policy.psi_threshold if limits is None or by_place else max(policy.psi_threshold, limits.psi)
    drifted = significant and value > threshold
    if by_place and limits is not None and limits.wasserstein is not None:
        out_of_place = normalised is not None and normalised > limits.wasserstein
        drifted = drifted and (out_of_place or missing > limits.missing_share)
    return FeatureDrift(
        feature=feature.name,
        psi=value,
        kl=kl_divergence(expected, found),
        js=js_divergence(expected, found),
        wasserstein=distance,
        wasserstein_normalised=normalised,
        wasserstein_limit=limits.wasserstein if limits else None,
        missing_share=missing,
        missing_share_reference=feature.missing_share,
        unseen_share=float(counts[1]) / rows if feature.kind is FeatureKind.CATEGORICAL else 0.0,
        threshold=threshold,
        p_value=p_value,
        drifted=drifted,
        sentence=_sentence(feature, counts, value, threshold, mean=mean, missing=missing, normalised=normalised),
    )


def _distance(
    feature: FeatureReference, values: npt.NDArray[np.generic]
) -> tuple[float | None, float | None, float | None]:
    """Wasserstein distance in the feature's unit, in standard deviations, and the batch's mean."""
    if feature.quantiles is None:
        return None, None, None
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return None, None, None
    distance = wasserstein(feature.quantiles, quantiles_of(finite))
    # A constant reference has no scale of its own.
    return distance, distance / feature.deviation if feature.deviation else None, float(finite.mean())


def _sentence(
    feature: FeatureReference,
    counts: npt.NDArray[np.int64],
    value: float,
    threshold: float,
    *,
    mean: float | None,
    missing: float,
    normalised: float | None,
) -> str:
    parts = [f"PSI {value:.2f} (limit {threshold:.2f})"]
    if mean is not None and feature.mean is not None:
        parts.append(f"mean {feature.mean:.4g} -> {mean:.4g}")
    if normalised is not None and feature.limits is not None and feature.limits.wasserstein is not None:
        parts.append(
            f"{normalised:.2f} standard deviations away, training days up to {feature.limits.wasserstein:.2f}"
        )
    if feature.kind is FeatureKind.CATEGORICAL and counts[1]:
        parts.append(f"{counts[1] / max(1, counts.sum()):.1%} never seen in training")
    if missing or feature.missing_share:
        parts.append(f"missing {feature.missing_share:.1%} -> {missing:.1%}")
    return f"{feature.name}: " + ", ".join(parts)

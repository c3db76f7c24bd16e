"""What the comparison of a batch with the champion's reference said. Values only: the sums are in `statistics`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DriftStatus(StrEnum):
    """`no_reference`: there is no champion yet. `too_few_rows`: nothing can be said, so nothing is."""

    STABLE = "stable"
    DRIFTED = "drifted"
    NO_REFERENCE = "no_reference"
    TOO_FEW_ROWS = "too_few_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift:
    """One feature of one batch against the reference. Measures that have no meaning for its kind are None.

    psi, kl, js: nats. ks: the Kolmogorov-Smirnov distance, 0 to 1. wasserstein: the feature's own unit;
    wasserstein_normalised and wasserstein_limit: reference standard deviations. threshold: the PSI, and
    wasserstein_limit the distance, that drift has to exceed. Shares: of the batch's rows.
    """

    feature: str
    psi: float
    kl: float
    js: float
    ks: float | None
    wasserstein: float | None
    wasserstein_normalised: float | None
    wasserstein_limit: float | None
    missing_share: float
    missing_share_reference: float
    unseen_share: float
    out_of_range_share: float
    threshold: float
    p_value: float
    drifted: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftVerdict:
    """One batch judged for one model, against the reference of one version."""

    model: str
    batch_id: str
    reference_version: str
    status: DriftStatus
    rows: int
    event_time_min: datetime
    event_time_max: datetime
    checked_at: datetime
    features: tuple[FeatureDrift, ...] = field(default=())

    @property
    def drifted_features(self) -> tuple[str, ...]:
        return tuple(feature.feature for feature in self.features if feature.drifted)


def by_importance(features: Sequence[FeatureDrift]) -> tuple[FeatureDrift, ...]:
    """Those that drifted first, by PSI."""
    return tuple(sorted(features, key=lambda feature: (not feature.drifted, -feature.psi)))

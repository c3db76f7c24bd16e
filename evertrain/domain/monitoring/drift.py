"""The result of comparing a batch with the champion's reference. Values only: `statistics` computes them."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from evertrain.domain.landing.batches import Fault, FaultStanding


class DriftStatus(StrEnum):
    """`no_reference`: nothing to compare with, since there is no champion yet or its reference can't be used.
    `too_few_rows`: too few rows to judge, so there is no verdict."""

    STABLE = "stable"
    DRIFTED = "drifted"
    NO_REFERENCE = "no_reference"
    TOO_FEW_ROWS = "too_few_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """How far a feature's rows lie from those of the reference, by every measure.

    psi, kl, js: in nats. ks: the Kolmogorov-Smirnov distance, 0 to 1. wasserstein: in the feature's own unit.
    wasserstein_normalised: in standard deviations of the reference. Shares are shares of the rows. A measure is None
    where it is undefined for the feature or cannot be computed from these rows. p_value: of the Kolmogorov-Smirnov
    test, where missing values count as the lowest value; of the chi-squared test where the feature has only levels or
    atoms.
    """

    psi: float
    kl: float
    js: float
    ks: float | None
    wasserstein: float | None
    wasserstein_normalised: float | None
    p_value: float
    missing_share: float
    unseen_share: float
    out_of_range_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift(Distances):
    """One feature of one batch against the reference.

    Drift has to exceed two limits: `threshold` for the PSI, and `wasserstein_limit` for the Wasserstein distance, in
    standard deviations of the reference. `importance`: what shuffling the feature costs the model, as a share of the
    most costly one; None where that is not known.
    """

    feature: str
    wasserstein_limit: float | None
    missing_share_reference: float
    threshold: float
    drifted: bool
    sentence: str
    importance: float | None = None

    @property
    def hardly_matters(self) -> bool:
        return hardly_matters(self.importance)

    @classmethod
    def from_distances(cls, distances: Distances, **judged: Any) -> Self:
        """The distances, and what was made of them."""
        return cls(**{each.name: getattr(distances, each.name) for each in fields(Distances)}, **judged)


SMALL_IMPORTANCE = 0.05
"""A feature whose shuffling costs less than this share of what the most costly one's does hardly matters."""


def hardly_matters(importance: float | None) -> bool:
    """Of a feature; False where its importance is not known."""
    return importance is not None and importance < SMALL_IMPORTANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationDrift:
    """Whether a feature still depends on the other features as it did in training.

    spread: the variance that the other features leave unexplained, divided by the same variance in training; 1 means
    as in training. allowed: the limit that drift has to exceed. explained: the share of the feature's variance that
    the other features explained in training.
    """

    feature: str
    spread: float
    allowed: float
    explained: float
    drifted: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The rows of one level of a column, such as `origin=JFK`."""

    column: str
    level: str

    def __str__(self) -> str:
        return f"{self.column}={self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDrift:
    """A declared slice of a batch against the same slice of the training rows. `features`: those that drifted."""

    of: Slice
    rows: int
    status: DriftStatus
    features: tuple[FeatureDrift, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a comparison with a reference found.

    `relations`: of the features that depended on others in training; None where they were not examined. `faults`:
    what looks like a broken feed rather than a changed world. `trouble`: why a champion's reference could not be
    used, in one sentence; empty where it was, or where there is no champion.
    """

    status: DriftStatus
    features: tuple[FeatureDrift, ...] = field(default=())
    relations: tuple[RelationDrift, ...] | None = None
    slices: tuple[SliceDrift, ...] = field(default=())
    faults: tuple[Fault, ...] = field(default=())
    trouble: str = ""

    @classmethod
    def not_compared(cls, trouble: str = "") -> Self:
        return cls(status=DriftStatus.NO_REFERENCE, trouble=trouble)

    @property
    def doubts(self) -> tuple[Fault, ...]:
        """What may be a fault, and nobody has decided yet."""
        return tuple(fault for fault in self.faults if fault.standing is FaultStanding.DOUBTFUL)

    @property
    def drifted_features(self) -> tuple[str, ...]:
        return tuple(each.feature for each in self.features if each.drifted)

    @property
    def drifted_relations(self) -> tuple[str, ...]:
        """The features whose relation to the others changed."""
        return tuple(each.feature for each in self.relations or () if each.drifted)

    @property
    def drifted_slices(self) -> tuple[str, ...]:
        return tuple(str(each.of) for each in self.slices if each.status is DriftStatus.DRIFTED)

    @property
    def hardly_matters(self) -> bool:
        """Whether it drifted only in features that are worth next to nothing to the model."""
        of_slices = (feature.feature for _, feature in self._only_in_slices)
        drifted = {*self.drifted_features, *self.drifted_relations, *of_slices}
        return bool(drifted) and drifted <= {each.feature for each in self.features if each.hardly_matters}

    @property
    def drifted(self) -> tuple[str, ...]:
        """All that drifted, by name, as people are told of it."""
        relations = (f"how {feature} goes with the others" for feature in self.drifted_relations)
        slices = (f"{feature.feature} where {of}" for of, feature in self._only_in_slices)
        return (*self.drifted_features, *relations, *slices)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What drifted, the most important first."""
        return (
            *(each.sentence for each in self.by_importance if each.drifted),
            *(each.sentence for each in self.relations or () if each.drifted),
            *(f"{of}: {feature.sentence}" for of, feature in self._only_in_slices),
        )

    @property
    def _only_in_slices(self) -> tuple[tuple[Slice, FeatureDrift], ...]:
        """What drifted in a slice but not in the whole."""
        return tuple(
            (each.of, feature)
            for each in self.slices
            if each.status is DriftStatus.DRIFTED
            for feature in each.features
            if feature.feature not in self.drifted_features
        )

    @property
    def by_importance(self) -> tuple[FeatureDrift, ...]:
        """The features that drifted first, those that the model hardly uses last among them, by PSI."""
        return tuple(sorted(self.features, key=lambda each: (not each.drifted, each.hardly_matters, -each.psi)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftVerdict(Findings):
    """One batch judged for one model, against the reference of one version. `group`: the feature group that the batch
    is of; empty for requests. `sketch_sha256`: of the sketch that was kept; empty where none was."""

    model: str
    batch_id: str
    reference_version: str
    rows: int
    event_time_min: datetime
    event_time_max: datetime
    checked_at: datetime
    group: str = ""
    sketch_sha256: str = ""

    @classmethod
    def from_findings(cls, findings: Findings, **about: Any) -> Self:
        """The findings, and whose and of when they are."""
        return cls(**{each.name: getattr(findings, each.name) for each in fields(Findings)}, **about)

"""One feature as the reference knows it: its baseline, and how far days of the training window lay from it."""

from dataclasses import dataclass

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.statistics.control_limits import ControlLimits
from evertrain.statistics.distances import Baseline


@dataclass(frozen=True, kw_only=True)
class FeatureReference:
    name: str
    kind: FeatureKind
    baseline: Baseline
    limits: ControlLimits | None

    @property
    def missing_share(self) -> float:
        return float(self.baseline.sketch.counts[0]) / max(1, self.baseline.rows)

"""One feature of the reference: its baseline, and the control limits from the days of the training window."""

from dataclasses import dataclass

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.statistics.control_limits import ControlLimits
from evertrain.statistics.distances import Baseline


@dataclass(frozen=True, kw_only=True)
class FeatureReference:
    """`importance`: what shuffling the feature costs the model, as a share of the most costly one, 0 to 1; None where
    that is not known."""

    name: str
    kind: FeatureKind
    baseline: Baseline
    limits: ControlLimits | None
    importance: float | None = None

    @property
    def missing_share(self) -> float:
        return float(self.baseline.sketch.counts[0]) / max(1, self.baseline.rows)

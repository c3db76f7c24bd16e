"""Training as a plan: which rows, known when, cut where. The same plan gives the same rows tomorrow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import TaskSize
from evertrain.domain.training.candidates import Candidate, UnknownCandidate


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Everything that one retraining depends on. Stored before the first row is read.

    `spec`: as the model was declared then; a deployment in between changes nothing.
    """

    decision_id: str
    spec: ModelSpec
    planned_at: datetime
    known_at: datetime
    """Rows and labels that were ingested later do not exist for this plan."""
    watermark: datetime
    table_versions: Mapping[str, int]
    """By feed: of every group that the model draws from, and of its labels."""
    candidates: tuple[Candidate, ...]
    validation: Interval
    gate: Interval
    champion_version: str | None
    seed: int
    task_size: TaskSize = field(default_factory=TaskSize)
    batch_lengths: Mapping[str, timedelta] = field(default_factory=dict)
    """By feature group, how much time a batch usually spans, where that is known."""
    lost: float | None = None
    """By how much the metric was worse after the change that this retraining answers, where that is known."""
    excluded: tuple[Interval, ...] = ()
    """Event times of doubtful batches: their rows are neither learnt from nor judged on."""

    @property
    def model(self) -> str:
        return self.spec.name

    def candidate(self, name: str) -> Candidate:
        """Raises UnknownCandidate."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        planned = ", ".join(candidate.name for candidate in self.candidates)
        raise UnknownCandidate(f"decision {self.decision_id} plans the candidates {planned}, not {name!r}")

"""What a policy did with a history, and how good its predictions were."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.deciding.decisions import Action, Reason, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.training.outcomes import Outcome
from evertrain.replay.history import History, Step
from evertrain.statistics.metrics import metric_value


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDecision:
    """A decision that was taken when a batch's time had come. `cause`: what asked for it, such as `labels`, `drift`,
    or `tick` where only time has passed. `outcome`: of a retraining."""

    batch: int
    at: datetime
    action: str
    reason: str
    sentence: str
    cause: str = ""
    features: tuple[str, ...] = ()
    outcome: str = ""
    outcome_sentence: str = ""
    version: str = ""

    @classmethod
    def of(cls, step: Step, recorded: RecordedDecision, outcome: Outcome | None) -> "BatchDecision":
        decision = recorded.decision
        names = str(decision.evidence.get("drifted_features", ""))
        return cls(
            batch=step.number,
            at=step.now,
            action=decision.action.value,
            reason=decision.reason.value,
            sentence=decision.sentence,
            cause=recorded.cause.partition(":")[0],
            features=tuple(name for name in names.split(", ") if name),
            outcome="" if outcome is None else outcome.name.value,
            outcome_sentence="" if outcome is None else outcome.sentence,
            version="" if outcome is None else outcome.version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """`metric`: mean over batches, weighted by their labelled rows, of those in which every compared policy had a
    model. `metric_by_batch`: None before the first model, or where the metric is not defined on the batch's rows.
    `regret`: mean over the same batches of what it lacks to the best compared policy on each; 0 is best. `doubted`:
    the batches that were accepted although they may be faulty."""

    policy: str
    metric_name: str
    metric: float | None
    regret: float | None
    metric_by_batch: tuple[float | None, ...]
    rows_by_batch: tuple[int, ...]
    decisions: tuple[BatchDecision, ...]
    quarantined: tuple[int, ...]
    drifted: tuple[int, ...]
    doubted: tuple[int, ...]
    fits: int
    fit_seconds: float
    seconds: float

    @property
    def retrains(self) -> int:
        """Decisions to retrain a model that was there already."""
        return self.retrains_among(range(len(self.metric_by_batch)))

    def retrains_among(self, batches: Container[int]) -> int:
        return sum(self._is_retraining(each) and each.batch in batches for each in self.decisions)

    def mean_over(self, batches: Iterable[int]) -> float | None:
        """The metric, weighted by rows, of those of the batches that have one; None where none has."""
        scored = [number for number in batches if self.metric_by_batch[number] is not None]
        if not scored:
            return None
        values: Any = [self.metric_by_batch[number] for number in scored]
        return float(np.average(values, weights=[self.rows_by_batch[number] for number in scored]))

    @property
    def promotions(self) -> int:
        return self._count_outcomes(EventName.MODEL_PROMOTED)

    @property
    def rejections(self) -> int:
        return self._count_outcomes(EventName.CONTENDER_REJECTED)

    @property
    def holds(self) -> int:
        """Batches on which something spoke for a retraining, and did not lead to one."""
        held = (each for each in self.decisions if each.action == Action.HOLD.value)
        return len({each.batch for each in held if each.reason != Reason.NOTHING_TO_DO.value})

    @property
    def escalations(self) -> int:
        return sum(each.action == Action.ESCALATE.value for each in self.decisions)

    def _count_outcomes(self, name: EventName) -> int:
        return sum(each.outcome == name.value and self._is_retraining(each) for each in self.decisions)

    def _is_retraining(self, decision: BatchDecision) -> bool:
        return decision.action == Action.RETRAIN.value and decision.reason != Reason.NO_CHAMPION_YET.value


@dataclass(kw_only=True)
class Recorder:
    """Takes down what happens while a history is replayed. `predictions`: shape (rows,), or (rows, classes) of more
    than two; NaN where no model was there."""

    history: History
    predictions: npt.NDArray[np.float64] = field(init=False)
    decisions: list[BatchDecision] = field(default_factory=list)
    _quarantined: list[int] = field(default_factory=list)
    _drifted: list[int] = field(default_factory=list)
    _doubted: list[int] = field(default_factory=list)
    _fits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows, columns = self.history.table.num_rows, self.history.spec.prediction_columns
        self.predictions = np.full(rows if columns is None else (rows, columns), np.nan)

    def predicted(self, rows: slice, predictions: npt.NDArray[np.float64]) -> None:
        self.predictions[rows] = predictions

    def fitted(self, seconds: float) -> None:
        self._fits.append(seconds)

    def decided(self, decision: BatchDecision) -> None:
        self.decisions.append(decision)

    def quarantined(self, step: Step) -> None:
        self._quarantined.append(step.number)

    def judged(self, step: Step, verdict: DriftVerdict) -> None:
        if verdict.status is DriftStatus.DRIFTED:
            self._drifted.append(step.number)
        if verdict.doubts:
            self._doubted.append(step.number)

    def result(self, policy: str, *, seconds: float) -> PolicyResult:
        by_batch = tuple(self._metric(step) for step in self.history.steps)
        return PolicyResult(
            policy=policy,
            metric_name=self.history.spec.metric.value,
            metric=None,
            regret=None,
            metric_by_batch=by_batch,
            rows_by_batch=tuple(int(self._labelled(step).sum()) for step in self.history.steps),
            decisions=tuple(self.decisions),
            quarantined=tuple(self._quarantined),
            drifted=tuple(self._drifted),
            doubted=tuple(self._doubted),
            fits=len(self._fits),
            fit_seconds=sum(self._fits),
            seconds=seconds,
        )

    def _metric(self, step: Step) -> float | None:
        rows = self._labelled(step)
        truth, predictions = self.history.truth[step.rows][rows], self.predictions[step.rows][rows]
        if not len(truth) or np.isnan(predictions).any():
            return None
        value = metric_value(self.history.metric, truth, predictions)
        return value if np.isfinite(value) else None

    def _labelled(self, step: Step) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.history.truth[step.rows])

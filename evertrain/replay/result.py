"""What a policy did with a history, and how good its predictions were."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.deciding.decisions import Action, Reason, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.project.metric import ModelMetric
from evertrain.domain.project.policies import CostPolicy
from evertrain.domain.training.outcomes import Outcome
from evertrain.replay.first_model import why_too_short
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

    def predicted(self, step: Step, predictions: npt.NDArray[np.float64]) -> None:
        self.predictions[step.rows] = predictions

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """`scored`: the numbers of the batches on which the metric of every policy is there. `starts`, `rows`: of each
    batch. `answer`: whether retraining would have helped, in one sentence."""

    model: str
    metric_name: str
    starts: tuple[datetime, ...]
    rows: tuple[int, ...]
    scored: tuple[int, ...]
    results: tuple[PolicyResult, ...]
    answer: str


def compare_policies(history: History, results: Sequence[PolicyResult], *, start: int) -> Backtest:
    """The policies on the same batches, from number `start` on."""
    several = [result.metric_by_batch for result in results]
    scored = tuple(
        number for number, values in enumerate(zip(*several, strict=True)) if number >= start and None not in values
    )
    metric = history.spec.metric
    best = [_best(values, metric) for values in zip(*several, strict=True)]
    measured = tuple(
        replace(result, metric=result.mean_over(scored), regret=_regret(result, best, scored)) for result in results
    )
    return Backtest(
        model=history.spec.name,
        metric_name=metric.value,
        starts=tuple(step.start for step in history.steps),
        rows=results[0].rows_by_batch,
        scored=scored,
        results=measured,
        answer=_answer(measured, history, scored),
    )


def _best(values: Sequence[float | None], metric: ModelMetric) -> float | None:
    """Of several policies on one batch."""
    there = [value for value in values if value is not None]
    return (max if metric.higher_is_better else min)(there, default=None)


def _regret(result: PolicyResult, best: Sequence[float | None], batches: Sequence[int]) -> float | None:
    """`best`: of all policies, for each batch."""
    lacking = tuple(
        None if value is None or of_all is None else abs(value - of_all)
        for value, of_all in zip(result.metric_by_batch, best, strict=True)
    )
    return replace(result, metric_by_batch=lacking).mean_over(batches)


def _answer(results: Sequence[PolicyResult], history: History, scored: Sequence[int]) -> str:
    spec = history.spec
    by_name, metric = {result.policy: result for result in results}, spec.metric
    if not scored:
        return f"Nothing can be compared: {_why_not(results, history)}."
    chosen, never = by_name.get("declared"), by_name.get("never")
    if chosen is None or never is None or len(results) < 2:
        best = max(results, key=lambda each: _signed(each, metric))
        return (
            f"The best of these policies is {best.policy}, with {metric} {best.metric:.4g} on {len(scored)} batch"
            f"{'' if len(scored) == 1 else 'es'}."
        )
    gain = _signed(chosen, metric) - _signed(never, metric)
    verb = "improved" if gain >= 0 else "worsened"
    figures = f"{chosen.metric:.4g} against {never.metric:.4g}"
    sentence = f"Retraining would have {verb} {metric} by {abs(gain):.4g} ({figures}) for {_count(chosen.retrains)}"
    if not chosen.retrains:
        # Its first model is not `never`'s: windows competed, and what was judged has been fitted on all rows.
        sentence = f"The loop would not have retrained: {metric} of its first model and of never's is {figures}"
    if spec.cost.is_declared and chosen.retrains:
        sentence += f", {_worth(gain, chosen, spec.cost, scored)}"
    others = [each for each in results if each.policy not in ("declared", "never")]
    if others:
        best = max(others, key=lambda each: _signed(each, metric))
        sentence += f"; {best.policy} would have reached {best.metric:.4g} for {_count(best.retrains)}"
    return sentence + "."


def _why_not(results: Sequence[PolicyResult], history: History) -> str:
    """Why no batch was scored by all of them."""
    without = [result for result in results if all(value is None for value in result.metric_by_batch)]
    if not without:
        return "no batch could be scored"
    names = ", ".join(f'"{result.policy}"' for result in without)
    told = "no policy came to a model"
    if len(without) < len(results):
        told = f"the polic{'y' if len(without) == 1 else 'ies'} {names} came to no model"
    failed, others = _unsuccessful(without)
    reason = next(iter(failed), "") or why_too_short(history) or next(iter(others), "")
    return f"{told}: {reason}" if reason else told


def _unsuccessful(results: Sequence[PolicyResult]) -> tuple[list[str], list[str]]:
    """What is told of retrainings that failed, and of those that else led to no model; the newest first."""
    ended = [each for result in results for each in reversed(result.decisions) if each.outcome]
    failed = [each.outcome_sentence for each in ended if each.outcome == EventName.RETRAIN_FAILED]
    others = [each.outcome_sentence for each in ended if each.outcome != EventName.MODEL_PROMOTED]
    return failed, others


def _worth(gain: float, result: PolicyResult, cost: CostPolicy, scored: Sequence[int]) -> str:
    """`gain`: of the metric, on the rows of the scored batches."""
    rows = sum(result.rows_by_batch[number] for number in scored)
    spent = result.retrains * (cost.retraining or 0) + cost.container_hour * result.fit_seconds / 3600
    return f"worth {gain * (cost.worth_per_row or 0) * rows:,.0f} at a cost of {spent:,.0f}"


def _signed(result: PolicyResult, metric: ModelMetric) -> float:
    """Higher is better."""
    value = 0.0 if result.metric is None else result.metric
    return value if metric.higher_is_better else -value


def _count(retrainings: int) -> str:
    return f"{retrainings} retraining{'' if retrainings == 1 else 's'}"

"""Promotion gate: may the contender replace the champion? Pure: no I/O."""

from dataclasses import dataclass, replace
from enum import StrEnum

from evertrain.domain.project.metric import Metric
from evertrain.domain.project.policies import GatePolicy, SliceSpec
from evertrain.domain.training.evaluation import Evaluation, SliceComparison


class GateReason(StrEnum):
    FIRST_MODEL = "first_model"
    NOT_WORSE = "not_worse"
    BETTER = "better"
    PERHAPS_BETTER = "perhaps_better"
    BELOW_FLOOR = "below_floor"
    MAY_BE_WORSE = "may_be_worse"
    NOT_BETTER = "not_better"
    SLICE_WORSE = "slice_worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    passed: bool
    reason: GateReason
    sentence: str


SCORE_MARGIN = 0.02
"""Of a score between 0 and 1, where no margin is declared."""

SHARE_OF_CONSTANT = 0.05
"""Where none is declared of a loss: so much of what a constant prediction loses."""


def default_margin(metric: Metric, constant_score: float) -> float:
    """`constant_score`: of the best constant prediction."""
    return SCORE_MARGIN if metric.higher_is_better else SHARE_OF_CONSTANT * constant_score


def margin_of(policy: GatePolicy, evaluation: Evaluation) -> float:
    """How much worse a contender may be, in units of the metric."""
    if policy.margin is not None:
        return policy.margin
    return default_margin(evaluation.contender_score.metric, evaluation.constant_score or 0.0)


def floor_of(policy: GatePolicy, evaluation: Evaluation) -> float:
    """What a first model has to reach: at least as much as a constant prediction."""
    if policy.floor is not None:
        return policy.floor
    return evaluation.constant_score or 0.0


def judge_contender(evaluation: Evaluation, policy: GatePolicy) -> GateVerdict:
    """Non-inferiority by default: refuse only what did worse than the champion, and may be worse by more than
    the margin."""
    verdict = _judge(evaluation, policy)
    if not verdict.passed or evaluation.refit is None:
        return verdict
    rows, end = evaluation.refit.rows, evaluation.refit.window.rows.end
    return replace(verdict, sentence=f"{verdict.sentence}; fitted again on {rows} rows up to {end:%Y-%m-%d}")


def _judge(evaluation: Evaluation, policy: GatePolicy) -> GateVerdict:
    if evaluation.champion_score is None:
        return _judge_first(evaluation, policy)
    worst = _worst_slice(evaluation, policy)
    if worst is not None:
        comparison, spec = worst
        return _refuse(
            GateReason.SLICE_WORSE,
            f"on {comparison.column}={comparison.level} the contender has {comparison.contender:.4f} against "
            f"{comparison.champion:.4f} ({comparison.rows} rows), worse by more than {spec.margin:g}",
        )
    return _judge_overall(evaluation, policy)


def _judge_first(evaluation: Evaluation, policy: GatePolicy) -> GateVerdict:
    score = evaluation.contender_score
    floor = floor_of(policy, evaluation)
    sign = 1 if score.metric.higher_is_better else -1
    description = f"{score.metric} {score.value:.4f} on {score.rows} rows, floor {floor:.4g}"
    if sign * score.value < sign * floor:
        return _refuse(GateReason.BELOW_FLOOR, f"the first model does not reach the floor: {description}")
    return GateVerdict(passed=True, reason=GateReason.FIRST_MODEL, sentence=f"the first model: {description}")


def _judge_overall(evaluation: Evaluation, policy: GatePolicy) -> GateVerdict:
    difference, low, high = evaluation.difference, evaluation.difference_low, evaluation.difference_high
    if difference is None or low is None or high is None:
        raise ValueError("an evaluation against a champion carries the difference and its interval")
    metric, margin = evaluation.contender_score.metric, margin_of(policy, evaluation)
    # As a gain: positive means that the contender is better, whichever way the metric points.
    gain, gain_lower_bound = (difference, low) if metric.higher_is_better else (-difference, -high)
    description = f"{metric} differs by {difference:+.4f} [{low:+.4f}, {high:+.4f}] on {evaluation.gate_rows} rows"
    if gain_lower_bound > 0:
        return GateVerdict(passed=True, reason=GateReason.BETTER, sentence=f"better: {description}")
    if policy.superiority:
        return _refuse(GateReason.NOT_BETTER, f"not shown to be better: {description}")
    if gain_lower_bound > -margin:
        return GateVerdict(
            passed=True,
            reason=GateReason.NOT_WORSE,
            sentence=f"not worse by more than {margin:.4g}: {description}",
        )
    if gain > 0:
        # Too few rows to tell. Between two that may each be the better one, it is the one that has seen newer rows.
        return GateVerdict(
            passed=True, reason=GateReason.PERHAPS_BETTER, sentence=f"better, which may be chance: {description}"
        )
    return _refuse(GateReason.MAY_BE_WORSE, f"may be worse by more than {margin:.4g}: {description}")


def _worst_slice(evaluation: Evaluation, policy: GatePolicy) -> tuple[SliceComparison, SliceSpec] | None:
    higher_is_better = evaluation.contender_score.metric.higher_is_better
    excess: list[tuple[float, SliceComparison, SliceSpec]] = []
    for spec in policy.slices:
        for comparison in evaluation.slices:
            if comparison.column != spec.column or comparison.rows < spec.minimum_rows:
                continue
            gain = comparison.contender - comparison.champion
            loss = -gain if higher_is_better else gain
            if loss > spec.margin:
                excess.append((loss - spec.margin, comparison, spec))
    if not excess:
        return None
    _, comparison, spec = max(excess, key=lambda entry: entry[0])
    return comparison, spec


def _refuse(reason: GateReason, sentence: str) -> GateVerdict:
    return GateVerdict(passed=False, reason=reason, sentence=sentence)

"""Promotion gate: may the contender replace the champion? Pure: no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from evertrain.domain.project.metric import ModelMetric
from evertrain.domain.project.policies import GatePolicy, SliceSpec
from evertrain.domain.training.evaluation import Difference, Evaluation, GuardComparison, SliceComparison


class GateReason(StrEnum):
    FIRST_MODEL = "first_model"
    NOT_WORSE = "not_worse"
    BETTER = "better"
    PERHAPS_BETTER = "perhaps_better"
    BELOW_FLOOR = "below_floor"
    MAY_BE_WORSE = "may_be_worse"
    NOT_BETTER = "not_better"
    SLICE_WORSE = "slice_worse"
    GUARD_WORSE = "guard_worse"


class Finding(StrEnum):
    """On a slice, or by a guard. `not_worse`: by no more than is tolerated. `worse`: by more than that, beyond
    chance. `unknown`: too few rows or days to say."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    passed: bool
    reason: GateReason
    sentence: str


SCORE_MARGIN = 0.02
"""Of a score between 0 and 1, where no margin is declared."""

SHARE_OF_CONSTANT = 0.05
"""Where none is declared of a loss: so much of what a constant prediction loses."""


def default_margin(metric: ModelMetric, constant_score: float) -> float:
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
    worse_slices = _worse_slices(evaluation, policy)
    if worse_slices:
        return _refuse(GateReason.SLICE_WORSE, _describe_worse_slice(*worse_slices[0]))
    for guard, finding in judged_guards(evaluation, policy):
        if finding is Finding.WORSE:
            return _refuse(GateReason.GUARD_WORSE, _describe_worse_guard(guard, policy.guards[guard.metric]))
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
    difference = evaluation.difference
    if difference is None:
        raise ValueError("an evaluation against a champion carries the difference and its interval")
    metric, margin = evaluation.contender_score.metric, margin_of(policy, evaluation)
    gain, gain_lower_bound, _ = difference.gain(higher_is_better=metric.higher_is_better)
    description = f"{metric} differs by {_describe(difference)} on {evaluation.gate_rows} rows"
    if difference.days == 1:
        description += " of one day, which says nothing of how days differ"
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


def _declared_slices(evaluation: Evaluation, policy: GatePolicy) -> Iterator[tuple[SliceComparison, SliceSpec]]:
    for spec in policy.slices:
        for comparison in evaluation.slices:
            if comparison.column == spec.column:
                yield comparison, spec


def judge_difference(difference: Difference | None, *, margin: float, higher_is_better: bool) -> Finding:
    """By an interval that holds together with those of the other slices, or guards: one of many is seldom called
    worse by luck. `difference`: None where there are too few rows."""
    if difference is None:
        return Finding.UNKNOWN
    _, low, high = difference.gain(higher_is_better=higher_is_better)
    if high < -margin:
        return Finding.WORSE
    if low > 0:
        return Finding.BETTER
    return Finding.NOT_WORSE if low > -margin else Finding.UNKNOWN


def judged_slices(evaluation: Evaluation, policy: GatePolicy) -> tuple[tuple[SliceComparison, Finding], ...]:
    """What is said of each slice, in the order of the evaluation."""
    upwards = evaluation.contender_score.metric.higher_is_better
    return tuple(
        (each, judge_difference(each.difference, margin=spec.margin, higher_is_better=upwards))
        for each, spec in _declared_slices(evaluation, policy)
    )


def judged_guards(evaluation: Evaluation, policy: GatePolicy) -> tuple[tuple[GuardComparison, Finding], ...]:
    """What is said by each guard."""
    return tuple(
        (
            each,
            judge_difference(
                each.difference, margin=policy.guards[each.metric], higher_is_better=each.metric.higher_is_better
            ),
        )
        for each in evaluation.guards
    )


def _worse_slices(evaluation: Evaluation, policy: GatePolicy) -> list[tuple[SliceComparison, SliceSpec]]:
    """The worst first, by how far it is beyond its margin."""
    upwards = evaluation.contender_score.metric.higher_is_better
    worse = [
        (each, spec)
        for each, spec in _declared_slices(evaluation, policy)
        if judge_difference(each.difference, margin=spec.margin, higher_is_better=upwards) is Finding.WORSE
    ]
    return sorted(worse, key=lambda each: each[1].margin - abs(each[0].contender - each[0].champion))


def _describe_worse_slice(comparison: SliceComparison, spec: SliceSpec) -> str:
    interval = "" if comparison.difference is None else f", {_describe(comparison.difference)}"
    return (
        f"on {comparison.name} the contender has {comparison.contender:.4f} against {comparison.champion:.4f} "
        f"({comparison.rows} rows{interval}), worse by more than {spec.margin:g}"
    )


def _describe_worse_guard(guard: GuardComparison, tolerated: float) -> str:
    return (
        f"by {guard.metric} the contender has {guard.contender:.4f} against {guard.champion:.4f} "
        f"({_describe(guard.difference)}), worse by more than {tolerated:g}"
    )


def _describe(difference: Difference) -> str:
    return f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"


def _refuse(reason: GateReason, sentence: str) -> GateVerdict:
    return GateVerdict(passed=False, reason=reason, sentence=sentence)

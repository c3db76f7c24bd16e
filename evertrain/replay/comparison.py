"""Policies side by side on the same batches, and the answer in one sentence: would retraining have helped?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evertrain.domain.events import EventName
from evertrain.domain.project.metric import ModelMetric
from evertrain.domain.project.policies import CostPolicy
from evertrain.replay.differences import Difference, difference_between
from evertrain.replay.first_model import why_too_short
from evertrain.replay.history import History
from evertrain.replay.policies import DECLARED, NEVER
from evertrain.replay.result import PolicyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """`scored`: the numbers of the batches on which the metric of every policy is there. `starts`, `rows`: of each
    batch. `answer`: whether retraining would have helped, in one sentence. `gains`: of every other policy over never
    retraining, by its name; empty where `never` was not replayed."""

    model: str
    metric_name: str
    starts: tuple[datetime, ...]
    rows: tuple[int, ...]
    scored: tuple[int, ...]
    results: tuple[PolicyResult, ...]
    answer: str
    gains: Mapping[str, Difference]


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
    gains = _gains(measured, scored, metric)
    return Backtest(
        model=history.spec.name,
        metric_name=metric.value,
        starts=tuple(step.start for step in history.steps),
        rows=results[0].rows_by_batch,
        scored=scored,
        results=measured,
        answer=_answer(measured, history, scored, gains),
        gains=gains,
    )


def _gains(results: Sequence[PolicyResult], scored: Sequence[int], metric: ModelMetric) -> dict[str, Difference]:
    never = next((each for each in results if each.policy == NEVER), None)
    if never is None or not scored:
        return {}
    others = (each for each in results if each is not never)
    return {each.policy: difference_between(each, never, scored, metric) for each in others}


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


def _answer(
    results: Sequence[PolicyResult], history: History, scored: Sequence[int], gains: Mapping[str, Difference]
) -> str:
    spec = history.spec
    by_name, metric = {result.policy: result for result in results}, spec.metric
    if not scored:
        return f"Nothing can be compared: {_why_not(results, history)}."
    chosen, never = by_name.get(DECLARED), by_name.get(NEVER)
    if chosen is None or never is None or len(results) < 2:
        best = max(results, key=lambda each: _signed(each, metric))
        return (
            f"The best of these policies is {best.policy}, with {metric} {best.metric:.4g} on {len(scored)} batch"
            f"{'' if len(scored) == 1 else 'es'}."
        )
    gain, figures = gains[DECLARED], f"{chosen.metric:.4g} against {never.metric:.4g}"
    chance = ", which may be chance," if gain.is_known and not gain.is_beyond_chance else ""
    sentence = f"Retraining would have {_describe(gain, metric)} ({figures}){chance} for {_count(chosen.retrains)}"
    if not chosen.retrains:
        # Its first model is not `never`'s: windows competed, and what was judged has been fitted on all rows.
        sentence = f"The loop would not have retrained: {metric} of its first model and of never's is {figures}"
    if spec.cost.is_declared and chosen.retrains:
        sentence += f", {_worth(gain.value, chosen, spec.cost, scored)}"
    others = [each for each in results if each.policy not in (DECLARED, NEVER)]
    if others:
        best = max(others, key=lambda each: _signed(each, metric))
        sentence += f"; {best.policy} would have reached {best.metric:.4g} for {_count(best.retrains)}"
    return sentence + "."


def _describe(gain: Difference, metric: ModelMetric) -> str:
    by = f"{'improved' if gain.value >= 0 else 'worsened'} {metric} by {abs(gain.value):.3g}"
    if not gain.is_known:
        return by  # a single batch says nothing of how others would have been
    return f"{by} ± {gain.half_interval:.3g}"


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

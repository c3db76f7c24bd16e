"""A backtest's results as what its page shows."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from evertrain.domain.deciding.decisions import Action, Reason
from evertrain.domain.events import EventName
from evertrain.domain.project.metric import Metric, ModelMetric
from evertrain.replay.comparison import Backtest
from evertrain.replay.differences import Difference
from evertrain.replay.history import History
from evertrain.replay.policies import DECLARED
from evertrain.replay.result import BatchDecision, PolicyResult
from evertrain.reports.backtest_page import BacktestPage, CalendarEntry, PolicyCurve
from evertrain.reports.metric_plot import Mark, MarkKind

_OUTCOMES = {
    EventName.MODEL_PROMOTED.value: "promoted",
    EventName.CONTENDER_REJECTED.value: "rejected",
    EventName.RETRAIN_POSTPONED.value: "postponed",
    EventName.RETRAIN_FAILED.value: "failed",
    EventName.ROLLED_BACK.value: "rolled back",
}

_MARKS = {
    EventName.MODEL_PROMOTED.value: MarkKind.PROMOTED,
    EventName.CONTENDER_REJECTED.value: MarkKind.REJECTED,
}


def backtest_page(found: Backtest, history: History) -> BacktestPage:
    """What was decided is that of the declared policy, and of the first where that was not replayed."""
    emphasised = next((each for each in found.results if each.policy == DECLARED), found.results[0])
    metric = history.spec.metric
    return BacktestPage(
        of=history.spec.title,
        answer=found.answer,
        metric=metric,
        unit=_unit(metric, label=history.spec.label.name),
        batch=history.batch,
        starts=found.starts,
        rows=found.rows,
        scored=found.scored,
        curves=[_curve(each, found.gains.get(each.policy)) for each in found.results],
        emphasised=emphasised.policy,
        marks=list(_marks(emphasised)),
        calendar=list(_calendar(emphasised.decisions)),
    )


def _unit(metric: ModelMetric, *, label: str) -> str:
    if metric in (Metric.MEAN_ABSOLUTE_ERROR, Metric.ROOT_MEAN_SQUARED_ERROR):
        return f"in the unit of {label}"
    return "in nats" if metric is Metric.LOG_LOSS else ""


def _curve(result: PolicyResult, gain: Difference | None) -> PolicyCurve:
    return PolicyCurve(
        name=result.policy,
        values=result.metric_by_batch,
        metric=result.metric,
        gain="" if gain is None else str(gain),
        regret=result.regret,
        retrained=result.retrains,
        promoted=result.promotions,
        rejected=result.rejections,
        held=result.holds,
        person_called=result.escalations,
        set_aside=len(result.quarantined),
        seconds=result.seconds,
    )


def _marks(result: PolicyResult) -> Iterator[Mark]:
    for decision in result.decisions:
        if decision.outcome in _MARKS:
            told = decision.outcome_sentence or decision.sentence
            kind = _MARKS[decision.outcome]
            yield Mark(batch=decision.batch, kind=kind, text=f"{kind}: {told}")
        if decision.action == Action.ESCALATE.value:
            yield Mark(batch=decision.batch, kind=MarkKind.PERSON_CALLED, text=f"person called: {decision.sentence}")
    yield from (Mark(batch=batch, kind=MarkKind.SET_ASIDE) for batch in result.quarantined)
    yield from (Mark(batch=batch, kind=MarkKind.DOUBTFUL) for batch in result.doubted)
    yield from (Mark(batch=batch, kind=MarkKind.DRIFTED) for batch in result.drifted)


def _calendar(decisions: Sequence[BatchDecision]) -> Iterator[CalendarEntry]:
    """Holds for one reason with no other decision between them are one entry. Where there was nothing to do, nothing
    is told."""
    told = (each for each in decisions if each.reason != Reason.NOTHING_TO_DO.value)
    for (is_hold, _), group in groupby(told, key=lambda each: (each.action == Action.HOLD.value, each.reason)):
        alike = list(group)
        for several in [alike] if is_hold else [[each] for each in alike]:
            yield _entry(several)


def _entry(alike: Sequence[BatchDecision]) -> CalendarEntry:
    last = alike[-1]
    return CalendarEntry(
        first=alike[0].at,
        last=last.at,
        batches=len({each.batch for each in alike}),
        action=last.action,
        reason=last.reason.replace("_", " "),
        sentence=last.sentence,
        features=last.features,
        outcome=_OUTCOMES.get(last.outcome, last.outcome),
        outcome_sentence=last.outcome_sentence,
    )

"""When to retrain, when to hold, when to call a human. Pure: decides from state, never from an alarm's edge."""

from dataclasses import replace
from datetime import datetime

from evertrain.domain.deciding.decisions import (
    CHANGED_AT,
    GROUP_AFTER,
    GROUP_BEFORE,
    LEARNT_TO,
    METRIC_AFTER,
    METRIC_BEFORE,
    TRAINABLE_ROWS,
    Action,
    Decision,
)
from evertrain.domain.deciding.evidence import pack_evidence
from evertrain.domain.deciding.loop_state import LoopState
from evertrain.domain.deciding.objections import OBJECTIONS
from evertrain.domain.deciding.situation import drifted_names
from evertrain.domain.deciding.triggers import TRIGGER_RULES, DecisionContext
from evertrain.domain.project.model import ModelSpec


def decide(state: LoopState, spec: ModelSpec, *, now: datetime) -> Decision:
    """The one decision for this state: the first objection, or else a retraining for the strongest trigger."""
    context = DecisionContext(state=state, spec=spec, now=now)
    for objection in OBJECTIONS:
        decision = objection(context)
        if decision is not None:
            is_call = decision.action is Action.ESCALATE
            return replace(decision, pack=pack_evidence(context, decision.reason)) if is_call else decision
    return _retrain(context)


def _retrain(context: DecisionContext) -> Decision:
    rule = TRIGGER_RULES[context.triggers[0]]
    dated = {CHANGED_AT: context.changed_at, LEARNT_TO: context.watermark}
    return Decision(
        action=Action.RETRAIN,
        reason=rule.reason,
        sentence=rule.sentence(context),
        triggers=context.triggers,
        evidence={
            "drifted_batches": len(context.feature_drift.drifted),
            "drifted_features": drifted_names(context.feature_drift),
            "drifted_prediction_days": len(context.prediction_drift.drifted),
            TRAINABLE_ROWS: context.trainable_rows,
            **{name: moment.isoformat() for name, moment in dated.items() if moment is not None},
            **_performance_evidence(context),
            **({"lost_per_day": context.ageing.per_day} if context.ageing else {}),
        },
    )


def _cost_of_answered_change(context: DecisionContext) -> dict[str, str | int | float]:
    """What the errors showed before the first answer, where this is another one to the same change."""
    answered = context.state.answered_change
    if answered is None or context.changed_at != answered.changed_at:
        return {}
    shown = {METRIC_BEFORE: answered.metric_before, METRIC_AFTER: answered.metric_after}
    return {name: value for name, value in shown.items() if value is not None}


def _performance_evidence(context: DecisionContext) -> dict[str, str | int | float]:
    decline = context.decline
    if decline is None:
        return _cost_of_answered_change(context)
    found: dict[str, str | int | float] = {
        "loss_before": decline.loss_before,
        "loss_now": decline.loss_now,
        "standard_errors": round(decline.z, 1),
        "declining_groups": ", ".join(group.name for group in decline.groups),
    }
    for group in decline.groups:
        found |= {f"{GROUP_BEFORE}{group.name}": group.before, f"{GROUP_AFTER}{group.name}": group.now}
    if decline.metric_before is not None and decline.metric_now is not None:
        found |= {METRIC_BEFORE: decline.metric_before, METRIC_AFTER: decline.metric_now}
    return found

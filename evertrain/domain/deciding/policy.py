"""When to retrain, when to hold, when to call a human. Pure: decides from state, never from an alarm's edge."""

from datetime import datetime

from evertrain.domain.deciding.decisions import Action, Decision
from evertrain.domain.deciding.loop_state import LoopState
from evertrain.domain.deciding.objections import OBJECTIONS
from evertrain.domain.deciding.triggers import RULES, Case, drifted_names
from evertrain.domain.project.model import ModelSpec


def decide(state: LoopState, spec: ModelSpec, *, now: datetime) -> Decision:
    """The one decision for this state: the first objection, or else a retraining for the strongest trigger."""
    case = Case(state=state, spec=spec, now=now)
    for object_to in OBJECTIONS:
        decision = object_to(case)
        if decision is not None:
            return decision
    return _retrain(case)


def _retrain(case: Case) -> Decision:
    rule = RULES[case.triggers[0]]
    onset: dict[str, str] = {} if case.drift_onset is None else {"drift_onset": case.drift_onset.isoformat()}
    return Decision(
        action=Action.RETRAIN,
        reason=rule.reason,
        sentence=rule.sentence(case),
        triggers=case.triggers,
        evidence={
            "drifted_batches": len(case.feature_drift.drifted),
            "drifted_features": drifted_names(case.feature_drift),
            "drifted_prediction_days": len(case.prediction_drift.drifted),
            **onset,
        },
    )

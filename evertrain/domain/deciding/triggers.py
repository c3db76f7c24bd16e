"""What speaks for a retraining. Pure, and from the loop's state alone.

To add a trigger: its name and its reason in `decisions`, and a rule in `TRIGGER_RULES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from evertrain.domain.deciding.decisions import Reason, Trigger
from evertrain.domain.deciding.situation import Situation, drifted_names
from evertrain.domain.monitoring.decline import describe_decline
from evertrain.domain.project.policies import MovingWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRule:
    """When a trigger applies, and how a retraining that it calls for is explained."""

    applies: Callable[[Situation], bool]
    reason: Reason
    sentence: Callable[[Situation], str]


def _period_has_passed(situation: Situation) -> bool:
    champion = situation.state.champion
    return champion is not None and situation.now - champion.since >= situation.spec.triggers.every


def _change_has_more_rows(situation: Situation) -> bool:
    """The time since a change that was answered has doubled, and does not fill the longest window yet: while there is
    more to learn of it, and for as long as the champion is worse than before it."""
    answered, watermark, training = situation.state.answered_change, situation.watermark, situation.spec.training
    if situation.state.champion is None or answered is None or watermark is None:
        return False
    if MovingWindow.SINCE_CHANGE not in training.moving_windows or situation.newest_change is not None:
        return False
    learnt = answered.learnt_to - answered.changed_at
    longest = max(training.windows, default=4 * (training.validation + training.gate))
    if learnt >= longest or watermark - answered.changed_at < 2 * learnt:
        return False
    still_lost = situation.still_lost
    return not answered.is_learnt or (still_lost is not None and still_lost > situation.margin)


def _describe_follow_up(situation: Situation) -> str:
    answered, found = situation.state.answered_change, situation.newest_metric
    sentence = (
        f"labels reach twice as far beyond the change of {situation.changed_at:%Y-%m-%d} as at the last training"
    )
    if answered is None or not answered.is_learnt or found is None:
        return sentence
    return f"{sentence}, and {situation.spec.metric} is {found.value:.4g}, {answered.metric_before:.4g} before it"


def _describe_age(situation: Situation) -> str:
    ageing = situation.ageing
    if ageing is None:
        return ""
    pays_after = ageing.pays_after(situation.cost_of_retraining) / timedelta(days=1)
    return (
        f"labels reach {situation.age.days} days beyond what the champion has learnt from, and a retraining pays "
        f"after {pays_after:.0f}: by what the last ones gained, {situation.spec.metric} is worse by "
        f"{ageing.per_day:.2g} with each day (standard error {ageing.standard_error:.2g})"
    )


def _rows_have_grown(situation: Situation) -> bool:
    before, grown_by = situation.state.rows_when_champion_trained, situation.spec.triggers.rows_grown_by
    if situation.state.champion is None or not before or grown_by is None:
        return False
    return situation.trainable_rows >= grown_by * before


TRIGGER_RULES: Mapping[Trigger, TriggerRule] = {
    Trigger.MANUAL: TriggerRule(
        applies=lambda situation: bool(situation.state.requested_by),
        reason=Reason.ASKED_BY_A_PERSON,
        sentence=lambda situation: f"asked by a person: {situation.state.requested_by}",
    ),
    Trigger.FIRST_MODEL: TriggerRule(
        applies=lambda situation: situation.state.champion is None,
        reason=Reason.NO_CHAMPION_YET,
        sentence=lambda _: "there is no champion yet, and enough labels have matured",
    ),
    Trigger.PERFORMANCE: TriggerRule(
        applies=lambda situation: situation.decline is not None,
        reason=Reason.PERFORMANCE_FELL,
        sentence=lambda situation: (
            f"predictions became worse: {describe_decline(situation.decline, situation.spec.metric)}"
            if situation.decline is not None
            else ""
        ),
    ),
    Trigger.FOLLOW_UP: TriggerRule(
        applies=_change_has_more_rows,
        reason=Reason.CHANGE_HAS_MORE_ROWS,
        sentence=_describe_follow_up,
    ),
    Trigger.DRIFT: TriggerRule(
        applies=lambda situation: situation.feature_drift.onset is not None and not situation.drift_is_idle,
        reason=Reason.FEATURES_DRIFTED,
        sentence=lambda situation: (
            f"{len(situation.feature_drift.drifted)} of the last {len(situation.feature_drift.recent)} batches "
            f"drifted ({drifted_names(situation.feature_drift)})"
        ),
    ),
    Trigger.PREDICTION_DRIFT: TriggerRule(
        applies=lambda situation: situation.prediction_drift.onset is not None and not situation.drift_is_harmless,
        reason=Reason.PREDICTIONS_DRIFTED,
        sentence=lambda situation: (
            f"predictions drifted on {len(situation.prediction_drift.drifted)} of the last "
            f"{len(situation.prediction_drift.recent)} days, though no feature did"
        ),
    ),
    Trigger.VOLUME: TriggerRule(
        applies=_rows_have_grown,
        reason=Reason.ROWS_HAVE_GROWN,
        sentence=lambda situation: (
            f"there are {situation.trainable_rows:,} rows to train on; when the champion was trained there were "
            f"{situation.state.rows_when_champion_trained:,}"
        ),
    ),
    Trigger.AGE: TriggerRule(
        applies=lambda situation: situation.age_has_cost_a_retraining,
        reason=Reason.RETRAINING_PAYS,
        sentence=_describe_age,
    ),
    Trigger.PERIODIC: TriggerRule(
        applies=_period_has_passed,
        reason=Reason.PERIOD_ELAPSED,
        sentence=lambda situation: (
            f"{situation.spec.triggers.every.days} days have passed since the champion was promoted"
        ),
    ),
}
"""The strongest first: the first that applies explains the retraining."""


@dataclass(frozen=True, kw_only=True)
class DecisionContext(Situation):
    """The situation, and what speaks for a retraining in it."""

    @cached_property
    def triggers(self) -> tuple[Trigger, ...]:
        """The strongest first."""
        return tuple(trigger for trigger, rule in TRIGGER_RULES.items() if rule.applies(self))

"""The retraining policy: which state leads to which decision."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evertrain.domain.deciding.decisions import Action, Reason, Trigger
from evertrain.domain.deciding.loop_state import AnsweredChange, GroupChange
from evertrain.domain.deciding.policy import decide
from evertrain.domain.events import EventName
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.project.calendar import parse_quiet_days
from evertrain.domain.project.metric import Metric
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import CostPolicy, DriftPolicy, MovingWindow, TriggerPolicy
from evertrain.domain.store.labels import LabelledDay, LabelProgress
from evertrain.domain.training.evaluation import Gain
from tests.builders.models import (
    NOW,
    a_champion,
    a_feature_drift,
    a_model,
    a_state,
    an_outcome,
    days,
    label_tables,
    verdicts,
)
from tests.builders.performance import a_performance

SPEC = a_model(
    triggers=TriggerPolicy(drift=DriftPolicy(drifted_batches=3, of_last=5), every=days(28), cooldown=days(7))
)

OLD_DRIFT = verdicts("DDD..", newest_days_ago=25)
"""Three drifted batches whose rows have matured."""


def test_a_quiet_stream_is_held_with_nothing_to_do():
    decision = decide(a_state(verdicts=verdicts(".....")), SPEC, now=NOW)
    assert (decision.action, decision.reason, decision.triggers) == (Action.HOLD, Reason.NOTHING_TO_DO, ())


def test_persistent_drift_with_matured_labels_retrains():
    decision = decide(a_state(verdicts=OLD_DRIFT), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.FEATURES_DRIFTED)
    assert decision.sentence == "3 of the last 5 batches drifted (wind)"


def requests(pattern: str, *features: str, newest_days_ago: float = 1) -> tuple[DriftVerdict, ...]:
    """Days of requests; on drifted ones these features, or predictions, were unlike training."""
    drifted = tuple(a_feature_drift(feature) for feature in features)
    return tuple(
        replace(each, features=drifted) if each.status is DriftStatus.DRIFTED else each
        for each in verdicts(pattern, newest_days_ago=newest_days_ago)
    )


def test_predictions_that_drift_while_no_feature_does_retrain():
    state = a_state(verdicts=verdicts("....."), requests=requests("DDD..", "prediction", newest_days_ago=25))
    decision = decide(state, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.PREDICTIONS_DRIFTED)
    assert decision.triggers == (Trigger.PREDICTION_DRIFT,)
    assert decision.sentence == "predictions drifted on 3 of the last 5 days, though no feature did"


def test_drifted_predictions_wait_for_labels_of_their_days():
    decision = decide(a_state(requests=requests("DDD..", "prediction")), SPEC, now=NOW)
    assert decision.reason is Reason.LABELS_IMMATURE
    assert decision.sentence.startswith("predictions drifted from 2013-03-29 on")


def test_requests_that_are_unlike_the_store_s_rows_call_a_person_and_stop_nothing():
    differing = requests("DDD..", "wind", "prediction")
    decision = decide(a_state(verdicts=verdicts("....."), requests=differing), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.REQUESTS_DIFFER)
    assert "on 3 of the last 5 days (wind), and the batches of features/trips were not" in decision.sentence
    told = a_state(verdicts=verdicts("....."), requests=differing, escalated_for=frozenset({Reason.REQUESTS_DIFFER}))
    assert decide(told, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    due = replace(told, retrained_at=(NOW - days(29),), champion=a_champion(since=NOW - days(29)))
    assert decide(due, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED


def test_requests_and_batches_that_drift_together_are_drift():
    state = a_state(verdicts=OLD_DRIFT, requests=requests("DDD..", "wind", newest_days_ago=25))
    assert decide(state, SPEC, now=NOW).reason is Reason.FEATURES_DRIFTED


def test_two_days_of_differing_requests_are_not_persistent():
    assert decide(a_state(requests=requests("DD...", "wind")), SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_two_drifted_batches_of_five_are_not_persistent():
    assert decide(a_state(verdicts=verdicts("D.D..")), SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_verdicts_that_could_not_be_made_do_not_push_drift_out_of_sight():
    assert decide(a_state(verdicts=verdicts("0D0D0D..", newest_days_ago=25)), SPEC, now=NOW).action is Action.RETRAIN


def test_verdicts_against_an_earlier_champion_do_not_count():
    state = a_state(champion=a_champion(version="v2"), verdicts=OLD_DRIFT)
    assert decide(state, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_drift_with_immature_labels_is_held_and_says_when_it_may_go():
    decision = decide(a_state(verdicts=verdicts("DDD..")), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.LABELS_IMMATURE)
    # Onset 3 days ago; labels are complete to NOW - 3 (latency), and what passes is fitted again up to there.
    assert decision.not_before == NOW + days(0 + 1)


def test_where_nothing_is_fitted_again_drift_waits_for_the_rows_that_are_trained_on():
    judged_itself = replace(SPEC, training=replace(SPEC.training, refit=False))
    decision = decide(a_state(verdicts=verdicts("DDD..")), judged_itself, now=NOW)
    # Trainable to NOW - 3 (latency) - 7 (gate) - 5 (validation) - 3 (embargo) = 18 days ago.
    assert (decision.reason, decision.not_before) == (Reason.LABELS_IMMATURE, NOW + days(15 + 1))


def test_a_held_drift_goes_on_the_day_that_was_named():
    state = a_state(verdicts=verdicts("DDD.."), retrained_at=(NOW - days(1),))
    held = decide(a_state(verdicts=verdicts("DDD..")), SPEC, now=NOW)
    assert held.not_before is not None
    later = label_tables(newest_days_ago=-13, last_landed_days_ago=-15)
    assert decide(a_state(verdicts=state.verdicts, labels=later), SPEC, now=held.not_before).action is Action.RETRAIN


def test_a_period_that_elapsed_retrains_without_drift():
    decision = decide(a_state(champion=a_champion(since=NOW - days(29)), retrained_at=()), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.PERIOD_ELAPSED)


@pytest.mark.parametrize("name", [EventName.CONTENDER_REJECTED, EventName.ROLLED_BACK])
def test_a_period_that_elapsed_goes_on_to_ask_after_a_retraining_in_vain_and_the_cooldown_is_longer(
    name: EventName,
) -> None:
    due = a_state(champion=a_champion(since=NOW - days(29)), retrained_at=(NOW - days(8),))
    assert decide(due, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED
    in_vain = replace(due, outcomes=(an_outcome(name, days_ago=8),))
    held = decide(in_vain, SPEC, now=NOW)
    assert (held.reason, held.not_before) == (Reason.COOLDOWN, NOW - days(8) + 2 * days(7))
    assert held.sentence.endswith("longer after 1 in vain")
    failed = replace(due, outcomes=(an_outcome(EventName.RETRAIN_FAILED, days_ago=8),))
    assert decide(failed, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED, "it tells nothing of the rows"
    assert decide(in_vain, SPEC, now=held.not_before).reason is Reason.PERIOD_ELAPSED


def test_cooldown_blocks_a_second_retrain_and_says_until_when():
    decision = decide(a_state(verdicts=OLD_DRIFT, retrained_at=(NOW - days(2),)), SPEC, now=NOW)
    assert (decision.reason, decision.not_before) == (Reason.COOLDOWN, NOW + days(5))


def test_a_person_may_ask_during_cooldown():
    decision = decide(a_state(retrained_at=(NOW - days(2),), requested_by="new columns"), SPEC, now=NOW)
    assert (decision.action, decision.sentence) == (Action.RETRAIN, "asked by a person: new columns")


def test_a_person_cannot_start_a_second_retraining_beside_a_running_one():
    decision = decide(a_state(requested_by="hurry", retraining_running=True), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.RETRAINING_RUNNING)


def test_a_broken_feed_calls_a_human_and_wins_over_drift():
    decision = decide(a_state(verdicts=OLD_DRIFT, consecutive_quarantines=1), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.FEED_BROKEN)


def test_a_human_is_called_once_for_an_incident():
    state = a_state(consecutive_quarantines=4, escalated_for=frozenset({Reason.FEED_BROKEN}))
    assert decide(state, SPEC, now=NOW).reason is Reason.HUMAN_CALLED


def test_a_feed_that_went_silent_calls_a_human_once_its_freshness_has_passed():
    group = replace(SPEC.group, freshness=days(2))
    spec = replace(SPEC, group=group)
    assert decide(a_state(newest_event_times={"trips": NOW - days(2)}), spec, now=NOW).reason is Reason.NOTHING_TO_DO
    decision = decide(a_state(newest_event_times={"trips": NOW - days(2.1)}), spec, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.FEED_STALE)
    assert "more than 2d ago" in decision.sentence
    assert decide(a_state(newest_event_times={"trips": NOW - days(90)}), SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_drift_without_labels_to_come_calls_a_human():
    labels = label_tables(newest_days_ago=20, last_landed_days_ago=15)
    decision = decide(a_state(verdicts=OLD_DRIFT, labels=labels), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.LABELS_OVERDUE)


REJECTED_TWICE = (
    an_outcome(EventName.CONTENDER_REJECTED, days_ago=8),
    an_outcome(EventName.CONTENDER_REJECTED, days_ago=16),
)


def test_two_rejected_contenders_in_a_row_call_a_human_once_and_the_loop_goes_on_more_slowly():
    state = a_state(verdicts=OLD_DRIFT, outcomes=REJECTED_TWICE)
    decision = decide(state, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.CONTENDERS_REJECTED)
    told = replace(state, escalated_for=frozenset({Reason.CONTENDERS_REJECTED}))
    held = decide(told, SPEC, now=NOW)
    assert (held.action, held.reason) == (Action.HOLD, Reason.COOLDOWN)
    assert held.not_before == NOW - days(20) + 4 * days(7), "a week, doubled twice"
    assert held.sentence.endswith("longer after 2 in vain")
    assert decide(told, SPEC, now=held.not_before).action is Action.RETRAIN


def test_contenders_that_may_as_well_have_been_better_slow_the_loop_half_as_much():
    """Too few rows could tell: that is no evidence that retraining does not help."""
    told = frozenset({Reason.CONTENDERS_REJECTED})
    outcomes = tuple(replace(each, version=f"v{i}") for i, each in enumerate(REJECTED_TWICE))
    state = a_state(verdicts=OLD_DRIFT, outcomes=outcomes, escalated_for=told)
    assert decide(state, SPEC, now=NOW).not_before == NOW - days(20) + 4 * days(7)
    one = decide(replace(state, undecided=frozenset({"v1"})), SPEC, now=NOW - days(1))
    assert one.not_before == NOW - days(20) + 2**1.5 * days(7)
    assert decide(replace(state, undecided=frozenset({"v0", "v1"})), SPEC, now=NOW).action is Action.RETRAIN
    taken_back = tuple(replace(each, name=EventName.ROLLED_BACK) for each in outcomes)
    held = decide(replace(state, outcomes=taken_back, undecided=frozenset({"v0", "v1"})), SPEC, now=NOW)
    assert held.not_before == NOW - days(20) + 4 * days(7), "it passed the gate, and callers were worse off"


def test_the_cooldown_grows_to_a_cap_and_not_for_ever():
    outcomes = tuple(an_outcome(EventName.CONTENDER_REJECTED, days_ago=8 * (i + 1)) for i in range(20))
    told = a_state(verdicts=OLD_DRIFT, outcomes=outcomes, escalated_for=frozenset({Reason.CONTENDERS_REJECTED}))
    assert decide(told, SPEC, now=NOW).not_before == NOW - days(20) + 8 * days(7)


def test_a_drift_that_began_after_the_rejections_is_news():
    """It is neither slowed down nor a reason to call for what was rejected before it."""
    drifted = verdicts("DDD..", newest_days_ago=25)
    earlier = tuple(an_outcome(EventName.CONTENDER_REJECTED, days_ago=ago) for ago in (30, 40))
    assert decide(a_state(verdicts=drifted, outcomes=earlier), SPEC, now=NOW).action is Action.RETRAIN


def test_rows_that_have_doubled_retrain_without_drift():
    state = a_state(labels=label_tables(rows=100_000), rows_when_champion_trained=3_000)
    assert decide(state, SPEC, now=NOW).reason is Reason.ROWS_HAVE_GROWN
    sentence = decide(state, SPEC, now=NOW).sentence
    assert sentence == "there are 7,734 rows to train on; when the champion was trained there were 3,000"
    assert decide(state, SPEC, now=NOW).evidence["trainable_rows"] == 7_734, "28 of 362 days, the longest window"


def test_more_rows_than_the_longest_window_can_hold_are_no_reason():
    full = a_state(labels=label_tables(rows=100_000), rows_when_champion_trained=7_000)
    assert decide(full, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    training = replace(SPEC.training, moving_windows=(MovingWindow.EXPANDING,))
    assert decide(full, replace(SPEC, training=training), now=NOW).reason is Reason.ROWS_HAVE_GROWN


def test_growth_of_rows_says_nothing_where_the_last_training_is_not_known_or_it_is_turned_off():
    state = a_state(labels=label_tables(rows=100_000))
    assert decide(state, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    never = replace(SPEC, triggers=replace(SPEC.triggers, rows_grown_by=None))
    grown = replace(state, rows_when_champion_trained=1)
    assert decide(grown, never, now=NOW).reason is Reason.NOTHING_TO_DO


def test_a_promotion_between_two_rejections_resets_the_count():
    names = (EventName.CONTENDER_REJECTED, EventName.MODEL_PROMOTED, EventName.CONTENDER_REJECTED)
    outcomes = [an_outcome(name, days_ago=8 * (i + 1)) for i, name in enumerate(names)]
    assert decide(a_state(verdicts=OLD_DRIFT, outcomes=outcomes), SPEC, now=NOW).action is Action.RETRAIN


def without_champion(**changes: object):
    return replace(a_state(), champion=None, retrained_at=(), **changes)


def test_the_first_model_is_trained_as_soon_as_enough_labels_have_matured():
    decision = decide(without_champion(), SPEC, now=NOW)
    assert (decision.reason, decision.triggers) == (Reason.NO_CHAMPION_YET, (Trigger.FIRST_MODEL,))


def test_the_first_model_waits_for_its_shortest_window():
    decision = decide(without_champion(oldest_event_time=NOW - days(30)), SPEC, now=NOW)
    assert (decision.reason, decision.not_before) == (Reason.LABELS_IMMATURE, NOW + days(2))


def test_the_first_model_waits_for_labels():
    assert decide(without_champion(labels=None), SPEC, now=NOW).reason is Reason.LABELS_IMMATURE


def test_a_window_with_fewer_rows_than_declared_is_held():
    assert decide(without_champion(labels=label_tables(rows=999)), SPEC, now=NOW).reason is Reason.TOO_FEW_ROWS


def test_a_lasting_drift_began_where_it_began_however_many_batches_follow() -> None:
    """Two weeks of drift: rows since its first day are trainable now, rows since the last five batches are not."""
    state = a_state(verdicts=verdicts("D" * 30 + ".....", newest_days_ago=1))
    decision = decide(state, a_model(), now=NOW)
    assert decision.action is Action.RETRAIN
    assert decision.reason is Reason.FEATURES_DRIFTED


def test_a_person_may_ask_for_a_retraining_on_rows_from_before_the_drift() -> None:
    state = a_state(verdicts=verdicts("DDDDD"), requested_by="the new planes are in already")
    assert decide(state, a_model(), now=NOW).action is Action.RETRAIN


def test_an_earlier_drift_that_passed_is_not_the_onset_of_the_present_one() -> None:
    state = a_state(verdicts=verdicts("DDD" + "." * 10 + "D" * 30, newest_days_ago=1))
    decision = decide(state, a_model(), now=NOW)
    assert decision.action is Action.HOLD
    assert decision.reason is Reason.LABELS_IMMATURE


def test_a_champion_is_not_judged_on_rows_that_it_has_learnt_from() -> None:
    """Coverage that broke off long ago takes the watermark back."""
    assert SPEC.label.minimum_coverage is None
    spec = replace(SPEC, label=replace(SPEC.label, minimum_coverage=0.9))
    bad_day = LabelledDay(day=NOW - days(60), rows=100, labelled=10)
    progress = LabelProgress(measured_at=NOW, days=(bad_day,), latency=(), unmatched=0)
    due = a_state(champion=a_champion(since=NOW - days(29)), retrained_at=(), label_progress=progress)
    assert decide(due, SPEC, now=NOW).action is Action.RETRAIN
    decision = decide(due, spec, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.LABELS_IMMATURE)
    assert "labels are complete to 2013-01-31 and the champion has learnt from rows up to 2013-02-16" in (
        decision.sentence
    )


def where_only_exceptions_are_reported():
    return replace(SPEC, label=replace(SPEC.label, absent=0.0))


def test_where_only_exceptions_are_reported_silence_calls_a_human_before_it_is_trained_on() -> None:
    silent = label_tables(newest_days_ago=20, last_landed_days_ago=15)
    due = a_state(champion=a_champion(since=NOW - days(29)), retrained_at=(), labels=silent)
    decision = decide(due, where_only_exceptions_are_reported(), now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.LABELS_OVERDUE)
    assert decision.sentence == "a row without a label counts, but no labels have landed since 2013-03-17"
    # Where every row gets a label, one that does not come is simply not used. A person may know that there were none.
    asked = replace(due, requested_by="it was quiet")
    assert decide(asked, where_only_exceptions_are_reported(), now=NOW).action is Action.RETRAIN
    assert decide(due, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED


def test_where_only_exceptions_are_reported_rows_are_counted_and_not_reports() -> None:
    spec = where_only_exceptions_are_reported()
    few = without_champion(labels=label_tables(rows=5))
    assert decide(few, spec, now=NOW).action is Action.RETRAIN
    assert decide(replace(few, rows=999), spec, now=NOW).sentence == "999 rows have landed, 1000 are asked for"


def test_a_retraining_that_waited_for_rows_is_tried_again_after_the_cooldown_and_not_a_period_later() -> None:
    due = a_state(champion=a_champion(since=NOW - days(36)), retrained_at=(NOW - days(8),))
    postponed = replace(due, outcomes=(an_outcome(EventName.RETRAIN_POSTPONED, days_ago=8),))
    assert decide(postponed, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED
    recently = replace(postponed, retrained_at=(NOW - days(6),))
    assert decide(recently, SPEC, now=NOW).reason is Reason.COOLDOWN


# --- what predictions turned out to be worth ------------------------------------------------------

LEARNING_CHANGES = replace(
    SPEC,
    training=replace(
        SPEC.training, moving_windows=(MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE), minimum_rows=150
    ),
)
GOOD, BAD = [1.0] * 12, [-1.0]


def test_predictions_that_became_worse_retrain_though_no_feature_drifted():
    state = a_state(verdicts=verdicts("....."), performance=a_performance(GOOD + BAD * 4))
    decision = decide(state, LEARNING_CHANGES, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.PERFORMANCE_FELL)
    assert decision.sentence.startswith("predictions became worse: roc_auc_score 0.1")
    assert "before, since 2013-03-25, on 400 rows" in decision.sentence
    assert decision.evidence["changed_at"] == (NOW - days(7)).isoformat()
    assert decision.evidence["learnt_to"] == (NOW - days(3)).isoformat()
    assert float(decision.evidence["metric_after"]) < 0.3
    assert float(decision.evidence["metric_before"]) > 0.7


def test_the_group_that_carries_it_is_in_the_sentence_and_in_the_evidence():
    state = a_state(performance=a_performance(GOOD + BAD * 4, only="WN"))
    decision = decide(state, LEARNING_CHANGES, now=NOW)
    assert decision.reason is Reason.PERFORMANCE_FELL
    assert "; carrier=WN: squared error 0." in decision.sentence
    assert str(decision.evidence["declining_groups"]).startswith("carrier=WN")
    before, since = (float(decision.evidence[f"mean loss {when} where carrier=WN"]) for when in ("before", "since"))
    assert before < since


def test_a_decline_that_the_last_retraining_cannot_have_known_does_not_wait_for_its_cooldown():
    """A period was over a day before the labels of a change began to come in."""
    worse = a_performance(GOOD + BAD * 4)
    just_retrained = a_state(performance=worse, retrained_at=(NOW - days(2),))
    for reached, decided in (
        (NOW - days(7), (Action.RETRAIN, Reason.PERFORMANCE_FELL)),
        (NOW - days(6.5), (Action.RETRAIN, Reason.PERFORMANCE_FELL)),  # within the decline's first day
        (NOW - days(5), (Action.HOLD, Reason.COOLDOWN)),
        (None, (Action.HOLD, Reason.COOLDOWN)),
    ):
        decision = decide(replace(just_retrained, last_learnt_to=reached), LEARNING_CHANGES, now=NOW)
        assert (decision.action, decision.reason) == decided, reached


def test_a_change_with_few_labelled_rows_waits_for_as_many_as_a_model_and_its_judge_take():
    state = a_state(performance=a_performance(GOOD + BAD * 3))
    decision = decide(state, LEARNING_CHANGES, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.TOO_FEW_ROWS)
    assert "since 2013-03-26, on 300 rows" in decision.sentence
    assert decision.sentence.endswith("; 338 are asked for, to learn from and to judge on")
    # Where no window begins with the change there is nothing to wait for.
    assert decide(state, SPEC, now=NOW).reason is Reason.PERFORMANCE_FELL
    # A retraining that is due anyway waits too, but not for ever.
    due = replace(state, retrained_at=(NOW - days(29),), champion=a_champion(since=NOW - days(29)))
    assert decide(due, LEARNING_CHANGES, now=NOW).reason is Reason.TOO_FEW_ROWS
    old = a_performance(GOOD + BAD * 3, newest_days_ago=18)
    assert decide(replace(due, performance=old), LEARNING_CHANGES, now=NOW).action is Action.RETRAIN


def test_drift_that_costs_nothing_is_held_with_that_reason():
    state = a_state(verdicts=OLD_DRIFT, performance=a_performance([1.0] * 30))
    decision = decide(state, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.PERFORMANCE_HOLDS)
    assert decision.sentence == (
        "features drifted from 2013-03-05 on (wind), and errors have not grown enough to retrain for"
    )


def test_drift_that_costs_something_needs_no_alarm_of_its_own():
    slightly_worse = a_performance([1.0] * 6 + [0.6] * 24, seed=3)
    decision = decide(a_state(verdicts=OLD_DRIFT, performance=slightly_worse), SPEC, now=NOW)
    assert (decision.action, decision.reason) in {
        (Action.RETRAIN, Reason.FEATURES_DRIFTED),
        (Action.RETRAIN, Reason.PERFORMANCE_FELL),
    }


def test_drift_whose_cost_nobody_knows_yet_waits_for_a_few_labels():
    drifting = verdicts("DDDD.", newest_days_ago=1)
    state = a_state(verdicts=drifting, performance=a_performance(GOOD, rows=20))
    decision = decide(state, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.LABELS_IMMATURE)
    assert "too few labels have come in since then to say whether predictions are worse" in decision.sentence


def test_where_nothing_was_measured_drift_counts_as_it_is():
    state = a_state(verdicts=OLD_DRIFT, performance=a_performance([], promised=0, newest_days_ago=0))
    assert decide(state, SPEC, now=NOW).reason is Reason.FEATURES_DRIFTED


def test_a_change_that_was_answered_is_learnt_again_when_its_labelled_time_has_doubled():
    answered = AnsweredChange(changed_at=NOW - days(23), learnt_to=NOW - days(13))
    decision = decide(a_state(answered_change=answered), LEARNING_CHANGES, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.CHANGE_HAS_MORE_ROWS)
    assert decision.sentence == "labels reach twice as far beyond the change of 2013-03-09 as at the last training"
    assert decision.evidence["changed_at"] == (NOW - days(23)).isoformat()


def test_a_change_is_not_learnt_again_before_nor_once_it_is_settled_nor_without_a_window_for_it():
    early = AnsweredChange(changed_at=NOW - days(23), learnt_to=NOW - days(12))
    settled = AnsweredChange(changed_at=NOW - days(23), learnt_to=NOW - days(13), is_learnt=True)
    due = AnsweredChange(changed_at=NOW - days(23), learnt_to=NOW - days(13))
    long_ago = AnsweredChange(changed_at=NOW - days(200), learnt_to=NOW - days(170))
    for spec, answered in (
        (LEARNING_CHANGES, early),
        (LEARNING_CHANGES, settled),
        (SPEC, due),
        (LEARNING_CHANGES, long_ago),
    ):
        assert decide(a_state(answered_change=answered), spec, now=NOW).reason is Reason.NOTHING_TO_DO


def test_a_change_that_is_learnt_and_not_mended_is_followed_up_as_rows_double():
    """No window since the change won any more, or its contender was refused; and the champion is worse than then."""
    settled = AnsweredChange(
        changed_at=NOW - days(23),
        learnt_to=NOW - days(13),
        is_learnt=True,
        promoted=1,
        metric_before=0.95,
        metric_after=0.5,
    )
    well = a_performance(GOOD)  # about .83
    decision = decide(a_state(answered_change=settled, performance=well), LEARNING_CHANGES, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.CHANGE_HAS_MORE_ROWS)
    assert "as at the last training, and roc_auc_score is 0.8" in decision.sentence
    assert decision.sentence.endswith(", 0.95 before it")
    assert (decision.evidence["metric_before"], decision.evidence["metric_after"]) == (0.95, 0.5)
    for answered, performance in (
        (replace(settled, metric_before=0.84), well),
        (replace(settled, metric_before=None), well),
        (replace(settled, learnt_to=NOW - days(12)), well),
        (settled, a_performance(GOOD[:2])),
        (settled, None),
    ):
        state = a_state(answered_change=answered, performance=performance)
        assert decide(state, LEARNING_CHANGES, now=NOW).reason is Reason.NOTHING_TO_DO


LEARNT = AnsweredChange(
    changed_at=NOW - days(60),
    learnt_to=NOW - days(13),
    is_learnt=True,
    promoted=2,
    metric_before=0.95,
    metric_after=0.76,
)


def test_a_change_that_two_retrainings_did_not_mend_calls_a_person_once_and_stops_nothing():
    state = a_state(answered_change=LEARNT, performance=a_performance(GOOD))
    decision = decide(state, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.NOT_MENDED)
    assert (
        "and 0.95 before the change of 2013-01-31; 2 retrainings since then did not bring it back"
        in decision.sentence
    )
    told = replace(state, escalated_for=frozenset({Reason.NOT_MENDED}))
    assert decide(told, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def with_floor(floor: float | None, metric: Metric = Metric.ROC_AUC_SCORE) -> ModelSpec:
    return replace(SPEC, metric=metric, gate=replace(SPEC.gate, floor=floor))


def test_a_champion_that_keeps_a_promise_below_the_floor_calls_a_person_once_and_stops_nothing() -> None:
    """Promoted because it was not worse than another bad one: nothing fell since then, and nothing drifts."""
    state = a_state(performance=a_performance(BAD * 10, promised=0))
    decision = decide(state, with_floor(0.5), now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.BELOW_FLOOR)
    assert re.fullmatch(
        r"roc_auc_score is 0\.[12]\d* since 2013-\d\d-\d\d, and the floor that a first model has to reach is 0\.5: "
        "the champion is worse than that, whatever it promised",
        decision.sentence,
    )
    told = replace(state, escalated_for=frozenset({Reason.BELOW_FLOOR}))
    assert decide(told, with_floor(0.5), now=NOW).reason is Reason.NOTHING_TO_DO


@pytest.mark.parametrize(("floor", "reason"), [(0.2, Reason.BELOW_FLOOR), (0.5, Reason.NOTHING_TO_DO)])
def test_of_a_loss_the_floor_is_an_upper_bound(floor: float, reason: Reason) -> None:
    metric = Metric.BRIER_SCORE_LOSS
    state = a_state(performance=a_performance(BAD * 10, promised=0, metric=metric))
    assert decide(state, with_floor(floor, metric), now=NOW).reason is reason


@pytest.mark.parametrize(
    ("quality", "rows", "floor"),
    [
        (BAD * 10, 100, None),  # nobody has said what is too bad
        ([0.0] * 10, 100, 0.5),  # by chance below it
        (BAD * 2, 200, 0.5),  # too few days
        (BAD * 10, 20, 0.5),  # too few rows
        ([*BAD * 5, *GOOD], 100, 0.5),  # it was so, and is no more
    ],
)
def test_no_person_is_called_for_what_is_not_clearly_below_the_floor(
    quality: list[float], rows: int, floor: float | None
) -> None:
    state = a_state(performance=a_performance(quality, promised=0, rows=rows))
    assert decide(state, with_floor(floor), now=NOW).reason is not Reason.BELOW_FLOOR


def test_a_group_that_two_retrainings_did_not_mend_calls_a_person_once_while_the_others_are_well():
    was_worse = GroupChange(name="carrier=DL", before=0.15, after=0.35)
    whole_is_well = replace(LEARNT, metric_before=0.76, groups=(was_worse,))
    only_one = a_performance([0.0] * 30, promised=0, only="DL")
    state = a_state(answered_change=whole_is_well, performance=only_one)
    decision = decide(state, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.GROUP_NOT_MENDED)
    assert decision.sentence.startswith("where carrier=DL the mean squared error is ")
    assert "and 0.15 before the change of 2013-01-31; 2 retrainings since then did not bring it" in decision.sentence
    told = replace(state, escalated_for=frozenset({Reason.GROUP_NOT_MENDED}))
    assert decide(told, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    for change, performance in (
        (replace(whole_is_well, promoted=1), only_one),
        (replace(whole_is_well, groups=()), only_one),
        (replace(whole_is_well, groups=(replace(was_worse, before=0.3),)), only_one),
        (whole_is_well, a_performance([0.0] * 2, promised=0, only="DL")),
        (whole_is_well, None),
    ):
        state = a_state(answered_change=change, performance=performance)
        assert decide(state, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_a_change_that_was_mended_or_is_being_learnt_or_is_hardly_measured_calls_nobody():
    measured = a_performance(GOOD)
    for change, performance in (
        (replace(LEARNT, metric_before=0.8), measured),
        (replace(LEARNT, metric_before=None), measured),
        (replace(LEARNT, metric_after=0.6), measured),
        (replace(LEARNT, promoted=1), measured),
        (replace(LEARNT, is_learnt=False), measured),
        (LEARNT, a_performance(GOOD[:2])),
        (LEARNT, None),
    ):
        state = a_state(answered_change=change, performance=performance)
        assert decide(state, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_after_answers_in_vain_errors_have_to_say_more():
    worse = a_performance(GOOD + [0.3] * 6)
    assert decide(a_state(performance=worse), SPEC, now=NOW).reason is Reason.PERFORMANCE_FELL
    tried = a_state(performance=worse, answers_in_vain=2)
    assert decide(tried, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    turned_round = a_state(performance=a_performance(GOOD + BAD * 6), answers_in_vain=2)
    assert decide(turned_round, SPEC, now=NOW).reason is Reason.PERFORMANCE_FELL


# --- what age costs -------------------------------------------------------------------------------


def gains(*values: float) -> tuple[Gain, ...]:
    return tuple(Gain(value=value, standard_error=0.002, newer_by=days(28)) for value in values)


def test_where_the_last_retrainings_gained_much_the_next_comes_before_its_period():
    aged = a_state(champion=a_champion(since=NOW - days(20)), gains=gains(0.012, 0.009, 0.011))
    decision = decide(aged, SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.RETRAIN, Reason.RETRAINING_PAYS)
    assert decision.sentence == (
        "labels reach 32 days beyond what the champion has learnt from, and a retraining pays after 20: by what the "
        "last ones gained, roc_auc_score is worse by 0.00035 with each day (standard error 0.00011)"
    )
    assert decision.evidence["lost_per_day"] == pytest.approx(0.00035, abs=1e-5)
    young = replace(aged, champion=replace(a_champion(since=NOW - days(20)), trained_until=NOW - days(12)))
    assert decide(young, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    in_vain = replace(aged, gains=gains(0.001, -0.002, 0.0))
    assert decide(in_vain, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_what_a_retraining_costs_and_is_worth_may_be_declared():
    """138 rows a day: 60 metric units times days for 80, against 1,449 for 2,000."""
    aged = a_state(champion=a_champion(since=NOW - days(20)), gains=gains(0.012, 0.009, 0.011))
    cheap = replace(SPEC, cost=CostPolicy(retraining=8, worth_per_row=1))
    assert decide(aged, cheap, now=NOW).reason is Reason.RETRAINING_PAYS
    dear = replace(SPEC, cost=CostPolicy(retraining=2_000, worth_per_row=1))
    assert decide(aged, dear, now=NOW).reason is Reason.NOTHING_TO_DO


def test_a_period_that_is_over_is_no_reason_where_by_declared_costs_it_does_not_pay():
    dear = replace(SPEC, cost=CostPolicy(retraining=2_000, worth_per_row=1))
    due = a_state(champion=a_champion(since=NOW - days(29)), retrained_at=(), gains=gains(0.001, 0.0))
    decision = decide(due, dear, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.NOT_WORTH_IT)
    assert decision.sentence == (
        "28 days have passed since the champion was promoted; by what the last retrainings gained, its age has cost "
        "at most 1% of what a retraining costs"
    )
    assert decide(due, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED, "nobody says what it costs"
    old = replace(due, champion=a_champion(since=NOW - days(4 * 28)))
    assert decide(old, dear, now=NOW).reason is Reason.PERIOD_ELAPSED, "what was gained then tells little now"
    assert decide(replace(due, gains=()), dear, now=NOW).reason is Reason.PERIOD_ELAPSED, "nothing is known"


# --- calendar and budget --------------------------------------------------------------------------


def test_on_quiet_days_nothing_is_retrained_but_by_a_person_or_for_a_first_model():
    quiet = replace(SPEC, triggers=replace(SPEC.triggers, quiet=(parse_quiet_days("03-25 to 04-06"),)))
    decision = decide(a_state(verdicts=OLD_DRIFT), quiet, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.QUIET_DAYS)
    assert decision.sentence == "nothing is retrained from 03-25 to the end of 04-06"
    assert decision.not_before == datetime(2013, 4, 7, tzinfo=UTC)
    assert decide(a_state(requested_by="new columns"), quiet, now=NOW).action is Action.RETRAIN
    assert decide(without_champion(), quiet, now=NOW).reason is not Reason.QUIET_DAYS
    assert decide(a_state(verdicts=OLD_DRIFT), quiet, now=NOW + days(9)).reason is not Reason.QUIET_DAYS


def test_within_thirty_days_no_more_is_retrained_than_is_allowed():
    twice = replace(SPEC, triggers=replace(SPEC.triggers, retrainings_per_month=2))
    spent = a_state(verdicts=OLD_DRIFT, retrained_at=(NOW - days(10), NOW - days(25), NOW - days(50)))
    decision = decide(spent, twice, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.BUDGET_SPENT)
    assert decision.sentence.startswith("2 retrainings were decided within 30 days, 2 are allowed; the next on ")
    assert decision.not_before == NOW + days(5)
    assert decide(replace(spent, requested_by="new columns"), twice, now=NOW).action is Action.RETRAIN
    left = a_state(verdicts=OLD_DRIFT, retrained_at=(NOW - days(10), NOW - days(31)))
    assert decide(left, twice, now=NOW).action is Action.RETRAIN


def test_no_more_money_is_spent_within_thirty_days_than_is_declared():
    bounded = replace(SPEC, cost=CostPolicy(retraining=40, container_hour=20, per_month=100))
    spent = a_state(verdicts=OLD_DRIFT, retrained_at=(NOW - days(10), NOW - days(25)), container_seconds=1_200)
    decision = decide(spent, bounded, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.BUDGET_SPENT)
    assert decision.sentence.startswith("2 retrainings were decided within 30 days, 2 are allowed"), "46.67 each"
    dearer = replace(spent, container_seconds=7_200)
    assert decide(dearer, bounded, now=NOW).sentence.startswith("2 retrainings were decided within 30 days, 1 is")
    assert decide(replace(spent, retrained_at=(NOW - days(10),)), bounded, now=NOW).action is Action.RETRAIN


def test_a_change_with_few_rows_shortens_no_slice_of_a_retraining_that_a_person_asks_for():
    asked = a_state(performance=a_performance(GOOD + BAD * 3), requested_by="new columns")
    decision = decide(asked, LEARNING_CHANGES, now=NOW)
    assert decision.action is Action.RETRAIN
    assert "changed_at" not in decision.evidence


def test_drift_whose_cost_nobody_can_tell_counts_once_labels_reach_far_beyond_its_onset():
    hardly_measured = a_performance(GOOD, promised=3, rows=2)
    state = a_state(verdicts=OLD_DRIFT, performance=hardly_measured)
    assert decide(state, SPEC, now=NOW).reason is Reason.FEATURES_DRIFTED


def test_a_follow_up_waits_while_something_newer_speaks():
    answered = AnsweredChange(changed_at=NOW - days(23), learnt_to=NOW - days(13))
    newer = a_state(answered_change=answered, performance=a_performance(GOOD + BAD * 4))
    decision = decide(newer, LEARNING_CHANGES, now=NOW)
    assert (decision.reason, decision.evidence["changed_at"]) == (
        Reason.PERFORMANCE_FELL,
        (NOW - days(7)).isoformat(),
    )
    assert Trigger.FOLLOW_UP not in decision.triggers


def test_a_doubtful_batch_calls_a_person_once_and_stops_nothing():
    history = verdicts("x....")
    decision = decide(a_state(verdicts=history), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.FEED_DOUBTFUL)
    assert decision.sentence == (
        "batch batch-1 of features/trips may be faulty: wind: half is missing. Its rows are kept out of training "
        "until `evertrain accept batch-1` says that this is how it is now, or 3 batches in a row are like it"
    )
    told = a_state(verdicts=history, escalated_for=frozenset({Reason.FEED_DOUBTFUL}))
    assert decide(told, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO
    due = replace(told, retrained_at=(NOW - days(29),), champion=a_champion(since=NOW - days(29)))
    assert decide(due, SPEC, now=NOW).reason is Reason.PERIOD_ELAPSED


def test_doubtful_batches_are_no_evidence_of_drift():
    history = verdicts("xxxxx")
    told = a_state(verdicts=history, escalated_for=frozenset({Reason.FEED_DOUBTFUL}))
    assert decide(told, SPEC, now=NOW).reason is Reason.NOTHING_TO_DO


def test_a_model_that_asks_for_no_quarantine_has_no_doubts_either():
    lenient = replace(
        SPEC, triggers=replace(SPEC.triggers, drift=replace(SPEC.triggers.drift, quarantine_faults=False))
    )
    assert decide(a_state(verdicts=verdicts("xxxxx")), lenient, now=NOW).reason is not Reason.FEED_DOUBTFUL


def with_importance(history: tuple[DriftVerdict, ...], importance: float | None) -> tuple[DriftVerdict, ...]:
    return tuple(
        replace(verdict, features=tuple(replace(each, importance=importance) for each in verdict.features))
        for verdict in history
    )


def test_drift_in_features_that_the_model_hardly_uses_is_held_with_that_reason():
    idle = with_importance(OLD_DRIFT, 0.01)
    decision = decide(a_state(verdicts=idle), SPEC, now=NOW)
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.FEATURES_HARDLY_MATTER)
    assert decision.sentence == (
        "features drifted from 2013-03-05 on (wind): the model hardly uses them, and nothing says that its errors "
        "have grown"
    )
    for importance in (0.06, None):
        weighty = a_state(verdicts=with_importance(OLD_DRIFT, importance))
        assert decide(weighty, SPEC, now=NOW).reason is Reason.FEATURES_DRIFTED


def test_drift_in_idle_features_with_errors_that_have_grown_is_drift():
    worse = a_performance([1.0] * 6 + [0.6] * 24, seed=3)
    costly = a_state(verdicts=with_importance(OLD_DRIFT, 0.01), performance=worse)
    harmless = a_state(verdicts=with_importance(OLD_DRIFT, 0.01), performance=a_performance([1.0] * 30))
    assert decide(costly, SPEC, now=NOW).action is Action.RETRAIN
    assert decide(harmless, SPEC, now=NOW).reason is Reason.PERFORMANCE_HOLDS

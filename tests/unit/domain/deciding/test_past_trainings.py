"""The change that the last training answered, from the decision log alone."""

from dataclasses import replace
from datetime import datetime

from evertrain.domain.deciding.decisions import Action, Decision, Reason, RecordedDecision
from evertrain.domain.deciding.loop_state import AnsweredChange, GroupChange
from evertrain.domain.deciding.past_trainings import (
    MAX_ANSWERS_IN_VAIN,
    answered_change,
    answers_in_vain,
    last_learnt_to,
    last_training,
    rows_when_trained,
)
from evertrain.domain.events import EventName
from evertrain.domain.release.registry import ModelVersion
from evertrain.domain.training.gate import GateReason
from evertrain.domain.training.outcomes import Outcome
from tests.builders.models import NOW, an_outcome, days
from tests.builders.registry import a_version

CHANGED_AT = NOW - days(40)


def a_retraining(
    decision_id: str, *, days_ago: int, reason: Reason = Reason.CHANGE_HAS_MORE_ROWS, **evidence: str | float
) -> RecordedDecision:
    changed = {"changed_at": CHANGED_AT.isoformat(), "learnt_to": (NOW - days(days_ago + 3)).isoformat()}
    decision = Decision(action=Action.RETRAIN, reason=reason, sentence="", evidence=changed | evidence)
    return RecordedDecision(
        decision_id=decision_id, model="trips", cause="labels:b", decided_at=NOW - days(days_ago), decision=decision
    )


def ended(decision_id: str, name: EventName = EventName.MODEL_PROMOTED) -> Outcome:
    return replace(an_outcome(name), decision_id=decision_id)


def the_champion(
    decision_id: str, *, window: str = "since_change", reason: GateReason = GateReason.BETTER
) -> ModelVersion:
    version = a_version("v1")
    version = replace(version, gate=replace(version.gate, reason=reason))
    candidate = replace(version.candidate, window=replace(version.candidate.window, name=window))
    return replace(version, decision_id=decision_id, candidate=candidate)


FIRST = a_retraining(
    "d1", days_ago=30, reason=Reason.PERFORMANCE_FELL, metric_before=0.8, metric_after=0.5, trainable_rows=900
)
SECOND = a_retraining("d2", days_ago=20)


def test_a_retraining_that_trained_nothing_answers_nothing() -> None:
    postponed = [ended("d2", EventName.RETRAIN_POSTPONED), ended("d1")]
    assert last_training([SECOND, FIRST], postponed) == FIRST
    assert rows_when_trained(the_champion("d1"), [SECOND, FIRST]) == 900
    assert rows_when_trained(the_champion("d2"), [SECOND, FIRST]) is None
    assert rows_when_trained(None, [SECOND, FIRST]) is None
    assert last_training([FIRST], []) is None


def test_groups_that_were_worse_are_remembered_with_what_they_lost_before_the_first_answer() -> None:
    evidence = {"mean loss before where origin=JFK": 0.2, "mean loss since where origin=JFK": 0.4}
    first = replace(FIRST, decision=replace(FIRST.decision, evidence={**FIRST.decision.evidence, **evidence}))
    found = answered_change([SECOND, first], [ended("d2"), ended("d1")], the_champion("d2"))
    assert found is not None
    assert found.groups == (GroupChange(name="origin=JFK", before=0.2, after=0.4),)


def test_the_change_is_that_of_the_last_training_with_what_was_before_the_first_answer() -> None:
    found = answered_change([SECOND, FIRST], [ended("d2"), ended("d1")], the_champion("d2"))
    assert found == AnsweredChange(
        changed_at=CHANGED_AT,
        learnt_to=NOW - days(23),
        is_learnt=False,
        answered_at=NOW - days(30),
        promoted=2,
        metric_before=0.8,
        metric_after=0.5,
    )


def test_labels_reach_as_far_as_the_last_retraining_knew() -> None:
    due = a_retraining("d3", days_ago=10, reason=Reason.PERIOD_ELAPSED)
    call = replace(SECOND, decision=Decision(action=Action.ESCALATE, reason=Reason.NOT_MENDED, sentence=""))
    assert last_learnt_to([call, due, SECOND, FIRST]) == NOW - days(13)
    assert last_learnt_to([replace(due, decision=replace(due.decision, evidence={})), SECOND]) is None
    assert last_learnt_to([]) is None


def test_an_answer_to_errors_knew_that_they_change() -> None:
    due = a_retraining("d0", days_ago=50, reason=Reason.PERIOD_ELAPSED)
    drift = a_retraining("d3", days_ago=10, reason=Reason.FEATURES_DRIFTED)
    for answer in (FIRST, SECOND, drift):
        assert last_learnt_to([answer, due]) is None


def test_it_is_learnt_once_another_window_wins_or_its_contender_was_refused() -> None:
    both = [ended("d2"), ended("d1")]
    assert _is_learnt(answered_change([SECOND, FIRST], both, the_champion("d2", window="expanding")))
    assert _is_learnt(answered_change([SECOND, FIRST], both, the_champion("d2", reason=GateReason.NOT_WORSE)))
    refused = [ended("d2", EventName.CONTENDER_REJECTED), ended("d1")]
    assert _is_learnt(answered_change([SECOND, FIRST], refused, the_champion("d1")))
    # The first answer has few rows: it is never the last one.
    assert not _is_learnt(answered_change([FIRST], [ended("d1")], the_champion("d1", window="expanding")))


def test_answers_without_a_gain_are_counted_until_one_that_had_some() -> None:
    acts = [a_retraining(f"d{n}", days_ago=10 + n, reason=Reason.PERFORMANCE_FELL) for n in range(6)]
    outcomes = [replace(ended(f"d{n}"), version=f"v{n}") for n in range(6)]

    def in_vain(*better: str) -> int:
        return answers_in_vain(acts, outcomes, is_better=lambda version: version in better)

    assert in_vain("v0") == 0
    assert in_vain("v1") == 1
    assert in_vain() == MAX_ANSWERS_IN_VAIN
    postponed = [replace(each, name=EventName.RETRAIN_POSTPONED) for each in outcomes]
    assert answers_in_vain(acts, postponed, is_better=lambda _: False) == 0
    periodic = [replace(each, decision=replace(each.decision, reason=Reason.PERIOD_ELAPSED)) for each in acts]
    assert answers_in_vain(periodic, outcomes, is_better=lambda _: False) == 0


def test_where_no_change_was_known_there_is_none() -> None:
    plain = replace(FIRST, decision=replace(FIRST.decision, evidence={}))
    assert answered_change([plain], [ended("d1")], the_champion("d1")) is None
    assert answered_change([FIRST], [ended("d1")], None) is None
    assert answered_change([], [], the_champion("d1")) is None


def _is_learnt(found: AnsweredChange | None) -> bool:
    assert found is not None
    assert isinstance(found.changed_at, datetime)
    return found.is_learnt

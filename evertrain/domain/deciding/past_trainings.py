"""What the decision log says of earlier retrainings: the last that trained, and the change that it answered. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    Reason,
    RecordedDecision,
)
from evertrain.domain.deciding.loop_state import AnsweredChange, GroupChange
from evertrain.domain.events import EventName
from evertrain.domain.project.policies import MovingWindow
from evertrain.domain.release.registry import ModelVersion
from evertrain.domain.training.gate import GateReason
from evertrain.domain.training.outcomes import Outcome

_TRAINED = (
    EventName.MODEL_PROMOTED,
    EventName.CONTENDER_REJECTED,
    EventName.CONTENDER_HELD,
    EventName.ROLLED_BACK,
)


def last_training(acts: Sequence[RecordedDecision], outcomes: Sequence[Outcome]) -> RecordedDecision | None:
    """The last retraining that trained something: one that was postponed or failed has learnt from no row. Both
    sequences are newest first."""
    trained = {each.decision_id for each in outcomes if each.name in _TRAINED}
    return next((entry for entry in acts if entry.decision_id in trained), None)


def rows_when_trained(version: ModelVersion | None, acts: Sequence[RecordedDecision]) -> int | None:
    """How many rows there were to train on when its retraining was decided; None where that is not known."""
    training = next((each for each in acts if version is not None and each.decision_id == version.decision_id), None)
    rows = None if training is None else training.decision.evidence.get(TRAINABLE_ROWS)
    return None if rows is None else int(rows)


def last_learnt_to(acts: Sequence[RecordedDecision]) -> datetime | None:
    """The label watermark of the last retraining, whatever became of it; None where it answered drift or errors, or
    followed an answer up. `acts`: the newest first."""
    newest = next((each for each in acts if each.decision.action is Action.RETRAIN), None)
    if newest is None or newest.decision.reason in (*_ANSWERS, Reason.CHANGE_HAS_MORE_ROWS):
        return None
    learnt_to = newest.decision.evidence.get(LEARNT_TO)
    return None if learnt_to is None else datetime.fromisoformat(str(learnt_to))


def answers_in_vain(
    acts: Sequence[RecordedDecision], outcomes: Sequence[Outcome], *, is_better: Callable[[str], bool]
) -> int:
    """How many of the last trainings that drift or errors called for showed no gain, up to MAX_ANSWERS_IN_VAIN.

    `is_better`: whether the gate has shown a version to be better than what it replaced. One that was begins anew.
    """
    reasons = {each.decision_id: each.decision.reason for each in acts}
    count = 0
    for outcome in outcomes:
        if outcome.name is EventName.MODEL_PROMOTED and is_better(outcome.version):
            break
        count += outcome.name in _TRAINED and reasons.get(outcome.decision_id) in _ANSWERS
        if count == MAX_ANSWERS_IN_VAIN:
            break
    return count


_ANSWERS = (Reason.PERFORMANCE_FELL, Reason.FEATURES_DRIFTED, Reason.PREDICTIONS_DRIFTED)
MAX_ANSWERS_IN_VAIN = 2


def answered_change(
    acts: Sequence[RecordedDecision], outcomes: Sequence[Outcome], champion: ModelVersion | None
) -> AnsweredChange | None:
    """By the last training; None where it knew of no change.

    The first answer to worse predictions has few rows, so it is never the last one. After that, more rows are of use
    while the window since the change wins, and is better than what there was.
    """
    training = last_training(acts, outcomes)
    if training is None or champion is None:
        return None
    evidence = training.decision.evidence
    if CHANGED_AT not in evidence or LEARNT_TO not in evidence:
        return None
    goes_on = (
        champion.decision_id == training.decision_id
        and champion.candidate.window.name == MovingWindow.SINCE_CHANGE
        and champion.gate.reason is GateReason.BETTER
    )
    is_first = training.decision.reason is Reason.PERFORMANCE_FELL
    answers = [each for each in acts if each.decision.evidence.get(CHANGED_AT) == evidence[CHANGED_AT]]
    promoted = {each.decision_id for each in outcomes if each.name is EventName.MODEL_PROMOTED}
    shown = next((each.decision.evidence for each in reversed(answers) if _shows_decline(each)), {})
    return AnsweredChange(
        changed_at=datetime.fromisoformat(str(evidence[CHANGED_AT])),
        learnt_to=datetime.fromisoformat(str(evidence[LEARNT_TO])),
        is_learnt=not (goes_on or is_first),
        answered_at=min(each.decided_at for each in answers),
        promoted=sum(each.decision_id in promoted for each in answers),
        metric_before=_number(shown, METRIC_BEFORE),
        metric_after=_number(shown, METRIC_AFTER),
        groups=tuple(_groups(shown)),
    )


def _groups(evidence: Mapping[str, str | int | float]) -> Iterator[GroupChange]:
    for key, before in evidence.items():
        name = key.removeprefix(GROUP_BEFORE)
        after = evidence.get(f"{GROUP_AFTER}{name}")
        if key.startswith(GROUP_BEFORE) and after is not None:
            yield GroupChange(name=name, before=float(before), after=float(after))


def _shows_decline(answer: RecordedDecision) -> bool:
    return METRIC_BEFORE in answer.decision.evidence or any(_groups(answer.decision.evidence))


def _number(evidence: Mapping[str, str | int | float], name: str) -> float | None:
    return float(evidence[name]) if name in evidence else None

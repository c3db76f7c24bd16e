"""Decisions to retrain, to hold, or to call a human: values that carry their reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from evertrain.domain.event_details import Decided
from evertrain.domain.events import Event, EventName
from evertrain.domain.monitoring.performance import RowLoss

LEASE_DURATION = timedelta(hours=5)
"""Of a decision to retrain: longer than the state machine may take."""


BACKFILL = "backfill"
"""Who holds a model's lease, in place of a decision, while history is landed: nothing is decided on half of it."""


class Action(StrEnum):
    RETRAIN = "retrain"
    HOLD = "hold"
    ESCALATE = "escalate"
    ROLL_OUT = "roll_out"


class Trigger(StrEnum):
    """What speaks for a retraining."""

    MANUAL = "manual"
    FIRST_MODEL = "first_model"
    PERFORMANCE = "performance"
    FOLLOW_UP = "follow_up"
    DRIFT = "drift"
    PREDICTION_DRIFT = "prediction_drift"
    VOLUME = "volume"
    AGE = "age"
    PERIODIC = "periodic"


class Reason(StrEnum):
    """Why the action was taken. The first nine go with `retrain`, the next with `hold`, the last with `escalate`."""

    ASKED_BY_A_PERSON = "asked_by_a_person"
    NO_CHAMPION_YET = "no_champion_yet"
    PERFORMANCE_FELL = "performance_fell"
    CHANGE_HAS_MORE_ROWS = "change_has_more_rows"
    FEATURES_DRIFTED = "features_drifted"
    PREDICTIONS_DRIFTED = "predictions_drifted"
    ROWS_HAVE_GROWN = "rows_have_grown"
    RETRAINING_PAYS = "retraining_pays"
    PERIOD_ELAPSED = "period_elapsed"

    NOTHING_TO_DO = "nothing_to_do"
    PERFORMANCE_HOLDS = "performance_holds"
    NOT_WORTH_IT = "not_worth_it"
    FEATURES_HARDLY_MATTER = "features_hardly_matter"
    LABELS_IMMATURE = "labels_immature"
    TOO_FEW_ROWS = "too_few_rows"
    COOLDOWN = "cooldown"
    QUIET_DAYS = "quiet_days"
    BUDGET_SPENT = "budget_spent"
    RETRAINING_RUNNING = "retraining_running"
    HUMAN_CALLED = "human_called"

    FEED_BROKEN = "feed_broken"
    FEED_STALE = "feed_stale"
    FEED_DOUBTFUL = "feed_doubtful"
    REQUESTS_DIFFER = "requests_differ"
    LABELS_OVERDUE = "labels_overdue"
    CONTENDERS_REJECTED = "contenders_rejected"
    BELOW_FLOOR = "below_floor"
    NOT_MENDED = "not_mended"
    GROUP_NOT_MENDED = "group_not_mended"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePack:
    """What a person who is called needs. `since`: when it began. `what`: features, groups and batches, in sentences.
    `examples`: rows that were predicted worst since then. `tried`: the retrainings since then. `needed`: what it
    would take."""

    since: datetime | None = None
    what: tuple[str, ...] = ()
    examples: tuple[RowLoss, ...] = ()
    tried: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided for one model at one moment, and why. `not_before` says when a hold may end. `pack`: of a call
    of a person."""

    action: Action
    reason: Reason
    sentence: str
    triggers: tuple[Trigger, ...] = ()
    not_before: datetime | None = None
    evidence: Mapping[str, str | int | float] = field(default_factory=dict)
    pack: EvidencePack | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """A decision as it stands in the log. Its id is made from its cause, so a doubled event decides once."""

    decision_id: str
    model: str
    cause: str
    decided_at: datetime
    decision: Decision


def decision_event(recorded: RecordedDecision) -> Event:
    """By which a decision is announced."""
    detail: Decided = {
        "model": recorded.model,
        "decision_id": recorded.decision_id,
        "reason": recorded.decision.reason.value,
        "sentence": recorded.decision.sentence,
    }
    return Event(name=_EVENT_OF_ACTION[recorded.decision.action], detail=detail)


TRAINABLE_ROWS = "trainable_rows"
"""Evidence of a decision to retrain: how many rows there were to train on."""

CHANGED_AT, LEARNT_TO = "changed_at", "learnt_to"
"""Evidence of a decision to retrain: when the world changed, where that is known, and the label watermark."""

METRIC_BEFORE, METRIC_AFTER = "metric_before", "metric_after"
"""Evidence of a decision to retrain for worse predictions: the declared metric before and since then."""

GROUP_BEFORE, GROUP_AFTER = "mean loss before where ", "mean loss since where "
"""The same of a group: beginnings of names that end with the group's, such as `origin=JFK`."""


ROLLS_OUT, BESIDE = "rolls_out", "beside"
"""Evidence of a decision to roll out: which version, and who is champion then; empty where nobody is."""


STARTS_EXECUTION = (Action.RETRAIN, Action.ROLL_OUT)
"""What the state machine does: all of it, or only its last part."""


_EVENT_OF_ACTION = {
    Action.RETRAIN: EventName.RETRAIN_REQUESTED,
    Action.ROLL_OUT: EventName.RETRAIN_REQUESTED,
    Action.HOLD: EventName.RETRAIN_HELD,
    Action.ESCALATE: EventName.HUMAN_CALLED,
}

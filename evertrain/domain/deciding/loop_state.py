"""What the policy looks at: how a model's loop stands, read afresh for every decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.deciding.decisions import Reason
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.domain.monitoring.performance import Performance
from evertrain.domain.release.registry import Champion
from evertrain.domain.store.labels import LabelProgress, LabelTables
from evertrain.domain.training.evaluation import Gain
from evertrain.domain.training.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Of a group of rows, such as `origin=JFK`: its mean loss before a change, and when the errors showed it."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredChange:
    """A change of the world that a retraining answered. `learnt_to`: the label watermark then. `is_learnt`: whether
    it is settled what there is to learn, since older rows turned out to be worth learning from as well.
    `answered_at`: when it first was. `promoted`: how many answers to it were promoted. `metric_before`,
    `metric_after`: the declared metric before the change, and when the errors showed it. `groups`: that were worse.
    """

    changed_at: datetime
    learnt_to: datetime
    is_learnt: bool = False
    answered_at: datetime | None = None
    promoted: int = 0
    metric_before: float | None = None
    metric_after: float | None = None
    groups: tuple[GroupChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """How a model's loop stands. Sequences are newest first.

    `verdicts`: on batches of features, of each group the newest first. `request_verdicts`: on days of requests to
    the endpoint, with what it predicted. `outcomes`: of past retrainings. `consecutive_quarantines`: objects of the
    model's feeds that were set aside since the last good one. `rows`, `oldest_event_time`: of the model's own group
    in the feature store, None while there are none. `newest_event_times`: of each of its groups that has rows.
    `retrained_at`: when `retrain` was decided, of late. `last_learnt_to`: the label watermark when it last was,
    None where that answered drift or errors.
    `rows_when_champion_trained`: how many rows there were to train on when the champion's training was decided; None
    where that is not known. `performance`: of the champion, as far as labels have come in. `gains`: of the last
    contenders over the champions of then. `container_seconds`: of the last retraining. `answered_change`: by the
    last retraining that trained. `answers_in_vain`: how many of the last retrainings for drift or errors showed no
    gain. `undecided`: versions of late that may as well have been better than the champion of then. `escalated_for`:
    reasons of which a human was already told and that have not passed since.
    """

    champion: Champion | None
    verdicts: Sequence[DriftVerdict]
    request_verdicts: Sequence[DriftVerdict]
    labels: LabelTables | None
    label_progress: LabelProgress | None
    rows: int
    oldest_event_time: datetime | None
    newest_event_times: Mapping[str, datetime]
    retraining_running: bool
    retrained_at: Sequence[datetime]
    outcomes: Sequence[Outcome]
    consecutive_quarantines: int
    last_learnt_to: datetime | None = None
    rows_when_champion_trained: int | None = None
    performance: Performance | None = None
    gains: Sequence[Gain] = ()
    container_seconds: float = 0.0
    answered_change: AnsweredChange | None = None
    answers_in_vain: int = 0
    undecided: frozenset[str] = frozenset()
    escalated_for: frozenset[Reason] = frozenset()
    requested_by: str = ""

    @property
    def last_retraining_at(self) -> datetime | None:
        """When the last `retrain` was decided."""
        return self.retrained_at[0] if self.retrained_at else None

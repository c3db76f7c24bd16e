"""What follows from how a model's loop stands: drift, decline, age, cooldown. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

from evertrain.domain.deciding.ageing import Ageing, measure_ageing
from evertrain.domain.deciding.loop_state import LoopState
from evertrain.domain.events import EventName
from evertrain.domain.landing.predictions import OF_PREDICTIONS
from evertrain.domain.monitoring.decline import (
    THRESHOLD,
    Decline,
    find_decline,
    has_baseline,
    newest_days,
    standard_errors_since,
)
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.monitoring.estimates import Estimate
from evertrain.domain.monitoring.performance import DAY, metric_over_days
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import DriftPolicy, MovingWindow
from evertrain.domain.store.labels import label_watermark
from evertrain.domain.training.outcomes import Outcome

COSTLY = 2.5
"""Standard errors by which the mean loss has to have grown for drift to call for a retraining, where it is known: far
less than an alarm of its own, since there are two witnesses."""

PATIENCE = timedelta(days=14)
"""Labels may reach so far beyond the onset of a drift before it counts, whatever is known of its cost; and beyond a
decline before a retraining that is due anyway goes on with few rows since then."""

SHARE_OF_A_CHANGE = 2.25
"""Times `minimum_rows`: half is to learn from, and a day has not always as many rows."""

PAYBACK_DAYS = 7
"""Where nobody says what a retraining costs: as much as the gate's margin of the metric for so many days."""

ROWS_TO_TELL = 300
"""Of the newest days, to say what the champion's predictions are worth now."""

MAX_COOLDOWN_FACTOR = 8
"""After fruitless retrainings the cooldown grows to so many times its length, and no further."""


@dataclass(frozen=True, kw_only=True)
class DriftHistory:
    """Verdicts of one kind, the newest first, and which of them count as drifted."""

    verdicts: Sequence[DriftVerdict]
    has_drifted: Callable[[DriftVerdict], bool]
    policy: DriftPolicy

    @cached_property
    def recent(self) -> Sequence[DriftVerdict]:
        """The last n, of which k have to have drifted."""
        return self.verdicts[: self.policy.of_last]

    @cached_property
    def drifted(self) -> list[DriftVerdict]:
        return [verdict for verdict in self.recent if self.has_drifted(verdict)]

    @cached_property
    def onset(self) -> datetime | None:
        """When the persistent drift began, in event time; None unless k of the last n verdicts have drifted.

        Looks back for as long as k of n had drifted at that point too. An onset that moved with the newest batches
        would always be ahead of the labels.
        """
        onset = None
        for newest in range(len(self.verdicts)):
            window = self.verdicts[newest : newest + self.policy.of_last]
            drifted = [verdict.event_time_min for verdict in window if self.has_drifted(verdict)]
            if len(drifted) < self.policy.drifted_batches:
                break
            onset = min(drifted)
        return onset


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The state with what follows from it, derived once."""

    state: LoopState
    spec: ModelSpec
    now: datetime

    @cached_property
    def feature_drift(self) -> DriftHistory:
        """Of the feature group that began to drift first; of the model's own where none drifts persistently."""
        own, *joined = (self._group_drift(group.name) for group in self.spec.groups)
        first = own
        for each in joined:
            if each.onset is not None and (first.onset is None or each.onset < first.onset):
                first = each
        return first

    @cached_property
    def request_drift(self) -> DriftHistory:
        """Of requests in which something other than the predictions alone is unlike training."""
        return self._history(
            self.state.request_verdicts,
            lambda requests: requests.status is DriftStatus.DRIFTED and not _are_of_predictions(requests.drifted),
        )

    @cached_property
    def prediction_drift(self) -> DriftHistory:
        return self._history(
            self.state.request_verdicts, lambda requests: _are_of_predictions(requests.drifted_features)
        )

    @cached_property
    def drift_onset(self) -> datetime | None:
        """Where in event time the persistent drift began, be it of features or of predictions."""
        onsets = (self.feature_drift.onset, self.prediction_drift.onset)
        return min((onset for onset in onsets if onset is not None), default=None)

    @cached_property
    def decline(self) -> Decline | None:
        """Of the champion, on rows whose labels have come in."""
        performance = self.state.performance
        if performance is None:
            return None
        return find_decline(performance, self.spec.metric, threshold=THRESHOLD * self.caution)

    @property
    def decline_is_news(self) -> bool:
        """The last retraining was due for another reason, and this began on rows that it did not know. After an
        answer to errors it is no news that they change again: those of the weather do."""
        learnt_to = self.state.last_learnt_to
        return self.decline is not None and learnt_to is not None and self.decline.since + DAY > learnt_to

    @property
    def caution(self) -> float:
        """Retrainings that showed no gain ask for stronger evidence before the next: errors that rise and fall by
        themselves, as with the weather, are not mended by any."""
        return 1 + self.state.answers_in_vain / 2

    @cached_property
    def cost_of_drift(self) -> float | None:
        """By how many standard errors the mean loss has grown since the drift began; None where nobody can tell."""
        performance, onset = self.state.performance, self.drift_onset
        if performance is None or onset is None:
            return None
        return standard_errors_since(performance, onset)

    @property
    def drift_is_harmless(self) -> bool:
        """Features moved, and the errors did not: nothing that a retraining could mend."""
        return self.decline is None and self.cost_of_drift is not None and self.cost_of_drift < COSTLY * self.caution

    @property
    def drift_hardly_matters(self) -> bool:
        """What drifted is worth next to nothing to the model, and nothing says that errors have grown."""
        drifted = self.feature_drift.drifted
        if self.feature_drift.onset is None or self.prediction_drift.onset is not None or self.decline is not None:
            return False
        is_costly = self.cost_of_drift is not None and self.cost_of_drift >= COSTLY * self.caution
        return not is_costly and all(verdict.hardly_matters for verdict in drifted)

    @property
    def drift_is_idle(self) -> bool:
        """It calls for no retraining."""
        return self.drift_is_harmless or self.drift_hardly_matters

    @property
    def drift_awaits_evidence(self) -> bool:
        """Its cost will be known soon, and is not yet. Where labels reach far beyond its onset and nobody can tell,
        there are too few rows, or none is measured."""
        performance, onset, watermark = self.state.performance, self.drift_onset, self.watermark
        if performance is None or onset is None or watermark is None or self.cost_of_drift is not None:
            return False
        return has_baseline(performance) and watermark < onset + PATIENCE

    @cached_property
    def newest_change(self) -> datetime | None:
        """When the world changed last, by the errors or else by what drifted; None where nothing speaks for it."""
        if self.decline is not None:
            return self.decline.since
        return None if self.drift_is_idle else self.drift_onset

    @cached_property
    def changed_at(self) -> datetime | None:
        """The newest change, once there are enough labelled rows since then to learn from and to judge on; before
        that, the one that an earlier retraining answered."""
        answered = self.state.answered_change
        if self.newest_change is not None and self._rows_since_change >= self.rows_of_a_change:
            return self.newest_change
        return None if answered is None else answered.changed_at

    @cached_property
    def newest_metric(self) -> Estimate | None:
        """The declared metric of the champion on the newest days with labels; None where they have few rows."""
        performance = self.state.performance
        if performance is None or sum(day.rows for day in performance.realised) < ROWS_TO_TELL:
            return None
        return metric_over_days(self.spec.metric, newest_days(performance, rows=ROWS_TO_TELL))

    @property
    def still_lost(self) -> float | None:
        """At least how much worse the champion is than before the change that was answered; negative where it may be
        better. None where that is not known."""
        answered, found = self.state.answered_change, self.newest_metric
        if answered is None or answered.metric_before is None or found is None:
            return None
        low, high = found.interval()
        return answered.metric_before - high if self.spec.metric.higher_is_better else low - answered.metric_before

    @property
    def rows_of_a_change(self) -> int:
        """How many a model of the rows since a change takes, and its judge: half of them are learnt from."""
        return ceil(SHARE_OF_A_CHANGE * self.spec.training.minimum_rows)

    @property
    def _rows_since_change(self) -> float:
        """About how many rows with a label lie after the newest change."""
        if self.decline is not None:
            return self.decline.rows
        labels = self.state.labels
        if labels is None or self.watermark is None or self.newest_change is None:
            return 0
        span = self._labelled_span
        return labels.rows * ((self.watermark - self.newest_change) / span) if span else 0

    @cached_property
    def watermark(self) -> datetime | None:
        """The event time before which labels are complete."""
        if self.state.labels is None:
            return None
        return label_watermark(
            self.state.labels, spec=self.spec.label, now=self.now, progress=self.state.label_progress
        )

    @property
    def what_drifted(self) -> str:
        return "features" if self.feature_drift.onset is not None else "predictions"

    @cached_property
    def rejections(self) -> int:
        """Contenders rejected in a row. A promotion begins anew, and so does a change that came later: it is news."""
        return len(self._in_a_row(EventName.CONTENDER_REJECTED))

    @cached_property
    def fruitless(self) -> int:
        """Retrainings in a row that trained and left the champion as it was: the contender was rejected, nobody
        approved it, or its rollout was taken back. One that failed tells nothing of the rows; a person is told of it
        by an alarm."""
        return len(self._fruitless_outcomes)

    @cached_property
    def _fruitless_outcomes(self) -> Sequence[Outcome]:
        return self._in_a_row(EventName.CONTENDER_REJECTED, EventName.CONTENDER_HELD, EventName.ROLLED_BACK)

    def _in_a_row(self, *names: EventName) -> Sequence[Outcome]:
        found, changed_at = [], self.newest_change
        for outcome in self.state.outcomes:
            is_earlier = changed_at is not None and outcome.ended_at < changed_at
            if outcome.name is EventName.MODEL_PROMOTED or is_earlier:
                break
            if outcome.name in names:
                found.append(outcome)
        return found

    @cached_property
    def cooldown(self) -> timedelta:
        """Twice as long after each fruitless retraining in a row, and after each two contenders that were refused
        because too few rows could tell: those may as well have been better. Tried less often, but never given up."""
        untold = sum(
            each.name is EventName.CONTENDER_REJECTED and each.version in self.state.undecided
            for each in self._fruitless_outcomes
        )
        doublings = self.fruitless - untold / 2
        factor: float = min(2.0**doublings, MAX_COOLDOWN_FACTOR)
        return self.spec.triggers.cooldown * factor

    @cached_property
    def ageing(self) -> Ageing | None:
        return measure_ageing(self.state.gains, margin=self.margin)

    @property
    def margin(self) -> float:
        """The gate's; where it is not declared, as it was the last time that two models were compared."""
        if self.spec.gate.margin is not None:
            return self.spec.gate.margin
        return self.state.gains[0].margin if self.state.gains else 0.0

    @property
    def age(self) -> timedelta:
        """How much newer the newest rows with a label are than those that the champion has learnt from."""
        if self.state.champion is None or self.watermark is None:
            return timedelta(0)
        return max(timedelta(0), self.watermark - self.state.champion.trained_until)

    @cached_property
    def cost_of_retraining(self) -> float:
        """In units of the metric times days, on every row."""
        cost, rows = self.spec.cost, self.rows_per_day
        price = cost.of_retraining(self.state.container_seconds)
        if price is None or cost.worth_per_row is None or not rows:
            return self.margin * PAYBACK_DAYS
        return price / (cost.worth_per_row * rows)

    @property
    def retrainings_per_month(self) -> int | None:
        """How many are allowed within 30 days, by number and by money; None where neither is declared."""
        cost = self.spec.cost
        price = cost.of_retraining(self.state.container_seconds)
        by_money = None if cost.per_month is None or not price else max(1, int(cost.per_month / price))
        return min((each for each in (self.spec.triggers.retrainings_per_month, by_money) if each), default=None)

    @property
    def rows_per_day(self) -> float:
        return self.labelled_rows / (self._labelled_span / timedelta(days=1)) if self._labelled_span else 0.0

    @property
    def labelled_rows(self) -> int:
        """Where only exceptions are reported, every row counts as labelled."""
        labels = self.state.labels
        if labels is None:
            return 0
        return self.state.rows if self.spec.label.absent is not None else labels.rows

    @property
    def _labelled_span(self) -> timedelta:
        labels = self.state.labels
        return timedelta(0) if labels is None else labels.row_labels.event_time_max - labels.row_labels.event_time_min

    @property
    def age_has_cost_a_retraining(self) -> bool:
        return (
            self.ageing is not None and self.ageing.is_known and self.ageing.lost(self.age) >= self.cost_of_retraining
        )

    @cached_property
    def trainable_rows(self) -> int:
        """About how many rows the longest window can hold by now."""
        rows, span, training = self.labelled_rows, self._labelled_span, self.spec.training
        if MovingWindow.EXPANDING in training.moving_windows or not training.windows or not span:
            return rows
        return int(rows * min(1.0, max(training.windows) / span))

    @cached_property
    def newest_doubt(self) -> DriftVerdict | None:
        """Of a feature group whose newest batch may be faulty; None where each group's is good."""
        of_groups = (self._newest_verdict(group.name) for group in self.spec.groups)
        return next((each for each in of_groups if each is not None and self.is_doubtful(each)), None)

    def is_doubtful(self, verdict: DriftVerdict) -> bool:
        """Whether it is undecided if the batch is faulty."""
        return self.spec.triggers.drift.quarantine_faults and bool(verdict.doubts)

    def _newest_verdict(self, group: str) -> DriftVerdict | None:
        return next((verdict for verdict in self.state.verdicts if verdict.group == group), None)

    def _group_drift(self, name: str) -> DriftHistory:
        verdicts = [verdict for verdict in self.state.verdicts if verdict.group == name]
        return self._history(verdicts, lambda verdict: verdict.status is DriftStatus.DRIFTED)

    def _history(self, verdicts: Sequence[DriftVerdict], has_drifted: Callable[[DriftVerdict], bool]) -> DriftHistory:
        """Of the verdicts that could be reached, those against the present champion, and on no doubtful batch."""
        champion = self.state.champion
        usable = [
            verdict
            for verdict in verdicts
            if champion is not None
            and verdict.reference_version == champion.version
            and verdict.status in (DriftStatus.STABLE, DriftStatus.DRIFTED)
            and not self.is_doubtful(verdict)
        ]
        return DriftHistory(verdicts=usable, has_drifted=has_drifted, policy=self.spec.triggers.drift)


def drifted_names(history: DriftHistory, *, without: Sequence[str] = ()) -> str:
    """What drifted in the recent verdicts, the most frequent first."""
    return _most_frequent([name for verdict in history.drifted for name in verdict.drifted if name not in without])


def _most_frequent(names: Sequence[str], *, most: int = 6) -> str:
    """
    >>> _most_frequent(["wind", "rain", "wind"], most=1)
    'wind, and 1 more'
    """
    counted = [name for name, _ in Counter(sorted(names)).most_common()]
    more = [f"and {len(counted) - most} more"] if len(counted) > most else []
    return ", ".join([*counted[:most], *more])


def _are_of_predictions(drifted: Sequence[str]) -> bool:
    """Whether something drifted, and nothing but the predictions."""
    return bool(drifted) and OF_PREDICTIONS.issuperset(drifted)

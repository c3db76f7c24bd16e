"""When to retrain, when to hold, when to call a human. Pure: decides from state, never from an alarm's edge."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile

from evertrain.domain.decisions import Action, Decision, Reason, Trigger
from evertrain.domain.drift import DriftStatus, DriftVerdict
from evertrain.domain.events import EventName
from evertrain.domain.labels import LabelProgress, LabelTables, watermark
from evertrain.domain.model_spec import DriftPolicy, ModelSpec
from evertrain.domain.outcomes import Outcome
from evertrain.domain.predictions import PREDICTION
from evertrain.domain.registry import Champion
from evertrain.domain.training import Interval, NotEnoughHistory, cut_slices, duration_name


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """What the policy looks at, read afresh for every decision. Lists are newest first.

    `verdicts`: on batches of features, of each group the newest first. `requests`: on days of requests to the
    endpoint, with what it predicted. `outcomes`: of past retrainings. `consecutive_quarantines`: objects of the
    model's feeds that were set aside since the last good one. `rows`, `oldest_event_time`: of the model's own group
    in the feature store, None while there are none. `newest_event_times`: of each of its groups that has rows.
    `last_retraining_at`: when the last `retrain` was decided. `escalated_for`: reasons of which a human was
    already told and that have not passed since.
    """

    champion: Champion | None
    verdicts: Sequence[DriftVerdict]
    requests: Sequence[DriftVerdict]
    labels: LabelTables | None
    label_progress: LabelProgress | None
    rows: int
    oldest_event_time: datetime | None
    newest_event_times: Mapping[str, datetime]
    retraining_running: bool
    last_retraining_at: datetime | None
    outcomes: Sequence[Outcome]
    consecutive_quarantines: int
    escalated_for: frozenset[Reason] = frozenset()
    asked_by: str = ""


def decide(state: LoopState, spec: ModelSpec, *, now: datetime) -> Decision:
    """The one decision for this state. Broken feeds come first: retraining on them would only spread the fault."""
    case = _Case(state=state, spec=spec, now=now)
    for judge in (
        _feed_broken,
        _feed_stale,
        _requests_differ,
        _nothing_to_do,
        _running,
        _contenders_rejected,
        _labels_overdue,
        _cooling_down,
        _labels_immature,
        _too_few_rows,
    ):
        decision = judge(case)
        if decision is not None:
            return decision
    return _retrain(case)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """The state with what follows from it, derived once."""

    state: LoopState
    spec: ModelSpec
    now: datetime

    @cached_property
    def batches(self) -> "_Watched":
        """Of the feature group that began to drift first; of the model's own where none drifts persistently."""
        own, *joined = (self._watched_group(group.name) for group in self.spec.groups)
        first = own
        for each in joined:
            if each.onset is not None and (first.onset is None or each.onset < first.onset):
                first = each
        return first

    def _watched_group(self, name: str) -> "_Watched":
        verdicts = [verdict for verdict in self.state.verdicts if verdict.group == name]
        return self._watched(verdicts, lambda verdict: verdict.status is DriftStatus.DRIFTED)

    @cached_property
    def requests(self) -> "_Watched":
        return self._watched(self.state.requests, _has_other_features)

    @cached_property
    def predictions(self) -> "_Watched":
        return self._watched(self.state.requests, lambda verdict: verdict.drifted_features == (PREDICTION,))

    def _watched(self, verdicts: Sequence[DriftVerdict], has_drifted: Callable[[DriftVerdict], bool]) -> "_Watched":
        """Verdicts that could be made, against the present champion only."""
        champion = self.state.champion
        usable = [
            verdict
            for verdict in verdicts
            if champion is not None
            and verdict.reference_version == champion.version
            and verdict.status in (DriftStatus.STABLE, DriftStatus.DRIFTED)
        ]
        return _Watched(verdicts=usable, has_drifted=has_drifted, policy=self.spec.triggers.drift)

    @cached_property
    def drift_onset(self) -> datetime | None:
        """Where in event time the persistent drift began, be it of features or of predictions."""
        onsets = (self.batches.onset, self.predictions.onset)
        return min((onset for onset in onsets if onset is not None), default=None)

    @cached_property
    def triggers(self) -> tuple[Trigger, ...]:
        """What speaks for a retraining, the strongest first."""
        asked = (Trigger.MANUAL,) if self.state.asked_by else ()
        champion = self.state.champion
        if champion is None:
            return (*asked, Trigger.FIRST_MODEL)
        drift = (Trigger.DRIFT,) if self.batches.onset is not None else ()
        of_predictions = (Trigger.PREDICTION_DRIFT,) if self.predictions.onset is not None else ()
        outcomes = self.state.outcomes
        in_vain = bool(outcomes) and outcomes[0].name is EventName.RETRAIN_POSTPONED
        last_training = max(champion.since, (not in_vain and self.state.last_retraining_at) or champion.since)
        periodic = (Trigger.PERIODIC,) if self.now - last_training >= self.spec.triggers.every else ()
        return (*asked, *drift, *of_predictions, *periodic)

    @property
    def what_drifted(self) -> str:
        return "features" if self.batches.onset is not None else "predictions"

    def hold(self, reason: Reason, sentence: str, *, not_before: datetime | None = None) -> Decision:
        return Decision(
            action=Action.HOLD, reason=reason, sentence=sentence, triggers=self.triggers, not_before=not_before
        )

    def call_human(self, reason: Reason, sentence: str) -> Decision:
        """Once per incident: a human who has been told is not told again with every batch."""
        if reason in self.state.escalated_for:
            return self.hold(Reason.HUMAN_CALLED, f"a human was called already: {sentence}")
        return Decision(action=Action.ESCALATE, reason=reason, sentence=sentence, triggers=self.triggers)


@dataclass(frozen=True, kw_only=True)
class _Watched:
    """Verdicts of one kind, the newest first, and which of them count as drifted."""

    verdicts: Sequence[DriftVerdict]
    has_drifted: Callable[[DriftVerdict], bool]
    policy: DriftPolicy

    @cached_property
    def judged(self) -> Sequence[DriftVerdict]:
        return self.verdicts[: self.policy.of_last]

    @cached_property
    def drifted(self) -> list[DriftVerdict]:
        return [verdict for verdict in self.judged if self.has_drifted(verdict)]

    @cached_property
    def onset(self) -> datetime | None:
        """Where in event time the persistent drift began; None while k of the last n have not drifted.

        Goes back for as long as k of n had drifted then too: an onset that moved on with the newest batches would
        always be ahead of the labels.
        """
        onset = None
        for newest in range(len(self.verdicts)):
            window = self.verdicts[newest : newest + self.policy.of_last]
            drifted = [verdict.event_time_min for verdict in window if self.has_drifted(verdict)]
            if len(drifted) < self.policy.drifted_batches:
                break
            onset = min(drifted)
        return onset


def _has_other_features(requests: DriftVerdict) -> bool:
    """Whether something other than the predictions alone is unlike training."""
    return requests.status is DriftStatus.DRIFTED and requests.drifted != (PREDICTION,)


# --- what speaks against a retraining, in the order in which it counts --------------------------


def _feed_broken(case: _Case) -> Decision | None:
    quarantined = case.state.consecutive_quarantines
    if quarantined < case.spec.triggers.quarantines_before_escalation:
        return None
    batches = "batch was" if quarantined == 1 else "batches in a row were"
    return case.call_human(
        Reason.FEED_BROKEN, f"{quarantined} {batches} quarantined: the feed needs repair, not the model"
    )


def _feed_stale(case: _Case) -> Decision | None:
    for group in case.spec.groups:
        newest = case.state.newest_event_times.get(group.name)
        if newest is None or group.freshness is None or case.now - newest <= group.freshness:
            continue
        return case.call_human(
            Reason.FEED_STALE,
            f"the newest row of features/{group.name} is of {newest:%Y-%m-%d %H:%M} UTC, more than "
            f"{duration_name(group.freshness)} ago: no drift can be seen in what does not come"
            + (f" (its owner: {group.owner})" if group.owner else ""),
        )
    return None


def _requests_differ(case: _Case) -> Decision | None:
    """Requests that are unlike the training rows, while batches are not: whoever asks fills features in otherwise.

    No retraining on the store's rows mends that. A person is told, and the loop goes on: it may be meant.
    """
    if Reason.REQUESTS_DIFFER in case.state.escalated_for:
        return None
    if case.requests.onset is None or case.batches.onset is not None:
        return None
    names = _listed([name for verdict in case.requests.drifted for name in verdict.drifted if name != PREDICTION])
    return case.call_human(
        Reason.REQUESTS_DIFFER,
        f"requests were unlike the training rows on {len(case.requests.drifted)} of the last "
        f"{len(case.requests.judged)} days ({names}), and the batches of features/{case.spec.group.name} were not: "
        "whoever asks fills them in otherwise than the feature store does",
    )


def _nothing_to_do(case: _Case) -> Decision | None:
    if case.triggers:
        return None
    return case.hold(Reason.NOTHING_TO_DO, "no drift, and the next periodic retraining is not due")


def _running(case: _Case) -> Decision | None:
    if not case.state.retraining_running:
        return None
    return case.hold(Reason.RETRAINING_RUNNING, "a retraining of this model is running already")


def _contenders_rejected(case: _Case) -> Decision | None:
    if Trigger.MANUAL in case.triggers:
        return None
    since_promotion = takewhile(lambda outcome: outcome.name is not EventName.MODEL_PROMOTED, case.state.outcomes)
    rejected = sum(outcome.name is EventName.CONTENDER_REJECTED for outcome in since_promotion)
    if rejected < case.spec.triggers.rejections_before_escalation:
        return None
    return case.call_human(
        Reason.CONTENDERS_REJECTED, f"{rejected} contenders in a row were rejected: retraining does not mend this"
    )


def _labels_overdue(case: _Case) -> Decision | None:
    # Where only exceptions are reported, silence looks like good news: then it is asked about without any drift.
    only_exceptions = case.spec.label.absent is not None and case.state.labels is not None
    if case.drift_onset is None and (Trigger.MANUAL in case.triggers or not only_exceptions):
        return None
    last = case.state.labels.ingested_at_max if case.state.labels else None
    if last is not None and case.now - last < case.spec.triggers.labels_overdue_after:
        return None
    since = f"since {last:%Y-%m-%d}" if last else "at all"
    why = "a row without a label counts" if case.drift_onset is None else f"{case.what_drifted} drifted"
    return case.call_human(Reason.LABELS_OVERDUE, f"{why}, but no labels have landed {since}")


def _cooling_down(case: _Case) -> Decision | None:
    last = case.state.last_retraining_at
    if Trigger.MANUAL in case.triggers or last is None:
        return None
    ends = last + case.spec.triggers.cooldown
    if case.now >= ends:
        return None
    return case.hold(
        Reason.COOLDOWN,
        f"the last retraining was decided on {last:%Y-%m-%d}, cooldown ends {ends:%Y-%m-%d}",
        not_before=ends,
    )


def _labels_immature(case: _Case) -> Decision | None:
    """Every slice needs matured labels; after drift, so do the rows since the drift."""
    labels, oldest = case.state.labels, case.state.oldest_event_time
    if labels is None or oldest is None:
        return case.hold(Reason.LABELS_IMMATURE, "no labels have landed yet")
    complete_to = watermark(labels, spec=case.spec.label, now=case.now, progress=case.state.label_progress)
    champion = case.state.champion
    try:
        slices = cut_slices(
            case.spec.training,
            watermark=complete_to,
            oldest_event_time=oldest,
            learnt_until=champion.trained_until if champion else None,
        )
    except NotEnoughHistory as short:
        return case.hold(Reason.LABELS_IMMATURE, str(short))
    trainable = slices.windows[0].rows
    if champion is None:
        return _first_window_too_short(case, trainable)
    if case.drift_onset is None or case.drift_onset < trainable.end or Trigger.MANUAL in case.triggers:
        return None
    # A period that elapsed does not override this: the newest trainable rows are all from before the drift.
    may_go = case.now + (case.drift_onset - trainable.end) + timedelta(days=1)
    return case.hold(
        Reason.LABELS_IMMATURE,
        f"{case.what_drifted} drifted from {case.drift_onset:%Y-%m-%d} on, but rows are trainable only up to "
        f"{trainable.end:%Y-%m-%d}; may go on {may_go:%Y-%m-%d}",
        not_before=may_go,
    )


def _first_window_too_short(case: _Case, trainable: Interval) -> Decision | None:
    """A first model on a fraction of its shortest window would only be replaced the next day."""
    shortest = min(case.spec.training.windows, default=timedelta(0))
    there = trainable.end - trainable.start
    if there >= shortest:
        return None
    return case.hold(
        Reason.LABELS_IMMATURE,
        f"the first model waits for {shortest.days} days of trainable rows, {there.days} are there",
        not_before=case.now + (shortest - there),
    )


def _too_few_rows(case: _Case) -> Decision | None:
    only_exceptions = case.spec.label.absent is not None
    rows = case.state.rows if only_exceptions else case.state.labels.rows if case.state.labels else 0
    wanted = case.spec.training.minimum_rows
    if rows >= wanted:
        return None
    landed = "rows" if only_exceptions else "labelled rows"
    return case.hold(Reason.TOO_FEW_ROWS, f"{rows} {landed} have landed, {wanted} are asked for")


# --- what speaks for it -------------------------------------------------------------------------


def _retrain(case: _Case) -> Decision:
    features = _listed([name for verdict in case.batches.drifted for name in verdict.drifted])
    onset: dict[str, str] = {} if case.drift_onset is None else {"drift_onset": case.drift_onset.isoformat()}
    reason, sentence = {
        Trigger.MANUAL: (Reason.ASKED_BY_A_PERSON, f"asked by a person: {case.state.asked_by}"),
        Trigger.FIRST_MODEL: (Reason.NO_CHAMPION_YET, "there is no champion yet, and enough labels have matured"),
        Trigger.DRIFT: (
            Reason.FEATURES_DRIFTED,
            f"{len(case.batches.drifted)} of the last {len(case.batches.judged)} batches drifted ({features})",
        ),
        Trigger.PREDICTION_DRIFT: (
            Reason.PREDICTIONS_DRIFTED,
            f"predictions drifted on {len(case.predictions.drifted)} of the last "
            f"{len(case.predictions.judged)} days, though no feature did",
        ),
        Trigger.PERIODIC: (
            Reason.PERIOD_ELAPSED,
            f"{case.spec.triggers.every.days} days have passed since the last training",
        ),
    }[case.triggers[0]]
    return Decision(
        action=Action.RETRAIN,
        reason=reason,
        sentence=sentence,
        triggers=case.triggers,
        evidence={
            "drifted_batches": len(case.batches.drifted),
            "drifted_features": features,
            "drifted_prediction_days": len(case.predictions.drifted),
            **onset,
        },
    )


def _listed(names: Sequence[str], *, most: int = 6) -> str:
    """The names that are there most often.

    >>> _listed(["wind", "rain", "wind"], most=1)
    'wind, and 1 more'
    """
    counted = [name for name, _ in Counter(sorted(names)).most_common()]
    more = [f"and {len(counted) - most} more"] if len(counted) > most else []
    return ", ".join([*counted[:most], *more])

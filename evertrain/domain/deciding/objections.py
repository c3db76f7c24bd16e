"""What speaks against a retraining that something speaks for: it is held, or a person is called. Pure.

To add an objection: a function here, and its place in `OBJECTIONS`.
"""

from datetime import datetime, timedelta
from itertools import takewhile

from evertrain.domain.deciding.decisions import Action, Decision, Reason, Trigger
from evertrain.domain.deciding.triggers import Case, drifted_names
from evertrain.domain.events import EventName
from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.project.duration import duration_name
from evertrain.domain.store.labels import watermark
from evertrain.domain.training.windows import Interval, NotEnoughHistory, cut_slices


def _feed_broken(case: Case) -> Decision | None:
    quarantined = case.state.consecutive_quarantines
    if quarantined < case.spec.triggers.quarantines_before_escalation:
        return None
    batches = "batch was" if quarantined == 1 else "batches in a row were"
    return _call_human(
        case, Reason.FEED_BROKEN, f"{quarantined} {batches} quarantined: the feed needs repair, not the model"
    )


def _feed_stale(case: Case) -> Decision | None:
    for group in case.spec.groups:
        newest = case.state.newest_event_times.get(group.name)
        if newest is None or group.freshness is None or case.now - newest <= group.freshness:
            continue
        return _call_human(
            case,
            Reason.FEED_STALE,
            f"the newest row of features/{group.name} is of {newest:%Y-%m-%d %H:%M} UTC, more than "
            f"{duration_name(group.freshness)} ago: no drift can be seen in what does not come"
            + (f" (its owner: {group.owner})" if group.owner else ""),
        )
    return None


def _requests_differ(case: Case) -> Decision | None:
    """Requests that are unlike the training rows, while batches are not: whoever asks fills features in otherwise.

    No retraining on the store's rows mends that. A person is told, and the loop goes on: it may be meant.
    """
    if Reason.REQUESTS_DIFFER in case.state.escalated_for:
        return None
    if case.request_drift.onset is None or case.feature_drift.onset is not None:
        return None
    names = drifted_names(case.request_drift, without=[PREDICTION])
    return _call_human(
        case,
        Reason.REQUESTS_DIFFER,
        f"requests were unlike the training rows on {len(case.request_drift.drifted)} of the last "
        f"{len(case.request_drift.recent)} days ({names}), and the batches of features/{case.spec.group.name} were "
        "not: whoever asks fills them in otherwise than the feature store does",
    )


def _nothing_to_do(case: Case) -> Decision | None:
    if case.triggers:
        return None
    return _hold(case, Reason.NOTHING_TO_DO, "no drift, and the next periodic retraining is not due")


def _running(case: Case) -> Decision | None:
    if not case.state.retraining_running:
        return None
    return _hold(case, Reason.RETRAINING_RUNNING, "a retraining of this model is running already")


def _contenders_rejected(case: Case) -> Decision | None:
    if Trigger.MANUAL in case.triggers:
        return None
    since_promotion = takewhile(lambda outcome: outcome.name is not EventName.MODEL_PROMOTED, case.state.outcomes)
    rejected = sum(outcome.name is EventName.CONTENDER_REJECTED for outcome in since_promotion)
    if rejected < case.spec.triggers.rejections_before_escalation:
        return None
    return _call_human(
        case,
        Reason.CONTENDERS_REJECTED,
        f"{rejected} contenders in a row were rejected: retraining does not mend this",
    )


def _labels_overdue(case: Case) -> Decision | None:
    # Where only exceptions are reported, silence looks like good news: then it is asked about without any drift.
    only_exceptions = case.spec.label.absent is not None and case.state.labels is not None
    if case.drift_onset is None and (Trigger.MANUAL in case.triggers or not only_exceptions):
        return None
    last = case.state.labels.ingested_at_max if case.state.labels else None
    if last is not None and case.now - last < case.spec.triggers.labels_overdue_after:
        return None
    since = f"since {last:%Y-%m-%d}" if last else "at all"
    why = "a row without a label counts" if case.drift_onset is None else f"{case.what_drifted} drifted"
    return _call_human(case, Reason.LABELS_OVERDUE, f"{why}, but no labels have landed {since}")


def _cooling_down(case: Case) -> Decision | None:
    last = case.state.last_retraining_at
    if Trigger.MANUAL in case.triggers or last is None:
        return None
    ends = last + case.spec.triggers.cooldown
    if case.now >= ends:
        return None
    return _hold(
        case,
        Reason.COOLDOWN,
        f"the last retraining was decided on {last:%Y-%m-%d}, cooldown ends {ends:%Y-%m-%d}",
        not_before=ends,
    )


def _labels_immature(case: Case) -> Decision | None:
    """Every slice needs matured labels; after drift, so do the rows since the drift."""
    labels, oldest = case.state.labels, case.state.oldest_event_time
    if labels is None or oldest is None:
        return _hold(case, Reason.LABELS_IMMATURE, "no labels have landed yet")
    complete_to = watermark(labels, spec=case.spec.label, now=case.now, progress=case.state.label_progress)
    champion = case.state.champion
    try:
        slices = cut_slices(
            case.spec.training,
            watermark=complete_to,
            oldest_event_time=oldest,
            trained_until=champion.trained_until if champion else None,
        )
    except NotEnoughHistory as short:
        return _hold(case, Reason.LABELS_IMMATURE, str(short))
    trainable = slices.windows[0].rows
    if champion is None:
        return _first_window_too_short(case, trainable)
    if case.drift_onset is None or case.drift_onset < trainable.end or Trigger.MANUAL in case.triggers:
        return None
    # A period that elapsed does not override this: the newest trainable rows are all from before the drift.
    may_go = case.now + (case.drift_onset - trainable.end) + timedelta(days=1)
    return _hold(
        case,
        Reason.LABELS_IMMATURE,
        f"{case.what_drifted} drifted from {case.drift_onset:%Y-%m-%d} on, but rows are trainable only up to "
        f"{trainable.end:%Y-%m-%d}; may go on {may_go:%Y-%m-%d}",
        not_before=may_go,
    )


def _first_window_too_short(case: Case, trainable: Interval) -> Decision | None:
    """A first model on a fraction of its shortest window would only be replaced the next day."""
    shortest = min(case.spec.training.windows, default=timedelta(0))
    there = trainable.end - trainable.start
    if there >= shortest:
        return None
    return _hold(
        case,
        Reason.LABELS_IMMATURE,
        f"the first model waits for {shortest.days} days of trainable rows, {there.days} are there",
        not_before=case.now + (shortest - there),
    )


def _too_few_rows(case: Case) -> Decision | None:
    only_exceptions = case.spec.label.absent is not None
    rows = case.state.rows if only_exceptions else case.state.labels.rows if case.state.labels else 0
    wanted = case.spec.training.minimum_rows
    if rows >= wanted:
        return None
    landed = "rows" if only_exceptions else "labelled rows"
    return _hold(case, Reason.TOO_FEW_ROWS, f"{rows} {landed} have landed, {wanted} are asked for")


OBJECTIONS = (
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
)
"""In the order in which they count. Broken feeds come first: retraining on them would only spread the fault."""


def _hold(case: Case, reason: Reason, sentence: str, *, not_before: datetime | None = None) -> Decision:
    return Decision(
        action=Action.HOLD, reason=reason, sentence=sentence, triggers=case.triggers, not_before=not_before
    )


def _call_human(case: Case, reason: Reason, sentence: str) -> Decision:
    """Once per incident: a human who has been told is not told again with every batch."""
    if reason in case.state.escalated_for:
        return _hold(case, Reason.HUMAN_CALLED, f"a human was called already: {sentence}")
    return Decision(action=Action.ESCALATE, reason=reason, sentence=sentence, triggers=case.triggers)

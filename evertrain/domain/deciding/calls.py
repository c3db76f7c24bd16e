"""Reasons to call a human, each once for an incident. Pure; their order is in `objections`."""

from evertrain.domain.deciding.decisions import Action, Decision, Reason, Trigger
from evertrain.domain.deciding.holds import hold
from evertrain.domain.deciding.loop_state import AnsweredChange
from evertrain.domain.deciding.situation import ROWS_TO_TELL, drifted_names
from evertrain.domain.deciding.triggers import DecisionContext
from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.monitoring.decline import THRESHOLD, newest_days
from evertrain.domain.monitoring.doubts import BATCHES_TO_SETTLE
from evertrain.domain.monitoring.performance import loss_name, losses_of_group, mean_loss, metric_over_days
from evertrain.domain.project.duration import format_duration


def feed_broken(context: DecisionContext) -> Decision | None:
    quarantined = context.state.consecutive_quarantines
    if quarantined < context.spec.triggers.quarantines_before_escalation:
        return None
    batches = "batch was" if quarantined == 1 else "batches in a row were"
    return _escalate(
        context, Reason.FEED_BROKEN, f"{quarantined} {batches} quarantined: the feed needs repair, not the model"
    )


def feed_stale(context: DecisionContext) -> Decision | None:
    for group in context.spec.groups:
        newest = context.state.newest_event_times.get(group.name)
        if newest is None or group.freshness is None or context.now - newest <= group.freshness:
            continue
        return _escalate(
            context,
            Reason.FEED_STALE,
            f"the newest row of features/{group.name} is of {newest:%Y-%m-%d %H:%M} UTC, more than "
            f"{format_duration(group.freshness)} ago: no drift can be seen in what does not come"
            + (f" (its owner: {group.owner})" if group.owner else ""),
        )
    return None


def feed_doubtful(context: DecisionContext) -> Decision | None:
    """A batch may be faulty, or the world new. A human is told once, and the loop goes on without its rows: either
    the human decides, or the next batches do."""
    verdict = context.newest_doubt
    if verdict is None or Reason.FEED_DOUBTFUL in context.state.escalated_for:
        return None
    return _escalate(
        context,
        Reason.FEED_DOUBTFUL,
        f"batch {verdict.batch_id[:12]} of features/{verdict.group} may be faulty: "
        f"{'; '.join(fault.message for fault in verdict.doubts[:3])}. Its rows are kept out of training until "
        f"`evertrain accept {verdict.batch_id[:12]}` says that this is how it is now, or "
        f"{BATCHES_TO_SETTLE} batches in a row are like it",
    )


def requests_differ(context: DecisionContext) -> Decision | None:
    """Requests differ from the training rows while batches do not: callers fill in features in another way.

    Retraining on the store's rows would not fix that. A human is told once, and the loop goes on: it may be intended.
    """
    if Reason.REQUESTS_DIFFER in context.state.escalated_for:
        return None
    if context.request_drift.onset is None or context.feature_drift.onset is not None:
        return None
    names = drifted_names(context.request_drift, without=[PREDICTION])
    return _escalate(
        context,
        Reason.REQUESTS_DIFFER,
        f"requests were unlike the training rows on {len(context.request_drift.drifted)} of the last "
        f"{len(context.request_drift.recent)} days ({names}), and the batches of "
        f"features/{context.spec.group.name} were not: "
        "whoever asks fills them in otherwise than the feature store does",
    )


def not_mended(context: DecisionContext) -> Decision | None:
    """A change that has been learnt, and predictions have not come back half-way to what they were: perhaps what told
    rows apart is gone, or a column means something else. A human is told once for each change; the loop goes on."""
    answered, found = _learnt_change(context), context.newest_metric
    if answered is None or found is None or Reason.NOT_MENDED in context.state.escalated_for:
        return None
    if answered.metric_before is None or answered.metric_after is None:
        return None
    lost = context.still_lost
    if lost is None or lost <= max(context.margin, abs(answered.metric_before - answered.metric_after) / 2):
        return None
    metric, (low, high) = context.spec.metric, found.interval()
    return _escalate(
        context,
        Reason.NOT_MENDED,
        f"{metric} is {found.value:.4g} [{low:.4g}, {high:.4g}], and {answered.metric_before:.4g} before the change "
        f"of {answered.changed_at:%Y-%m-%d}; {answered.promoted} retrainings since then did not bring it back: look "
        "for a column that means something else now, or for what the model is not told",
    )


def below_floor(context: DecisionContext) -> Decision | None:
    """A champion that no gate would have let in as the first one, and nothing calls for a retraining: it has been so
    from its first day, and keeps what it promised. A human is told once for each champion; the loop goes on."""
    floor, performance, metric = context.spec.gate.floor, context.state.performance, context.spec.metric
    if floor is None or performance is None or context.triggers:
        return None
    if Reason.BELOW_FLOOR in context.state.escalated_for:
        return None
    days = performance.realised[-max(DAYS_TO_TELL, len(newest_days(performance, rows=ROWS_TO_TELL))) :]
    found = metric_over_days(metric, days)
    if found is None or len(days) < DAYS_TO_TELL or sum(day.rows for day in days) < ROWS_TO_TELL:
        return None
    low, high = found.interval(z=THRESHOLD)
    if (high >= floor) if metric.higher_is_better else (low <= floor):
        return None
    return _escalate(
        context,
        Reason.BELOW_FLOOR,
        f"{metric} is {found.value:.4g} since {days[0].day:%Y-%m-%d}, and the floor that a first model has to reach "
        f"is {floor:g}: the champion is worse than that, whatever it promised",
    )


def group_not_mended(context: DecisionContext) -> Decision | None:
    """As `not_mended`, of a group that was worse then and still is, while all rows together are well."""
    answered, performance = _learnt_change(context), context.state.performance
    if answered is None or performance is None or Reason.GROUP_NOT_MENDED in context.state.escalated_for:
        return None
    for group in answered.groups:
        losses = losses_of_group(performance.realised, group.name)
        if losses.count < ROWS_OF_A_GROUP_TO_TELL:
            continue
        low, high = mean_loss(losses).interval()
        if low - group.before <= (group.after - group.before) / 2:
            continue
        return _escalate(
            context,
            Reason.GROUP_NOT_MENDED,
            f"where {group.name} the mean {loss_name(context.spec.metric)} is {losses.mean:.4g} "
            f"[{low:.4g}, {high:.4g}], and {group.before:.4g} before the change of "
            f"{answered.changed_at:%Y-%m-%d}; {answered.promoted} retrainings since then did not bring it back, "
            "though others are predicted well",
        )
    return None


def _learnt_change(context: DecisionContext) -> AnsweredChange | None:
    """That retrainings have answered as well as they can, and no newer one speaks."""
    answered = context.state.answered_change
    if answered is None or not answered.is_learnt or context.decline is not None:
        return None
    return answered if answered.promoted >= ANSWERS_BEFORE_ESCALATION else None


ANSWERS_BEFORE_ESCALATION = 2
DAYS_TO_TELL = 3
ROWS_OF_A_GROUP_TO_TELL = 100


def contenders_rejected(context: DecisionContext) -> Decision | None:
    """A human is told once, and the loop goes on, more slowly: what the next rows say may be another matter."""
    if Trigger.MANUAL in context.triggers or Reason.CONTENDERS_REJECTED in context.state.escalated_for:
        return None
    rejected = context.rejections
    if rejected < context.spec.triggers.rejections_before_escalation:
        return None
    return _escalate(
        context,
        Reason.CONTENDERS_REJECTED,
        f"{rejected} contenders in a row were rejected: retraining does not mend this, and is tried less often now",
    )


def labels_overdue(context: DecisionContext) -> Decision | None:
    # Where only exceptions are reported, silence looks like good news. So overdue labels matter even without drift.
    only_exceptions = context.spec.label.absent is not None and context.state.labels is not None
    if context.drift_onset is None and (Trigger.MANUAL in context.triggers or not only_exceptions):
        return None
    last = context.state.labels.ingested_at_max if context.state.labels else None
    if last is not None and context.now - last < context.spec.triggers.labels_overdue_after:
        return None
    since = f"since {last:%Y-%m-%d}" if last else "at all"
    why = "a row without a label counts" if context.drift_onset is None else f"{context.what_drifted} drifted"
    return _escalate(context, Reason.LABELS_OVERDUE, f"{why}, but no labels have landed {since}")


def _escalate(context: DecisionContext, reason: Reason, sentence: str) -> Decision:
    """Once per incident: a human who has been told is not told again with every batch."""
    if reason in context.state.escalated_for:
        return hold(context, Reason.HUMAN_CALLED, f"a human was called already: {sentence}")
    return Decision(action=Action.ESCALATE, reason=reason, sentence=sentence, triggers=context.triggers)

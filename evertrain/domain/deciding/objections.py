"""Reasons to hold a retraining, or to call a human, although a trigger applies. Pure.

To add an objection: a function here, and its place in `OBJECTIONS`.
"""

from datetime import datetime, timedelta

from evertrain.domain.deciding.decisions import Action, Decision, Reason, Trigger
from evertrain.domain.deciding.situation import PATIENCE, drifted_names
from evertrain.domain.deciding.triggers import DecisionContext
from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.monitoring.decline import describe_decline, newest_days
from evertrain.domain.monitoring.doubts import BATCHES_TO_SETTLE
from evertrain.domain.monitoring.performance import metric_over_days
from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.policies import MovingWindow
from evertrain.domain.training.windows import NotEnoughHistory, temporal_split


def _feed_broken(context: DecisionContext) -> Decision | None:
    quarantined = context.state.consecutive_quarantines
    if quarantined < context.spec.triggers.quarantines_before_escalation:
        return None
    batches = "batch was" if quarantined == 1 else "batches in a row were"
    return _escalate(
        context, Reason.FEED_BROKEN, f"{quarantined} {batches} quarantined: the feed needs repair, not the model"
    )


def _feed_stale(context: DecisionContext) -> Decision | None:
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


def _feed_doubtful(context: DecisionContext) -> Decision | None:
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


def _requests_differ(context: DecisionContext) -> Decision | None:
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


def _not_mended(context: DecisionContext) -> Decision | None:
    """A change that has been learnt, and predictions have not come back half-way to what they were: perhaps what told
    rows apart is gone, or a column means something else. A human is told once for each change; the loop goes on."""
    answered, performance = context.state.answered_change, context.state.performance
    if answered is None or performance is None or Reason.NOT_MENDED in context.state.escalated_for:
        return None
    if answered.metric_before is None or answered.metric_after is None:
        return None
    if not answered.is_learnt or answered.promoted < ANSWERS_BEFORE_ESCALATION or context.decline is not None:
        return None
    metric = context.spec.metric
    found = metric_over_days(metric, newest_days(performance, rows=ROWS_TO_TELL))
    if found is None or sum(day.rows for day in performance.realised) < ROWS_TO_TELL:
        return None
    low, high = found.interval()
    lost = answered.metric_before - high if metric.higher_is_better else low - answered.metric_before
    if lost <= max(context.spec.gate.margin, abs(answered.metric_before - answered.metric_after) / 2):
        return None
    return _escalate(
        context,
        Reason.NOT_MENDED,
        f"{metric} is {found.value:.4g} [{low:.4g}, {high:.4g}], and {answered.metric_before:.4g} before the change "
        f"of {answered.changed_at:%Y-%m-%d}; {answered.promoted} retrainings since then did not bring it back: look "
        "for a column that means something else now, or for what the model is not told",
    )


ANSWERS_BEFORE_ESCALATION = 2
ROWS_TO_TELL = 300


def _nothing_to_do(context: DecisionContext) -> Decision | None:
    if context.triggers:
        return None
    if context.drift_onset is not None and context.drift_hardly_matters and not context.drift_is_harmless:
        return _hold(
            context,
            Reason.FEATURES_HARDLY_MATTER,
            f"features drifted from {context.drift_onset:%Y-%m-%d} on ({drifted_names(context.feature_drift)}): the "
            "model hardly uses them, and nothing says that its errors have grown",
        )
    if context.drift_onset is not None:
        return _hold(
            context,
            Reason.PERFORMANCE_HOLDS,
            f"{context.what_drifted} drifted from {context.drift_onset:%Y-%m-%d} on "
            f"({drifted_names(context.feature_drift) or PREDICTION}), and errors have not grown enough to retrain "
            "for",
        )
    return _hold(context, Reason.NOTHING_TO_DO, "no drift, no decline, and the next periodic retraining is not due")


def _not_worth_it(context: DecisionContext) -> Decision | None:
    """A period is over, and by what is declared of costs another retraining does not pay yet."""
    champion, ageing, every = context.state.champion, context.ageing, context.spec.triggers.every
    if (
        champion is None
        or ageing is None
        or not context.spec.cost.is_declared
        or set(context.triggers) != {Trigger.PERIODIC}
    ):
        return None
    share = ageing.at_most.lost(context.age) / context.cost_of_retraining
    if share >= 1 or context.now - champion.since >= MAX_PERIODS * every:
        return None
    return _hold(
        context,
        Reason.NOT_WORTH_IT,
        f"{every.days} days have passed since the champion was promoted; by what the last retrainings gained, its "
        f"age has cost at most {share:.0%} of what a retraining costs",
    )


MAX_PERIODS = 4
"""After so many a retraining is due, whatever the earlier ones gained: what they tell is old by then."""


def _running(context: DecisionContext) -> Decision | None:
    if not context.state.retraining_running:
        return None
    return _hold(context, Reason.RETRAINING_RUNNING, "a retraining of this model is running already")


def _contenders_rejected(context: DecisionContext) -> Decision | None:
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


def _labels_overdue(context: DecisionContext) -> Decision | None:
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


def _cooling_down(context: DecisionContext) -> Decision | None:
    last = context.state.last_retraining_at
    if Trigger.MANUAL in context.triggers or last is None:
        return None
    ends = last + context.cooldown
    if context.now >= ends:
        return None
    why = f", longer after {context.fruitless} in vain" if context.fruitless else ""
    return _hold(
        context,
        Reason.COOLDOWN,
        f"the last retraining was decided on {last:%Y-%m-%d}, cooldown ends {ends:%Y-%m-%d}{why}",
        not_before=ends,
    )


def _quiet_days(context: DecisionContext) -> Decision | None:
    if _is_exempt(context):
        return None
    for days in context.spec.triggers.quiet:
        if (ends := days.end_after(context.now)) is not None:
            sentence = f"nothing is retrained from {str(days).replace(' to ', ' to the end of ')}"
            return _hold(context, Reason.QUIET_DAYS, sentence, not_before=ends)
    return None


def _budget_spent(context: DecisionContext) -> Decision | None:
    allowed = context.retrainings_per_month
    if allowed is None or _is_exempt(context):
        return None
    recent = [at for at in context.state.retrained_at if at > context.now - MONTH]
    if len(recent) < allowed:
        return None
    ends = sorted(recent)[-allowed] + MONTH
    return _hold(
        context,
        Reason.BUDGET_SPENT,
        f"{len(recent)} retrainings were decided within 30 days, {allowed} {'is' if allowed == 1 else 'are'} "
        f"allowed; the next on {ends:%Y-%m-%d}",
        not_before=ends,
    )


def _is_exempt(context: DecisionContext) -> bool:
    """What a person asks for, and a first model."""
    return Trigger.MANUAL in context.triggers or context.state.champion is None


MONTH = timedelta(days=30)


def _labels_immature(context: DecisionContext) -> Decision | None:
    """Every slice needs matured labels; after drift, so do the rows since the drift."""
    complete_to, oldest = context.watermark, context.state.oldest_event_time
    if complete_to is None or oldest is None:
        return _hold(context, Reason.LABELS_IMMATURE, "no labels have landed yet")
    champion = context.state.champion
    try:
        split = temporal_split(
            context.spec.training,
            watermark=complete_to,
            oldest_event_time=oldest,
            comparable_from=champion.comparable_from if champion else None,
            changed_at=context.changed_at,
        )
    except NotEnoughHistory as error:
        return _hold(context, Reason.LABELS_IMMATURE, str(error))
    trainable = split.windows[0].rows
    if champion is None:
        return _first_window_too_short(context, trainable)
    # What passes is fitted again on every row with a label.
    learnt_to = complete_to if context.spec.training.refit else trainable.end
    if context.drift_onset is None or context.drift_is_idle or Trigger.MANUAL in context.triggers:
        return None
    if context.drift_onset < learnt_to:
        return _cost_unknown(context)
    # A period that elapsed does not override this: the newest trainable rows are all from before the drift.
    resumes_at = context.now + (context.drift_onset - learnt_to) + timedelta(days=1)
    return _hold(
        context,
        Reason.LABELS_IMMATURE,
        f"{context.what_drifted} drifted from {context.drift_onset:%Y-%m-%d} on, but rows are trainable only up to "
        f"{learnt_to:%Y-%m-%d}; may go on {resumes_at:%Y-%m-%d}",
        not_before=resumes_at,
    )


def _cost_unknown(context: DecisionContext) -> Decision | None:
    """Drift alone waits until it is known whether it costs anything: that takes a few labels, a retraining more."""
    if not context.drift_awaits_evidence or not set(context.triggers) <= {Trigger.DRIFT, Trigger.PREDICTION_DRIFT}:
        return None
    return _hold(
        context,
        Reason.LABELS_IMMATURE,
        f"{context.what_drifted} drifted from {context.drift_onset:%Y-%m-%d} on, and too few labels have come in "
        "since then to say whether predictions are worse",
        not_before=context.now + timedelta(days=1),
    )


def _first_window_too_short(context: DecisionContext, trainable: Interval) -> Decision | None:
    """A first model on a fraction of its shortest window would only be replaced the next day."""
    shortest = min(context.spec.training.windows, default=timedelta(0))
    there = trainable.end - trainable.start
    if there >= shortest:
        return None
    return _hold(
        context,
        Reason.LABELS_IMMATURE,
        f"the first model waits for {shortest.days} days of trainable rows, {there.days} are there",
        not_before=context.now + (shortest - there),
    )


def _too_few_rows(context: DecisionContext) -> Decision | None:
    only_exceptions = context.spec.label.absent is not None
    rows = context.state.rows if only_exceptions else context.state.labels.rows if context.state.labels else 0
    wanted = context.spec.training.minimum_rows
    if rows >= wanted:
        return None
    landed = "rows" if only_exceptions else "labelled rows"
    return _hold(context, Reason.TOO_FEW_ROWS, f"{rows} {landed} have landed, {wanted} are asked for")


def _change_has_too_few_rows(context: DecisionContext) -> Decision | None:
    """A model of the rows since a change, and its judge, take some. Before that a retraining learns what was, and its
    gate takes the change for granted; so one that is due anyway waits a while, too."""
    decline, training, watermark = context.decline, context.spec.training, context.watermark
    if decline is None or watermark is None or Trigger.MANUAL in context.triggers:
        return None
    patience = max(PATIENCE, context.spec.triggers.cooldown)
    if set(context.triggers) - _OF_A_CHANGE and watermark >= decline.since + patience:
        return None
    wanted = context.rows_of_a_change
    if MovingWindow.SINCE_CHANGE not in training.moving_windows or decline.rows >= wanted:
        return None
    return _hold(
        context,
        Reason.TOO_FEW_ROWS,
        f"predictions became worse: {describe_decline(decline, context.spec.metric)}; {wanted:,} are asked for, to "
        "learn from and to judge on",
    )


_OF_A_CHANGE = {Trigger.PERFORMANCE, Trigger.DRIFT, Trigger.PREDICTION_DRIFT}


OBJECTIONS = (
    _feed_broken,
    _feed_stale,
    _feed_doubtful,
    _requests_differ,
    _not_mended,
    _nothing_to_do,
    _not_worth_it,
    _running,
    _contenders_rejected,
    _labels_overdue,
    _cooling_down,
    _quiet_days,
    _budget_spent,
    _labels_immature,
    _change_has_too_few_rows,
    _too_few_rows,
)
"""In the order in which they count. Broken feeds come first: retraining on them would only spread the fault."""


def _hold(context: DecisionContext, reason: Reason, sentence: str, *, not_before: datetime | None = None) -> Decision:
    return Decision(
        action=Action.HOLD, reason=reason, sentence=sentence, triggers=context.triggers, not_before=not_before
    )


def _escalate(context: DecisionContext, reason: Reason, sentence: str) -> Decision:
    """Once per incident: a human who has been told is not told again with every batch."""
    if reason in context.state.escalated_for:
        return _hold(context, Reason.HUMAN_CALLED, f"a human was called already: {sentence}")
    return Decision(action=Action.ESCALATE, reason=reason, sentence=sentence, triggers=context.triggers)

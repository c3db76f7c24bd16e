"""Reasons to hold a retraining, although something speaks for it. Pure; their order is in `objections`."""

from datetime import datetime, timedelta

from evertrain.domain.deciding.decisions import Action, Decision, Reason, Trigger
from evertrain.domain.deciding.situation import PATIENCE, drifted_names
from evertrain.domain.deciding.triggers import DecisionContext
from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.monitoring.decline import describe_decline
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.policies import MovingWindow
from evertrain.domain.training.windows import NotEnoughHistory, temporal_split


def nothing_to_do(context: DecisionContext) -> Decision | None:
    if context.triggers:
        return None
    if context.drift_onset is not None and context.drift_hardly_matters and not context.drift_is_harmless:
        return hold(
            context,
            Reason.FEATURES_HARDLY_MATTER,
            f"features drifted from {context.drift_onset:%Y-%m-%d} on ({drifted_names(context.feature_drift)}): the "
            "model hardly uses them, and nothing says that its errors have grown",
        )
    if context.drift_onset is not None:
        return hold(
            context,
            Reason.PERFORMANCE_HOLDS,
            f"{context.what_drifted} drifted from {context.drift_onset:%Y-%m-%d} on "
            f"({drifted_names(context.feature_drift) or PREDICTION}), and errors have not grown enough to retrain "
            "for",
        )
    return hold(context, Reason.NOTHING_TO_DO, "no drift, no decline, and the next periodic retraining is not due")


def not_worth_it(context: DecisionContext) -> Decision | None:
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
    return hold(
        context,
        Reason.NOT_WORTH_IT,
        f"{every.days} days have passed since the champion was promoted; by what the last retrainings gained, its "
        f"age has cost at most {share:.0%} of what a retraining costs",
    )


MAX_PERIODS = 4
"""After so many a retraining is due, whatever the earlier ones gained: what they tell is old by then."""


def running(context: DecisionContext) -> Decision | None:
    if not context.state.retraining_running:
        return None
    return hold(context, Reason.RETRAINING_RUNNING, "a retraining of this model is running already")


def cooling_down(context: DecisionContext) -> Decision | None:
    last = context.state.last_retraining_at
    if Trigger.MANUAL in context.triggers or last is None or context.decline_is_news:
        return None
    ends = last + context.cooldown
    if context.now >= ends:
        return None
    why = f", longer after {context.fruitless} in vain" if context.fruitless else ""
    return hold(
        context,
        Reason.COOLDOWN,
        f"the last retraining was decided on {last:%Y-%m-%d}, cooldown ends {ends:%Y-%m-%d}{why}",
        not_before=ends,
    )


def quiet_days(context: DecisionContext) -> Decision | None:
    if _is_exempt(context):
        return None
    for days in context.spec.triggers.quiet:
        if (ends := days.end_after(context.now)) is not None:
            sentence = f"nothing is retrained from {str(days).replace(' to ', ' to the end of ')}"
            return hold(context, Reason.QUIET_DAYS, sentence, not_before=ends)
    return None


def budget_spent(context: DecisionContext) -> Decision | None:
    allowed = context.retrainings_per_month
    if allowed is None or _is_exempt(context):
        return None
    recent = [at for at in context.state.retrained_at if at > context.now - MONTH]
    if len(recent) < allowed:
        return None
    ends = sorted(recent)[-allowed] + MONTH
    return hold(
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


def labels_immature(context: DecisionContext) -> Decision | None:
    """Every slice needs matured labels; after drift, so do the rows since the drift."""
    complete_to, oldest = context.watermark, context.state.oldest_event_time
    if complete_to is None or oldest is None:
        return hold(context, Reason.LABELS_IMMATURE, "no labels have landed yet")
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
        return hold(context, Reason.LABELS_IMMATURE, str(error))
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
    return hold(
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
    return hold(
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
    return hold(
        context,
        Reason.LABELS_IMMATURE,
        f"the first model waits for {shortest.days} days of trainable rows, {there.days} are there",
        not_before=context.now + (shortest - there),
    )


def too_few_rows(context: DecisionContext) -> Decision | None:
    rows, wanted = context.labelled_rows, context.spec.training.minimum_rows
    if rows >= wanted:
        return None
    landed = "labelled rows" if context.spec.label.absent is None else "rows"
    return hold(context, Reason.TOO_FEW_ROWS, f"{rows} {landed} have landed, {wanted} are asked for")


def change_has_too_few_rows(context: DecisionContext) -> Decision | None:
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
    return hold(
        context,
        Reason.TOO_FEW_ROWS,
        f"predictions became worse: {describe_decline(decline, context.spec.metric)}; {wanted:,} are asked for, to "
        "learn from and to judge on",
    )


_OF_A_CHANGE = {Trigger.PERFORMANCE, Trigger.DRIFT, Trigger.PREDICTION_DRIFT}


def hold(context: DecisionContext, reason: Reason, sentence: str, *, not_before: datetime | None = None) -> Decision:
    return Decision(
        action=Action.HOLD, reason=reason, sentence=sentence, triggers=context.triggers, not_before=not_before
    )

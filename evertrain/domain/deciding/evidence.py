"""What a person who is called is given: since when, what, which rows, what was tried, what it would take. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from evertrain.domain.deciding.decisions import EvidencePack, Reason
from evertrain.domain.deciding.triggers import DecisionContext
from evertrain.domain.events import EventName
from evertrain.domain.monitoring.performance import RowLoss

MAX_SENTENCES, MAX_EXAMPLES, MAX_TRIED = 5, 10, 5


def pack_evidence(context: DecisionContext, reason: Reason) -> EvidencePack:
    """For a call with this reason."""
    since = _SINCE[reason](context)
    return EvidencePack(
        since=since,
        what=tuple(_what(context, reason))[:MAX_SENTENCES],
        examples=tuple(_worst_rows(context, since)) if reason in _OF_PREDICTIONS else (),
        tried=tuple(_tried(context, since)),
        needed=tuple(sentence.format(**_names(context)) for sentence in _NEEDED[reason]),
    )


def describe_pack(pack: EvidencePack) -> Iterator[str]:
    """In lines, for a message or a terminal."""
    if pack.since is not None:
        yield f"Since {pack.since:%Y-%m-%d %H:%M} UTC."
    for title, sentences in (
        ("What is known:", pack.what),
        ("Rows that were predicted worst:", [_describe_row(row) for row in pack.examples]),
        ("What was tried:", pack.tried),
        ("What it would take:", pack.needed),
    ):
        if sentences:
            yield title
            yield from (f"- {sentence}" for sentence in sentences)


def _describe_row(row: RowLoss) -> str:
    named = f"{row.key} of {row.event_time:%Y-%m-%d %H:%M}"
    if row.taken_for:
        return f"{named}: {row.taken_for} predicted with {row.prediction:.4g}, {row.true_class} came"
    return f"{named}: {row.prediction:.4g} predicted, {row.truth:.4g} came"


# --- since when -----------------------------------------------------------------------------------


def _newest_good_batch(context: DecisionContext) -> datetime | None:
    good = (verdict.event_time_max for verdict in context.state.verdicts if not context.is_doubtful(verdict))
    return max(good, default=None)


def _newest_doubt(context: DecisionContext) -> datetime | None:
    doubted = context.newest_doubt
    return None if doubted is None else doubted.event_time_min


def _first_rejection(context: DecisionContext) -> datetime | None:
    rejected = [each.ended_at for each in context.state.outcomes if each.name is EventName.CONTENDER_REJECTED]
    return min(rejected[: context.rejections], default=None)


def _change_that_was_answered(context: DecisionContext) -> datetime | None:
    answered = context.state.answered_change
    return None if answered is None else answered.changed_at


_SINCE: Mapping[Reason, Callable[[DecisionContext], datetime | None]] = {
    Reason.FEED_BROKEN: _newest_good_batch,
    Reason.FEED_STALE: _newest_good_batch,
    Reason.FEED_DOUBTFUL: _newest_doubt,
    Reason.REQUESTS_DIFFER: lambda context: context.request_drift.onset,
    Reason.LABELS_OVERDUE: lambda context: context.watermark,
    Reason.CONTENDERS_REJECTED: _first_rejection,
    Reason.BELOW_FLOOR: lambda context: context.state.champion.since if context.state.champion else None,
    Reason.NOT_MENDED: _change_that_was_answered,
    Reason.GROUP_NOT_MENDED: _change_that_was_answered,
}


# --- what, which rows, what was tried -------------------------------------------------------------

_OF_PREDICTIONS = (Reason.CONTENDERS_REJECTED, Reason.BELOW_FLOOR, Reason.NOT_MENDED, Reason.GROUP_NOT_MENDED)


def _what(context: DecisionContext, reason: Reason) -> Iterator[str]:
    if reason in (Reason.FEED_BROKEN, Reason.FEED_STALE):
        return
    if context.decline is not None:
        for group in context.decline.groups:
            losses = f"mean loss {group.before:.4g} before, {group.now:.4g} since {group.since:%Y-%m-%d}"
            yield f"where {group.name}: {losses}"
    history = context.request_drift if reason is Reason.REQUESTS_DIFFER else context.feature_drift
    if reason is Reason.FEED_DOUBTFUL:
        doubted = context.newest_doubt
        yield from (fault.message for fault in (doubted.doubts if doubted else ()))
    elif history.drifted:
        yield from history.drifted[0].sentences


def _worst_rows(context: DecisionContext, since: datetime | None) -> list[RowLoss]:
    """The worst of each day since then, the worst days first."""
    performance = context.state.performance
    days = () if performance is None else performance.realised
    found = [row for day in days if since is None or day.day >= since for row in day.worst]
    return sorted(found, key=lambda row: (-row.loss, row.key))[:MAX_EXAMPLES]


def _tried(context: DecisionContext, since: datetime | None) -> list[str]:
    """The newest first."""
    outcomes = [
        f"{each.ended_at:%Y-%m-%d}: {each.name}{' ' + each.version if each.version else ''}: {each.sentence}"
        for each in context.state.outcomes
        if since is None or each.ended_at >= since
    ]
    return outcomes[:MAX_TRIED]


# --- what it would take ---------------------------------------------------------------------------


def _names(context: DecisionContext) -> dict[str, str]:
    return {"model": context.spec.name, "group": context.spec.group.name}


_NEEDED: Mapping[Reason, tuple[str, ...]] = {
    Reason.FEED_BROKEN: (
        "`evertrain quarantine` says what is wrong with each batch: mend the feed, and land the files anew",
        "where nothing is wrong: `evertrain release BATCH`, or `evertrain accept BATCH` if it will stay so",
    ),
    Reason.FEED_STALE: (
        "find out why nothing lands below features/{group}/; the loop goes on by itself once batches come",
    ),
    Reason.FEED_DOUBTFUL: (
        "look at the batch: `evertrain doubts`, and its page in the artifact bucket below drift/{model}/",
        "`evertrain accept BATCH` if this is how it is now; otherwise mend the feed",
    ),
    Reason.REQUESTS_DIFFER: (
        "`evertrain drift --model {model} --requests --html requests.html` shows how requests differ",
        "make whoever asks fill in features as features/{group}.toml says, or the feature store as they do",
    ),
    Reason.LABELS_OVERDUE: (
        "land labels below labels/{model}/, or by `evertrain land {model} FILE --labels`; "
        "`evertrain labels {model}` says to when they are complete",
    ),
    Reason.CONTENDERS_REJECTED: (
        "`evertrain report {model}` shows what the gate saw: too narrow a margin, or a group that became worse",
        "`evertrain retrain {model} --reason …` tries at once what you changed",
    ),
    Reason.BELOW_FLOOR: (
        "`evertrain performance {model}` shows since when, and where; do labels mean what they meant?",
        "`evertrain retrain {model} --reason …` tries at once with the labels that have come since, and "
        "`evertrain rollback {model}` has an earlier champion answer",
        "where this is as good as it gets: a lower `floor` under [gate] of models/{model}/model.toml",
    ),
    Reason.GROUP_NOT_MENDED: (
        "look at that group's rows: does its data come from elsewhere, or does a column mean something else there?",
        "a feature that tells what is different about it, in features/{group}.toml; or a model of its own",
        "declare it under [[gate.slices]], so that no contender passes that is worse there",
    ),
    Reason.NOT_MENDED: (
        "look at the rows above: what would tell them from others is not among the features, or means something else "
        "now",
        "`evertrain performance {model}` shows which groups are worse, day by day",
        "add what is missing to features/{group}.toml, and `evertrain retrain {model} --reason …`",
    ),
}
"""Every reason to call a person: a call without a way out would only pass the trouble on."""

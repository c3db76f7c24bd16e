"""What becomes of doubtful batches: a person decides, or the next batches do. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evertrain.domain.landing.batches import Fault, FaultStanding, Feed
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.domain.project.interval import Interval

BATCHES_TO_SETTLE = 3
"""So many batches in a row with the same doubt are how it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person's word that a batch's fault is how it is from now on. `event_time_max`: of that batch."""

    feed: Feed
    batch_id: str
    code: str
    column: str
    event_time_max: datetime
    accepted_at: datetime


def settle(
    faults: Sequence[Fault],
    *,
    before: Sequence[DriftVerdict],
    acceptances: Iterable[Acceptance],
    trained_until: datetime | None,
) -> tuple[Fault, ...]:
    """The faults, those as `settled` that a person accepted or that stayed. `before`: verdicts on the batches before,
    the newest first.

    An acceptance holds until a champion has learnt from rows as new: then training knows them.
    """
    accepted = {
        (each.code, each.column): each
        for each in acceptances
        if trained_until is None or each.event_time_max > trained_until
    }
    return tuple(_settle(fault, before, accepted.get((fault.code, fault.column))) for fault in faults)


def _settle(fault: Fault, before: Sequence[DriftVerdict], accepted: Acceptance | None) -> Fault:
    if accepted is not None:
        why = f"accepted by a person on {accepted.accepted_at:%Y-%m-%d}"
    elif fault.standing is FaultStanding.DOUBTFUL and _has_stayed(fault, before):
        why = f"it has stayed for {BATCHES_TO_SETTLE} batches or more"
    else:
        return fault
    return replace(fault, standing=FaultStanding.SETTLED, message=f"{fault.message} ({why})")


def _has_stayed(fault: Fault, before: Sequence[DriftVerdict]) -> bool:
    recent = [_standing_in(verdict, fault) for verdict in before[: BATCHES_TO_SETTLE - 1]]
    if recent and recent[0] is FaultStanding.SETTLED:
        return True
    return len(recent) == BATCHES_TO_SETTLE - 1 and None not in recent


def _standing_in(verdict: DriftVerdict, fault: Fault) -> FaultStanding | None:
    return next(
        (each.standing for each in verdict.faults if (each.code, each.column) == (fault.code, fault.column)), None
    )


def is_flagged(verdict: DriftVerdict) -> bool:
    """Whether it has doubts, or settles some."""
    return any(fault.standing is not FaultStanding.CERTAIN for fault in verdict.faults)


def undecided(flagged: Sequence[DriftVerdict], acceptances: Sequence[Acceptance]) -> tuple[Interval, ...]:
    """The event times of batches whose doubts neither a person nor later batches have settled: not to be learnt from.

    `flagged`: verdicts with doubtful or settled faults, the newest first. Earliest first. A person's word is for what
    had been found by then, and a settled batch for those that led up to it: another time is another matter.
    """
    words = {(each.code, each.column): each.accepted_at for each in acceptances}
    led_up: dict[tuple[str, str], int] = {}
    found = []
    for verdict in flagged:
        is_undecided = False
        for fault in verdict.faults:
            kind = (fault.code, fault.column)
            if fault.standing is FaultStanding.SETTLED:
                led_up[kind] = BATCHES_TO_SETTLE - 1
            elif fault.standing is FaultStanding.DOUBTFUL:
                is_accepted = kind in words and verdict.checked_at <= words[kind]
                is_undecided |= not is_accepted and led_up.get(kind, 0) < 1
                led_up[kind] = led_up.get(kind, 0) - 1
        if is_undecided:
            end = verdict.event_time_max + timedelta(microseconds=1)
            found.append(Interval(start=verdict.event_time_min, end=end))
    return tuple(reversed(found))

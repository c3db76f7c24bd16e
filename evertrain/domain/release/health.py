"""Is a contender that answers callers well? Judged by what it and the champion answered meanwhile; values only.

Which of the two answers a request is drawn at random, so any difference between them is of the models' own making.
The tests are exact or hold for any distribution, and their level is spent over the looks, so that one may look as
often as one likes: of rollouts that are well, at most `ERROR_RATE` are taken back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import erfc, exp, lgamma, log, sqrt

from evertrain.domain.monitoring.performance import Sums
from evertrain.domain.release.answers import AnswerCounts, GroupAnswers

ERROR_RATE = 0.01

MARGIN = 0.005
"""Of requests: a contender that fails, refuses or is slow in so few more of them is not taken back."""

DISTANCE_MARGIN = 0.2
"""Of distributions, 0 to 1: contender and champion may lie so much further apart than on the gate's rows."""

MIN_REQUESTS = 100
"""With fewer, predictions that are all the same are no news: a small tree has few leaves."""

MIN_LABELLED = 50
LOSS_MARGIN = 1.05
"""So many times the champion's loss is no reason: the gate has judged on more rows."""

BAD_ALONE = 0.1
"""The share of requests in which a contender may fail where no champion answers beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvidence:
    """`contender`, `champion`: since the step began, in which the contender is to answer `share` of the requests that
    are kept. `slow_after`: milliseconds.
    `apart`: how far the two models' predictions lie apart on the gate's rows, by group, "" for all rows.
    `look`: which one this is, from 1, of `looks`. `realised`: the losses of both, contender first, on the same rows
    whose labels have come in meanwhile; None where there are none.
    """

    contender: AnswerCounts
    champion: AnswerCounts
    share: float
    slow_after: float
    look: int
    looks: int
    apart: Mapping[str, float] = field(default_factory=dict)
    realised: tuple[Sums, Sums] | None = None


def what_is_wrong(evidence: HealthEvidence) -> tuple[str, ...]:
    """Sentences, each of which is a reason to take the contender back; none where it is well, or little was asked."""
    groups = _groups(evidence)
    # Half of it falls to each look alike, the other half mostly to the first ones.
    share = (1 / evidence.looks + 1 / (evidence.look * (evidence.look + 1))) / 2
    level = ERROR_RATE * share / (5 + len(groups))
    return (
        *_worse_rates(evidence, level),
        *_missing(evidence, level),
        *_realised(evidence, level),
        *(sentence for each in groups for sentence in _predictions(*each, level=level)),
    )


def _worse_rates(evidence: HealthEvidence, level: float) -> Iterator[str]:
    new, old, limit = evidence.contender, evidence.champion, evidence.slow_after
    if not old.requests:
        # What callers ask wrongly, or much of, at that hour says nothing of the contender.
        if new.failed and binomial_tail(new.requests - new.failed, new.requests, 1 - BAD_ALONE) < level:
            yield f"it failed in {new.failed:,} of {new.requests:,} requests, no champion beside it"
        return
    for what, of_new, of_old in (
        ("failed in", new.failed, old.failed),
        ("refused", new.refused, old.refused),
        (f"took more than {limit:,.0f} ms for", new.slower_than(limit), old.slower_than(limit)),
    ):
        if _is_worse(of_new, new.requests, of_old, old.requests, level):
            beside = f"the champion {of_old:,} of {old.requests:,}"
            yield f"it {what} {of_new:,} of {new.requests:,} requests, {beside}"


def _is_worse(bad: int, requests: int, champions_bad: int, champions: int, level: float) -> bool:
    if not bad or bad / requests <= champions_bad / champions + MARGIN:
        return False
    return fisher_exact(bad, requests, champions_bad, champions) < level


def _missing(evidence: HealthEvidence, level: float) -> Iterator[str]:
    """Requests whose function crashed, or ran out of memory or time, leave no answer."""
    came, requests = evidence.contender.requests, evidence.contender.requests + evidence.champion.requests
    expected = evidence.share * requests
    if not 0 < evidence.share < 1 or came >= expected / 2:
        return
    if binomial_tail(came, requests, evidence.share) < level:
        yield (
            f"it answered {came:,} of {requests:,} requests, where its share calls for {expected:,.0f}: "
            "calls of it end without an answer"
        )


def _realised(evidence: HealthEvidence, level: float) -> Iterator[str]:
    """By the normal approximation, as if the two were of different rows, which asks for more than pairs would."""
    if evidence.realised is None:
        return
    new, old = evidence.realised
    if min(new.count, old.count) < MIN_LABELLED or new.mean <= old.mean * LOSS_MARGIN:
        return
    error = sqrt(new.variance / new.count + old.variance / old.count)
    if error and erfc((new.mean - old.mean) / error / sqrt(2)) / 2 < level:
        yield (
            f"on {new.count:,} rows whose labels came in its mean loss is {new.mean:.4g}, "
            f"the champion's {old.mean:.4g}"
        )


def _groups(evidence: HealthEvidence) -> list[tuple[str, GroupAnswers, GroupAnswers, float | None]]:
    """Of all rows, and of each group that both answered, and that is not all of them."""
    new, old = evidence.contender, evidence.champion
    shared = [name for name, group in new.groups.items() if name in old.groups and group.rows < new.whole.rows]
    return [
        ("", new.whole, old.whole, evidence.apart.get("")),
        *((name, new.groups[name], old.groups[name], evidence.apart.get(name)) for name in shared),
    ]


def _predictions(
    name: str, new: GroupAnswers, old: GroupAnswers, apart: float | None, *, level: float
) -> Iterator[str]:
    where = f"where {name} " if name else ""
    if new.is_constant and new.requests >= MIN_REQUESTS and _all_alike(old, new.requests) < level:
        yield f"{where}it predicts {new.predictions.mean:.4g} for all of {new.rows:,} rows, the champion does not"
    elif apart is not None and new.rows and old.rows:
        distance = kolmogorov_smirnov(new.cells, old.cells)
        # Requests are drawn, not rows, and a large one counts for much of a distribution.
        chance = sqrt(-log(level / 2) / 2 * (1 / new.requests + 1 / old.requests))
        if distance > apart + DISTANCE_MARGIN + chance:
            yield (
                f"{where}its predictions lie {distance:.2f} from the champion's (Kolmogorov-Smirnov), where on the "
                f"gate's rows it was {apart:.2f}: mean {new.predictions.mean:.4g} of {new.rows:,} rows against "
                f"{old.predictions.mean:.4g} of {old.rows:,}"
            )


def _all_alike(group: GroupAnswers, requests: float) -> float:
    """How probable it is that so many requests, answered as these were, are all answered alike."""
    return sum((count / group.rows) ** requests for count in group.cells.values()) if group.rows else 1.0


def share_of_kept(share: float, *, kept: float, of_champion: float) -> float:
    """Of the requests that are kept, where of the contender's the share `kept` is, and of the champion's another.

    >>> share_of_kept(0.05, kept=0.1, of_champion=1.0)  # doctest: +ELLIPSIS
    0.00523...
    """
    new, old = share * kept, (1 - share) * of_champion
    return new / (new + old) if new + old else share


def kolmogorov_smirnov(first: Mapping[int, int], second: Mapping[int, int]) -> float:
    """The largest distance between two distribution functions; neither is empty. By its bound of Massey (JASA 46,
    1951) two samples of one distribution differ by more than chance seldom; counting in cells only lowers it.

    >>> kolmogorov_smirnov({1: 2, 2: 2}, {1: 4})
    0.5
    """
    of_first, of_second = sum(first.values()), sum(second.values())
    distance = below_first = below_second = 0.0
    for cell in sorted({*first, *second}):
        below_first += first.get(cell, 0) / of_first
        below_second += second.get(cell, 0) / of_second
        distance = max(distance, abs(below_first - below_second))
    return distance


def fisher_exact(bad: int, requests: int, other_bad: int, other: int) -> float:
    """One-sided: how probable it is that of all that are bad so many or more fall to the first by chance.

    >>> round(fisher_exact(3, 3, 0, 57), 7)  # 1 in (60 choose 3)
    2.92e-05
    """
    all_bad, total = bad + other_bad, requests + other
    most = min(all_bad, requests)
    ways = _log_choose(total, all_bad)
    return sum(
        exp(_log_choose(requests, count) + _log_choose(other, all_bad - count) - ways)
        for count in range(bad, most + 1)
        if all_bad - count <= other
    )


def binomial_tail(count: int, trials: int, share: float) -> float:
    """How probable it is that so few or fewer of the trials succeed, each with probability `share`.

    >>> round(binomial_tail(0, 20, 0.25), 5)
    0.00317
    """
    return sum(
        exp(_log_choose(trials, each) + each * log(share) + (trials - each) * log(1 - share))
        for each in range(count + 1)
    )


def _log_choose(total: int, chosen: int) -> float:
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)

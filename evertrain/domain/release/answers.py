"""What a version of the endpoint's function answered to callers: counts that add, in place of the answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, log

from evertrain.domain.monitoring.performance import Sums

STEP = 1.25
"""Each cell of a duration is so many times as long as the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAnswers:
    """Of rows, such as all or those in which a column has one level. `cells`: how many by cells of the prediction.
    `squares`: the sum of the squares of how many came in each request: rows of one request may be much alike."""

    squares: int = 0
    predictions: Sums = field(default_factory=Sums)
    cells: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: "GroupAnswers") -> "GroupAnswers":
        return GroupAnswers(
            squares=self.squares + other.squares,
            predictions=self.predictions + other.predictions,
            cells=_added([self.cells, other.cells]),
        )

    @property
    def rows(self) -> int:
        return self.predictions.count

    @property
    def requests(self) -> float:
        """As many, of equal size, say as much as those in which the rows came (Kish, Survey Sampling, 1965)."""
        return self.rows**2 / self.squares if self.squares else 0.0

    @property
    def is_constant(self) -> bool:
        """Whether one and the same is predicted for all rows, but for what rounding leaves. Of more than two classes
        `predictions` are of the most probable one, whichever it is: cells tell them apart."""
        return len(self.cells) <= 1 and self.predictions.spread <= self.rows * (1e-9 * self.predictions.mean) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCounts:
    """`requests`: all of them. `refused`: what was asked was said to be wrong. `failed`: no answer came.
    `durations`: of the answered ones, by `duration_cell`. `groups`: by name, such as `origin=JFK`. `log_share`: which
    share of all requests these are."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    durations: Mapping[int, int] = field(default_factory=dict)
    whole: GroupAnswers = field(default_factory=GroupAnswers)
    groups: Mapping[str, GroupAnswers] = field(default_factory=dict)
    log_share: float = 1.0

    def __add__(self, other: "AnswerCounts") -> "AnswerCounts":
        names = dict.fromkeys([*self.groups, *other.groups])
        nothing = GroupAnswers()
        return AnswerCounts(
            requests=self.requests + other.requests,
            refused=self.refused + other.refused,
            failed=self.failed + other.failed,
            durations=_added([self.durations, other.durations]),
            whole=self.whole + other.whole,
            groups={name: self.groups.get(name, nothing) + other.groups.get(name, nothing) for name in names},
            log_share=other.log_share if other.requests else self.log_share,
        )

    def slower_than(self, milliseconds: float) -> int:
        """How many answers took longer; those of the same cell as the limit are not counted."""
        limit = duration_cell(milliseconds)
        return sum(count for cell, count in self.durations.items() if cell > limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Of one function version, from `first_at` on. `name`: the same for the same answers: none counts twice."""

    function_version: str
    first_at: datetime
    name: str
    counts: AnswerCounts


def duration_cell(milliseconds: float) -> int:
    """
    >>> duration_cell(1.0), duration_cell(1.2), duration_cell(1000)
    (0, 1, 31)
    """
    return ceil(log(max(milliseconds, 1e-3)) / log(STEP))


def counts_of(answers: Iterable[Answers], function_version: str) -> AnswerCounts:
    return sum((each.counts for each in answers if each.function_version == function_version), start=AnswerCounts())


def _added(several: Iterable[Mapping[int, int]]) -> Mapping[int, int]:
    total: dict[int, int] = {}
    for each in several:
        for cell, count in each.items():
            total[cell] = total.get(cell, 0) + count
    return total

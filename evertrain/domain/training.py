"""Training as a plan: which rows, known when, cut where. The same plan gives the same rows tomorrow."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product

from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import (
    Metric,
    ModelSpec,
    MovingWindow,
    Parameter,
    SearchMethod,
    SearchSpace,
    TaskSize,
    TrainingPolicy,
)


class NotEnoughHistory(EvertrainError):
    """The matured rows do not reach back far enough for even the shortest window."""


class UnknownCandidate(EvertrainError):
    """The plan has no candidate of this name."""


class NothingToChoose(EvertrainError):
    """No candidate of a round could be trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Half-open in event time: `start <= t < end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"interval ends at {self.end}, which is not after its start {self.start}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows that contenders are trained on. `name`: as declared, such as `28d` or `expanding`."""

    name: str
    rows: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A window with parameters for the estimator: what competes. `name`: `28d`, or `28d-2` where the window is tried
    with several."""

    name: str
    window: Window
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def __str__(self) -> str:
        """As people are told of it: `28d`, or `28d, learning_rate=0.1`."""
        return ", ".join([self.window.name, *(f"{name}={value}" for name, value in self.parameters.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Some candidates, each trained on every `one_of`th row of its window. The last round trains on all rows."""

    number: int
    one_of: int
    candidates: tuple[str, ...]

    @property
    def is_last(self) -> bool:
        return self.one_of == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Everything that one retraining depends on. Stored before the first row is read.

    `spec`: as the model was declared then; a deployment in between changes nothing.
    """

    decision_id: str
    spec: ModelSpec
    planned_at: datetime
    known_at: datetime
    """Rows and labels that were ingested later do not exist for this plan."""
    watermark: datetime
    table_versions: Mapping[str, int]
    """By feed: of every group that the model draws from, and of its labels."""
    candidates: tuple[Candidate, ...]
    validation: Interval
    gate: Interval
    champion_version: str | None
    seed: int
    task_size: TaskSize = field(default_factory=TaskSize)

    @property
    def model(self) -> str:
        return self.spec.name

    def candidate(self, name: str) -> Candidate:
        """Raises UnknownCandidate."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        planned = ", ".join(candidate.name for candidate in self.candidates)
        raise UnknownCandidate(f"decision {self.decision_id} plans the candidates {planned}, not {name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A metric with its interval and the number of rows that it rests on."""

    metric: Metric
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Which rows these were. The same plan gives them again, byte for byte: the digest proves it.

    `table_versions`, `known_at`: as in the plan. `sha256`: of the rows, whatever library keeps them.
    """

    rows: Interval
    known_at: datetime
    table_versions: Mapping[str, int]
    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a candidate did in a round. `unusable`: why it could not be tried; then there is no score."""

    candidate: Candidate
    round: Round
    rows: int
    validation: Score | None
    unusable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What the training of a candidate left behind in the last round. URIs name content-addressed objects."""

    candidate: Candidate
    training_set: TrainingSet
    validation_set: TrainingSet
    validation: Score
    artifact_uri: str
    artifact_sha256: str
    reference_uri: str
    smoke_test_uri: str
    parity: float
    """Largest absolute difference between scikit-learn's prediction and the artifact's."""
    training_seconds: float
    library_versions: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    """What ran: digests of the model's estimator and of the program, and the container image."""

    @property
    def window(self) -> Window:
        return self.candidate.window

    @property
    def rows(self) -> int:
        return self.training_set.count


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceComparison:
    """Contender minus champion within one group of rows, for example `origin=JFK`; NaN-free by construction."""

    column: str
    level: str
    rows: int
    champion: float
    contender: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Champion and the chosen contender on identical matured rows that neither has seen.

    `difference_low/high` bound contender minus champion in units of the metric (paired bootstrap by day);
    None where there is no champion. `unusable`: candidates that could not be trained, and why.
    """

    decision_id: str
    chosen: Contender
    contenders: tuple[Contender, ...]
    gate_set: TrainingSet
    contender_score: Score
    champion_version: str | None
    champion_score: Score | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    unusable: tuple[Trial, ...] = ()
    slices: tuple[SliceComparison, ...] = ()

    @property
    def gate_rows(self) -> int:
        return self.gate_set.count


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """A handful of real rows and what the artifact predicts for them, wherever it is loaded."""

    rows: tuple[Mapping[str, bool | float | str | None], ...]
    predictions: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """training | embargo | validation | gate | watermark"""

    windows: tuple[Window, ...]
    validation: Interval
    gate: Interval


def cut_slices(
    policy: TrainingPolicy,
    *,
    watermark: datetime,
    oldest_event_time: datetime,
    learnt_until: datetime | None = None,
    changed_at: datetime | None = None,
) -> Slices:
    """Windows, validation slice and gate slice below a label watermark.

    A window that reaches back before the oldest row is shortened to it, and windows that thereby become equal are
    trained once. `learnt_until`: where the champion's training rows end. `changed_at`: since when the world is
    another one; where nothing is known of a change, or it lies too late, there is no window since then. Raises
    NotEnoughHistory where nothing is left to train on, or the champion would be judged on what it has learnt from.
    """
    gate = Interval(start=watermark - policy.gate, end=watermark)
    if learnt_until is not None and gate.start < learnt_until + policy.embargo:
        raise NotEnoughHistory(
            f"labels are complete to {watermark:%Y-%m-%d} and the champion has learnt from rows up to "
            f"{learnt_until:%Y-%m-%d}: the {policy.gate.days} days that both are judged on would begin before the "
            "embargo after that is over"
        )
    validation = Interval(start=gate.start - policy.validation, end=gate.start)
    end = validation.start - policy.embargo
    if end <= oldest_event_time:
        needed = policy.gate + policy.validation + policy.embargo
        raise NotEnoughHistory(
            f"labels are complete from {oldest_event_time:%Y-%m-%d} to {watermark:%Y-%m-%d}, "
            f"but gate, validation and embargo alone take {needed.days} days"
        )
    begins = {duration_name(length): max(end - length, oldest_event_time) for length in sorted(policy.windows)}
    if MovingWindow.SINCE_CHANGE in policy.moving_windows and changed_at is not None and changed_at < end:
        begins[MovingWindow.SINCE_CHANGE.value] = max(changed_at, oldest_event_time)
    if MovingWindow.EXPANDING in policy.moving_windows or not begins:
        begins[MovingWindow.EXPANDING.value] = oldest_event_time
    windows: dict[datetime, Window] = {}
    for name, start in begins.items():
        windows.setdefault(start, Window(name=name, rows=Interval(start=start, end=end)))
    return Slices(windows=tuple(windows.values()), validation=validation, gate=gate)


def combinations_of(search: SearchSpace) -> list[dict[str, Parameter]]:
    """
    >>> combinations_of(SearchSpace(parameters={"depth": (2, 4), "rate": (0.1,)}))
    [{'depth': 2, 'rate': 0.1}, {'depth': 4, 'rate': 0.1}]
    """
    return [dict(zip(search.parameters, values, strict=True)) for values in product(*search.parameters.values())]


def candidates_of(windows: Sequence[Window], search: SearchSpace) -> tuple[Candidate, ...]:
    """Every window with every combination of parameters, the windows' order first."""
    combinations = combinations_of(search)
    if len(combinations) == 1:
        return tuple(Candidate(name=window.name, window=window, parameters=combinations[0]) for window in windows)
    return tuple(
        Candidate(name=f"{window.name}-{number}", window=window, parameters=parameters)
        for window in windows
        for number, parameters in enumerate(combinations, 1)
    )


ONE_OF_SO_MANY_GOES_ON = 3


def first_round(plan: TrainingPlan) -> Round:
    """A grid has one round. By successive halving many candidates are tried on few rows, and few on all of them."""
    candidates = tuple(candidate.name for candidate in plan.candidates)
    one_of = 1
    if plan.spec.training.search.method is SearchMethod.HALVING:
        while one_of * ONE_OF_SO_MANY_GOES_ON <= len(candidates):
            one_of *= ONE_OF_SO_MANY_GOES_ON
    return Round(number=1, one_of=one_of, candidates=candidates)


TRAINING_MAY_TAKE = timedelta(minutes=100)
"""One container. As many as the model allows at once are a wave."""


def waves_of(plan: TrainingPlan) -> int:
    """How many waves of containers the plan's rounds take."""
    first = first_round(plan)
    candidates, one_of, waves = len(first.candidates), first.one_of, 0
    while one_of:
        waves += -(-candidates // plan.spec.training.search.concurrency)
        candidates, one_of = max(1, candidates // ONE_OF_SO_MANY_GOES_ON), one_of // ONE_OF_SO_MANY_GOES_ON
    return waves


def next_round(trials: Sequence[Trial]) -> Round:
    """The better third of a round, on three times as many rows. Raises NothingToChoose."""
    tried = trials[0].round
    scored = [(trial.candidate, trial.validation) for trial in trials if trial.validation is not None]
    if not scored:
        raise NothingToChoose(_all_unusable(trials))
    kept = max(1, len(tried.candidates) // ONE_OF_SO_MANY_GOES_ON)
    best = sorted(scored, key=lambda each: badness(*each))[:kept]
    names = {candidate.name for candidate, _ in best}
    return Round(
        number=tried.number + 1,
        one_of=tried.one_of // ONE_OF_SO_MANY_GOES_ON,
        candidates=tuple(name for name in tried.candidates if name in names),
    )


def choose_contender(contenders: Sequence[Contender], unusable: Sequence[Trial] = ()) -> Contender:
    """The best on the validation slice; of equals, the one with the shortest window, which is the cheapest.

    `unusable`: the trials that gave no contender. Raises NothingToChoose where no other is left.
    """
    if not contenders:
        raise NothingToChoose(_all_unusable(unusable))
    return min(contenders, key=lambda contender: badness(contender.candidate, contender.validation))


def badness(candidate: Candidate, score: Score) -> tuple[float, timedelta, str]:
    """The least of it is chosen: the best score, and of equals the shortest window."""
    value = -score.value if score.metric.higher_is_better else score.value
    return value, candidate.window.rows.end - candidate.window.rows.start, candidate.name


def _all_unusable(trials: Sequence[Trial]) -> str:
    return "no candidate could be trained: " + "; ".join(dict.fromkeys(trial.unusable for trial in trials))


_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def parse_duration(text: str) -> timedelta:
    """Raises ValueError.

    >>> parse_duration("28d"), parse_duration("36h")
    (datetime.timedelta(days=28), datetime.timedelta(days=1, seconds=43200))
    """
    matched = re.fullmatch(r"([1-9]\d*)([dhm])", text)
    if matched is None:
        raise ValueError('a duration is text such as "28d", "36h" or "90m"')
    return timedelta(**{_UNITS[matched[2]]: int(matched[1])})


def duration_name(length: timedelta) -> str:
    """
    >>> duration_name(timedelta(days=28)), duration_name(timedelta(hours=36))
    ('28d', '36h')
    """
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

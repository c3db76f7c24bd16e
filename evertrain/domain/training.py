"""Training as a plan: which rows, known when, cut where. The same plan gives the same rows tomorrow."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import Metric, TrainingPolicy


class NotEnoughHistory(EvertrainError):
    """The matured rows do not reach back far enough for even the shortest window."""


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
    """One contender's training rows. `name` is the declared length, such as `28d`."""

    name: str
    rows: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Everything that one retraining depends on. Stored before the first row is read."""

    decision_id: str
    model: str
    planned_at: datetime
    known_at: datetime
    """Rows and labels that were ingested later do not exist for this plan."""
    watermark: datetime
    table_versions: Mapping[str, int]
    """By feed: of every group that the model draws from, and of its labels."""
    windows: tuple[Window, ...]
    validation: Interval
    gate: Interval
    champion_version: str | None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A metric with its interval and the number of rows that it rests on."""

    metric: Metric
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What one training run left behind. URIs name content-addressed objects."""

    window: Window
    rows: int
    validation: Score
    artifact_uri: str
    artifact_sha256: str
    reference_uri: str
    smoke_test_uri: str
    parity: float
    """Largest absolute difference between scikit-learn's prediction and the artifact's."""
    training_seconds: float
    library_versions: Mapping[str, str] = field(default_factory=dict)


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
    None where there is no champion.
    """

    decision_id: str
    chosen: Contender
    contenders: tuple[Contender, ...]
    gate_rows: int
    contender_score: Score
    champion_version: str | None
    champion_score: Score | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    slices: tuple[SliceComparison, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """A handful of real rows and what the artifact predicts for them, wherever it is loaded."""

    rows: tuple[Mapping[str, bool | float | str | None], ...]
    predictions: tuple[float, ...]


def cut_slices(
    policy: TrainingPolicy, *, watermark: datetime, oldest_event_time: datetime
) -> tuple[tuple[Window, ...], Interval, Interval]:
    """Windows, validation slice and gate slice below a label watermark: training | embargo | validation | gate.

    A window that reaches back before the oldest row is shortened to it, and windows that thereby
    become equal are trained once. Raises NotEnoughHistory where nothing is left to train on.
    """
    gate = Interval(start=watermark - policy.gate, end=watermark)
    validation = Interval(start=gate.start - policy.validation, end=gate.start)
    end = validation.start - policy.embargo
    if end <= oldest_event_time:
        needed = policy.gate + policy.validation + policy.embargo
        raise NotEnoughHistory(
            f"labels are complete from {oldest_event_time:%Y-%m-%d} to {watermark:%Y-%m-%d}, "
            f"but gate, validation and embargo alone take {needed.days} days"
        )
    windows: dict[datetime, Window] = {}
    for length in sorted(policy.windows):
        start = max(end - length, oldest_event_time)
        windows.setdefault(start, Window(name=duration_name(length), rows=Interval(start=start, end=end)))
    return tuple(windows.values()), validation, gate


def choose_contender(contenders: Sequence[Contender]) -> Contender:
    """The best on the validation slice; of equals, the one with the shortest window, which is the cheapest."""

    def badness(contender: Contender) -> tuple[float, timedelta]:
        score = contender.validation
        value = -score.value if score.metric.higher_is_better else score.value
        return value, contender.window.rows.end - contender.window.rows.start

    return min(contenders, key=badness)


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

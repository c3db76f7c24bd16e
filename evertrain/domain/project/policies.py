"""What a model declares of how it is watched, retrained, judged and served, with the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from evertrain.domain.project.calendar import QuietDays
from evertrain.domain.project.metric import Guard


class DriftRule(StrEnum):
    """`calibrated`: more than chance and the variation between training days explain. `conventional`: a PSI above the
    threshold, whatever the number of rows."""

    CALIBRATED = "calibrated"
    CONVENTIONAL = "conventional"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """When a batch counts as drifted, and how many drifted batches of the last few call for retraining.

    `psi_threshold`: below it drift does not matter; by default 0.1 where the reference knows how far its own days lay
    apart, else 0.2. `quarantine_faults`: set a batch aside that looks like the feed's fault, such as a column of
    zeros, and keep doubtful ones out of training.
    """

    drifted_batches: int = 3
    of_last: int = 5
    rule: DriftRule = DriftRule.CALIBRATED
    psi_threshold: float | None = None
    minimum_rows: int = 200
    minimum_features: int = 1
    quarantine_faults: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPolicy:
    """What may start a retraining, and what holds it back.

    `every`: since the champion was promoted. `rows_grown_by`: how many times the rows of its training there have to
    be for their number alone to call for another; None for never. `retrainings_per_month`: at most so many are
    decided within 30 days. `quiet`: days of the year on which none is. What a person asks for, and a first model, are
    held by neither.
    """

    drift: DriftPolicy = field(default_factory=DriftPolicy)
    every: timedelta = timedelta(days=28)
    rows_grown_by: float | None = 2.0
    cooldown: timedelta = timedelta(days=7)
    labels_overdue_after: timedelta = timedelta(days=14)
    rejections_before_escalation: int = 2
    quarantines_before_escalation: int = 1
    retrainings_per_month: int | None = None
    quiet: tuple[QuietDays, ...] = ()


class MovingWindow(StrEnum):
    """Windows whose length is not declared: all rows there are, or those since the world changed."""

    EXPANDING = "expanding"
    SINCE_CHANGE = "since_change"


class SearchMethod(StrEnum):
    """`grid`: every candidate on all of its rows. `halving`: all on few rows, the better third on three times as
    many, and so on: the hopeless ones cost little."""

    GRID = "grid"
    HALVING = "halving"


ParameterValue = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What is tried beside the windows. `parameters`: by name, the values that `make_estimator` is given.

    `concurrency`: how many candidates are trained at once.
    """

    parameters: Mapping[str, tuple[ParameterValue, ...]] = field(default_factory=dict)
    method: SearchMethod = SearchMethod.GRID
    concurrency: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """The windows that compete as a hyperparameter, and the slices for choosing and judging among them.

    Below a label watermark W, rows are split as: training | embargo | validation | gate | W. `embargo`: at least the
    label's latency, so that every training label was known when the first validation row was predicted; soon after a
    change the slices are shorter, and it too. `spot`: containers run on spare capacity first, which is cheaper and
    may be reclaimed. `refit`: what passed the gate is fitted once more, on all rows up to W; else it is weeks old on
    its first day. `label_weights`: where the endpoint explores, rows that stand for several are learnt from as
    several; else they only count so in scores.
    """

    windows: tuple[timedelta, ...]
    validation: timedelta
    gate: timedelta
    embargo: timedelta
    minimum_rows: int = 1_000
    moving_windows: tuple[MovingWindow, ...] = ()
    search: SearchSpace = field(default_factory=SearchSpace)
    spot: bool = True
    refit: bool = True
    label_weights: bool = True

    @property
    def shortest_history(self) -> timedelta:
        """With labels, that a first model is trained and judged on: the shortest window, and all that follows it."""
        return min(self.windows, default=timedelta(0)) + self.embargo + self.validation + self.gate


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSpec:
    """A group of rows on which a contender must not get worse by more than `margin`."""

    column: str
    margin: float
    minimum_rows: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """May the contender replace the champion? `margin` is in units of the metric, `confidence` is two-sided.

    `floor` is what the very first model must reach: a lower bound for a score, an upper bound for a loss. Where they
    are None, they follow from what a constant prediction scores on the gate's rows. `guards`: by other metrics, how
    much worse a contender may become in them, in their units. `minimum_rows`, `minimum_days`: of the gate; with fewer
    nothing is judged, and the retraining is postponed. `approval`: what passes waits for a person's word before
    callers get it, `approval_timeout` at most, in real time; without an answer it is held.
    """

    margin: float | None = None
    floor: float | None = None
    confidence: float = 0.9
    superiority: bool = False
    slices: tuple[SliceSpec, ...] = ()
    guards: Mapping[Guard, float] = field(default_factory=dict)
    minimum_rows: int = 2
    minimum_days: int = 1
    approval: bool = False
    approval_timeout: timedelta = timedelta(days=7)


MAX_APPROVAL_TIMEOUT = timedelta(days=90)
"""An execution of Step Functions lasts a year at most, and a contender is old by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPolicy:
    """What a retraining costs and what it is worth, in any currency. Where that is not declared, it costs as much as
    the gate's margin of the metric for a week.

    `retraining`: of one, with review and risk. `container_hour`: of a training container; one of 1 vCPU and 4 GiB
    costs about 0.06 $ on Fargate. `worth_per_row`: how much more a row's prediction is worth if the metric is better
    by 1. `per_month`: no more is spent within 30 days.
    """

    retraining: float | None = None
    container_hour: float = 0.06
    worth_per_row: float | None = None
    per_month: float | None = None

    @property
    def is_declared(self) -> bool:
        return self.retraining is not None and self.worth_per_row is not None

    def of_retraining(self, container_seconds: float) -> float | None:
        """None where it is not declared."""
        return None if self.retraining is None else self.retraining + self.container_hour * container_seconds / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """What the training container gets: Fargate CPU units (1024 = 1 vCPU) and MiB of memory."""

    cpu: int = 1024
    memory_mib: int = 4096


class Tier(StrEnum):
    """How a model is served. `flat`: as data, by the standard library. `sklearn`: by scikit-learn itself, which takes
    any estimator, and is slower and larger."""

    FLAT = "flat"
    SKLEARN = "sklearn"


ARTIFACT_SUFFIXES = {Tier.FLAT: ".flat.gz", Tier.SKLEARN: ".sklearn"}
"""What the names of artifacts end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPolicy:
    """`log_share`: the share of requests that is kept with their answers, to be watched and labelled. `explore`: the
    share of predictions that the caller is asked not to act on, since the label depends on what is done: a loan that
    is refused is never paid back. `tier`: which artifacts are trained, and which function answers."""

    log_share: float = 1.0
    explore: float = 0.0
    tier: Tier = Tier.FLAT


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """How a contender that passed the gate comes to answer. `steps`: the share of requests that it answers, growing,
    the last 1; a first step of 0 lets it be asked what callers ask, without answering. `bake`: how long each step
    lasts at least. `slow_after_ms`: an answer that takes longer counts as slow, cold starts aside.
    """

    steps: tuple[float, ...] = (0.05, 0.25, 1.0)
    bake: timedelta = timedelta(minutes=30)
    slow_after_ms: float = 1000.0

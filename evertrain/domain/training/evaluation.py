"""What was trained and how it was scored: contenders, and the chosen one beside the champion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evertrain.domain.errors import EvertrainError
from evertrain.domain.monitoring.estimates import NORMAL_95
from evertrain.domain.monitoring.performance import DayPerformance
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.metric import Guard, ModelMetric
from evertrain.domain.project.prediction import Prediction
from evertrain.domain.training.candidates import Candidate, Round
from evertrain.domain.training.windows import Window


class UnusableRows(EvertrainError):
    """The rows of a slice cannot be trained or judged on: too few, or all with the same label."""


class EstimatorFailed(EvertrainError):
    """A user's estimator raised, while it was fitted or asked."""

    exit_status = 2
    quotes_rows = True

    def in_file(self, path: str) -> "EstimatorFailed":
        """With the file that makes the estimator, which is what there is to mend."""
        return EstimatorFailed(f"{path}: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A metric with its interval and the number of rows that it rests on."""

    metric: ModelMetric
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Contender minus champion on the same rows, in units of a metric, with its interval. `days`: of the rows; where
    there is one, the interval knows nothing of how days differ."""

    value: float
    low: float
    high: float
    standard_error: float
    days: int

    def gain(self, *, higher_is_better: bool) -> tuple[float, float, float]:
        """With the ends of its interval, as what the contender is better by, whichever way the metric points."""
        if higher_is_better:
            return self.value, self.low, self.high
        return -self.value, -self.high, -self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighting:
    """Of rows whose labels depend on what was predicted. `stands_for`: how many rows, with those that have no label.
    `heaviest`: how many the one row does that stands for most. `effective_count`: of rows that would say as much,
    were each to stand for equally many."""

    stands_for: float
    heaviest: float
    effective_count: float

    @property
    def sentence(self) -> str:
        """
        >>> Weighting(stands_for=9800.4, heaviest=20.0, effective_count=640.2).sentence
        'they stand for 9,800 rows, one of them for 20, and say as much as 640 that stand for one each'
        """
        return (
            f"they stand for {self.stands_for:,.0f} rows, one of them for {self.heaviest:.3g}, and say as much as "
            f"{self.effective_count:,.0f} that stand for one each"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSnapshot:
    """Identifies a set of rows. The same plan yields the same rows again, byte for byte, and the digest proves it.

    `table_versions`, `known_at`: as in the plan. `sha256`: of the values, independent of the library that holds them.
    `weighted`: None where each row stands for itself.
    """

    rows: Interval
    known_at: datetime
    table_versions: Mapping[str, int]
    count: int
    sha256: str
    weighted: Weighting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a candidate did in a round. `unusable`: why it could not be trained; there is no score then."""

    candidate: Candidate
    round: Round
    rows: int
    validation: Score | None
    unusable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What the training of a candidate left behind in the last round. URIs name content-addressed objects."""

    candidate: Candidate
    training_set: DatasetSnapshot
    validation_set: DatasetSnapshot
    validation: Score
    artifact_uri: str
    artifact_sha256: str
    smoke_test_uri: str
    parity: float
    """Largest absolute difference between scikit-learn's prediction and the artifact's."""
    training_seconds: float
    library_versions: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    """What ran: digests of the model's estimator and of the program, and the container image."""
    reference_uri: str = ""
    """Of what may be rolled out only: the others are compared with no batch."""

    @property
    def window(self) -> Window:
        return self.candidate.window

    @property
    def rows(self) -> int:
        return self.training_set.count


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceComparison:
    """Both models within one group of rows, for example `origin=JFK`. The intervals of all slices' differences hold
    together with the gate's confidence: with more slices each is wider. `difference`: None where the group has fewer
    rows than its slice asks for."""

    column: str
    level: str
    rows: int
    champion: float
    contender: float
    difference: Difference | None

    @property
    def name(self) -> str:
        return f"{self.column}={self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardComparison:
    """Both models by a metric that they are not chosen by. The intervals of all guards hold together with the gate's
    confidence."""

    metric: Guard
    champion: float
    contender: float
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How much better a contender did than the champion on the same rows, in units of the metric; negative where
    worse. `newer_by`: how much later the rows end that it has learnt from. `margin`: how much worse it could have
    been, and passed."""

    value: float
    standard_error: float
    newer_by: timedelta
    margin: float = 0.0

    @property
    def may_be_positive(self) -> bool:
        """Whether the contender may as well have been the better one, by a one-sided interval of 95 %."""
        return self.value + NORMAL_95 * self.standard_error > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Champion and the chosen contender on identical matured rows that neither has seen.

    `difference`: None where there is no champion. `unusable`: candidates that could not be trained, and why.
    `choice`: why this contender was chosen, where it is not the best by its score alone. `refit`: the chosen recipe
    once more, on all rows up to the watermark; its `validation` is the judged contender's. `refit_trouble`: why the
    judged contender goes instead. `stand_in`: where the champion had learnt from rows of the gate, who was judged in
    its place.
    `champion_trained_until`: where the training rows end of what was judged.
    `constant_score`: of one and the same prediction for every row of the gate, the best there is.
    `promised`: of the contender on the gate's rows, by day, for what it turns out to be worth to be compared with.
    `apart`: how far the predictions of the two lie apart on these rows, 0 to 1, "" for all of them and by group.
    """

    decision_id: str
    chosen: Contender
    contenders: tuple[Contender, ...]
    gate_set: DatasetSnapshot
    contender_score: Score
    champion_version: str | None
    champion_score: Score | None
    difference: Difference | None
    unusable: tuple[Trial, ...] = ()
    choice: str = ""
    refit: Contender | None = None
    refit_trouble: str = ""
    stand_in: str = ""
    champion_trained_until: datetime | None = None
    constant_score: float | None = None
    promised: tuple[DayPerformance, ...] = ()
    slices: tuple[SliceComparison, ...] = ()
    guards: tuple[GuardComparison, ...] = ()
    apart: Mapping[str, float] = field(default_factory=dict)

    @property
    def final(self) -> Contender:
        """What is rolled out, if the gate lets it pass."""
        return self.refit or self.chosen

    def gain(self, *, margin: float) -> Gain | None:
        """`margin`: the gate's. None where there is nobody to compare with."""
        if self.difference is None or self.champion_trained_until is None:
            return None
        value, _, _ = self.difference.gain(higher_is_better=self.contender_score.metric.higher_is_better)
        return Gain(
            value=value,
            standard_error=self.difference.standard_error,
            newer_by=self.chosen.window.rows.end - self.champion_trained_until,
            margin=margin,
        )

    @property
    def gate_rows(self) -> int:
        return self.gate_set.count


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """A handful of real rows and what the artifact predicts for them, wherever it is loaded."""

    rows: tuple[Mapping[str, bool | float | str | None], ...]
    predictions: tuple[Prediction, ...]

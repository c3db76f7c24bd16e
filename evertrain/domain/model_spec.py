"""What a model and a feature group declare of themselves. Values only: reading TOML is an adapter's work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: the probability of the positive class, or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class FeatureKind(StrEnum):
    """How a column is compared, stored and encoded.

    A timestamp is stored as one. Models and statistics see its age: how many days before the row's event time it was.
    """

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"

    @property
    def is_quantity(self) -> bool:
        """Its values have an order and distances."""
        return self in (FeatureKind.NUMERIC, FeatureKind.TIMESTAMP)


class Metric(StrEnum):
    """scikit-learn's names: a `_score` goes up when the model is better, an `_error` or `_loss` goes down."""

    ROC_AUC_SCORE = "roc_auc_score"
    AVERAGE_PRECISION_SCORE = "average_precision_score"
    LOG_LOSS = "log_loss"
    BRIER_SCORE_LOSS = "brier_score_loss"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"
    R2_SCORE = "r2_score"

    @property
    def higher_is_better(self) -> bool:
        return self.value.endswith("_score")

    @property
    def task(self) -> Task:
        if self in (Metric.MEAN_ABSOLUTE_ERROR, Metric.ROOT_MEAN_SQUARED_ERROR, Metric.R2_SCORE):
            return Task.REGRESSION
        return Task.CLASSIFICATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A typed column of a feature group. `minimum` and `maximum` bound what is physically possible,
    `maximum_missing` the share of a batch's rows that may have no value."""

    name: str
    kind: FeatureKind
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    maximum_missing: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSize:
    """Fewer or more rows are a fault of the sender."""

    minimum_rows: int = 1
    maximum_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGroup:
    """A table of the feature store that any model of the organisation may draw from.

    `freshness`: how old its newest row may be before a human is told. `batch`: how many rows a good batch has.
    `utc_offset`: how far ahead of UTC the clock is that times without a zone were read from; None where such times
    are refused.
    """

    name: str
    entity_key: str
    event_time: str
    columns: tuple[Column, ...]
    owner: str = ""
    description: str = ""
    freshness: timedelta | None = None
    batch: BatchSize = BatchSize()
    utc_offset: timedelta | None = None

    def has(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


class KnownBy(StrEnum):
    """By when must a joined value have been ingested to be used in training?

    `training`: by the time of the training. `event`: by the event time of the row that it is joined to, as when the
    endpoint is asked: values that came late were not there then.
    """

    TRAINING = "training"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedGroup:
    """What a model draws from another group than its own: the values that were valid at the time of its row.

    `key`: the column of the model's own group that holds this group's entity key. `maximum_age`: older values are
    missing.
    """

    group: FeatureGroup
    feature_names: tuple[str, ...]
    key: str
    maximum_age: timedelta
    known_by: KnownBy = KnownBy.TRAINING


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """The ground truth: its column, and how long after the event it is known for nearly every row.

    `absent`: what a row without a label counts as once its latency has passed, such as 0 where only the exceptions
    are reported; by default it is unknown, and not used. `minimum_coverage`: the share of a day's rows that must have
    a label for the day to count as complete. `of_predictions`: labels may also name a prediction; what the endpoint
    was asked is then a row to train on, as it was asked.
    """

    name: str
    latency: timedelta
    absent: float | None = None
    minimum_coverage: float | None = None
    of_predictions: bool = False


class DriftRule(StrEnum):
    """`calibrated`: what chance, and the days of training, do not explain. `conventional`: a PSI above the threshold,
    whatever the number of rows."""

    CALIBRATED = "calibrated"
    CONVENTIONAL = "conventional"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """When a batch counts as drifted, and how many drifted batches of the last few call for retraining.

    `quarantine_faults`: set a batch aside that looks like the feed's fault, such as a column of zeros.
    """

    drifted_batches: int = 3
    of_last: int = 5
    rule: DriftRule = DriftRule.CALIBRATED
    psi_threshold: float = 0.2
    minimum_rows: int = 200
    minimum_features: int = 1
    quarantine_faults: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPolicy:
    """What may start a retraining, and what holds it back."""

    drift: DriftPolicy = field(default_factory=DriftPolicy)
    every: timedelta = timedelta(days=28)
    cooldown: timedelta = timedelta(days=7)
    labels_overdue_after: timedelta = timedelta(days=14)
    rejections_before_escalation: int = 2
    quarantines_before_escalation: int = 1


class MovingWindow(StrEnum):
    """Windows whose length is not declared: all rows there are, or those since the world changed."""

    EXPANDING = "expanding"
    SINCE_CHANGE = "since_change"


class SearchMethod(StrEnum):
    """`grid`: every candidate on all of its rows. `halving`: all on few rows, the better third on three times as
    many, and so on: the hopeless ones cost little."""

    GRID = "grid"
    HALVING = "halving"


Parameter = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What is tried beside the windows. `parameters`: by name, the values that `make_estimator` is given.

    `concurrency`: how many candidates are trained at once.
    """

    parameters: Mapping[str, tuple[Parameter, ...]] = field(default_factory=dict)
    method: SearchMethod = SearchMethod.GRID
    concurrency: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """The windows that compete as a hyperparameter, and the slices on which they are chosen and judged.

    With a label watermark W, rows are cut as: training | embargo | validation | gate | W. `embargo`: at least the
    label's latency, so that what is trained on was known when the validation's first row was asked for. `spot`:
    containers try spare capacity first, which is cheaper and may be taken away.
    """

    windows: tuple[timedelta, ...]
    validation: timedelta
    gate: timedelta
    embargo: timedelta
    minimum_rows: int = 1_000
    moving_windows: tuple[MovingWindow, ...] = ()
    search: SearchSpace = field(default_factory=SearchSpace)
    spot: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSpec:
    """A group of rows on which a contender must not get worse by more than `margin`."""

    column: str
    margin: float
    minimum_rows: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """May the contender replace the champion? `margin` is in units of the metric, `confidence` is two-sided.

    `floor` is what the very first model must reach: a lower bound for a score, an upper bound for a loss.
    """

    margin: float
    floor: float
    confidence: float = 0.9
    superiority: bool = False
    slices: tuple[SliceSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """What the training container gets: Fargate CPU units (1024 = 1 vCPU) and MiB of memory."""

    cpu: int = 1024
    memory_mib: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPolicy:
    """`log_share`: the share of requests that is kept with their answers, to be watched and labelled."""

    log_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model folder: everything that Evertrain knows of a model besides its estimator.

    `group`: whose rows are predicted. `feature_names`: all of them, those of joined groups too.
    """

    name: str
    title: str
    task: Task
    metric: Metric
    group: FeatureGroup
    feature_names: tuple[str, ...]
    label: LabelSpec
    triggers: TriggerPolicy
    training: TrainingPolicy
    gate: GatePolicy
    task_size: TaskSize | None = None
    """None where it is to be estimated from rows and columns."""
    endpoint: EndpointPolicy = field(default_factory=EndpointPolicy)
    joined: tuple[JoinedGroup, ...] = ()

    @property
    def groups(self) -> tuple[FeatureGroup, ...]:
        return (self.group, *(joined.group for joined in self.joined))

    @property
    def features(self) -> tuple[Column, ...]:
        homes = {name: joined.group for joined in self.joined for name in joined.feature_names}
        return tuple(homes.get(name, self.group).column(name) for name in self.feature_names)

    def names_of(self, group: str) -> tuple[str, ...]:
        """The features that are drawn from this group."""
        joined = {each.group.name: each.feature_names for each in self.joined}
        if group != self.group.name:
            return joined[group]
        foreign = {name for names in joined.values() for name in names}
        return tuple(name for name in self.feature_names if name not in foreign)

    def with_features(self, names: Sequence[str]) -> "ModelSpec":
        """With these features too, as far as a group of the model has them."""
        homes = {
            name: group.name
            for group in reversed(self.groups)  # the model's own group comes first, and last here
            for name in names
            if group.has(name) and name not in self.feature_names
        }
        joined = []
        for each in self.joined:
            found = [name for name, home in homes.items() if home == each.group.name]
            joined.append(replace(each, feature_names=(*each.feature_names, *found)))
        return replace(self, feature_names=(*self.feature_names, *homes), joined=tuple(joined))


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Every feature group and every model of an organisation, by name."""

    groups: Mapping[str, FeatureGroup]
    models: Mapping[str, ModelSpec]

    def models_on(self, group: str) -> tuple[ModelSpec, ...]:
        """The models that draw features from this group, by name."""
        named = (self.models[name] for name in sorted(self.models))
        return tuple(spec for spec in named if group in (each.name for each in spec.groups))

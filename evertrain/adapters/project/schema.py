"""`features/<group>.toml` and `models/<name>/model.toml` as they are written: keys, types, bounds and defaults."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import inf
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from evertrain.domain.project.calendar import QuietDays, parse_quiet_days
from evertrain.domain.project.defaults import USUAL_BATCH, default_metric, default_training, default_triggers
from evertrain.domain.project.duration import parse_duration
from evertrain.domain.project.feature_group import BatchSize, Column, FeatureGroup, FeatureKind, JoinedGroup, KnownBy
from evertrain.domain.project.file_format import DECIMALS, THOUSANDS, DateOrder, FileFormat, file_format_fault
from evertrain.domain.project.metric import (
    PINBALL_LOSS,
    Guard,
    GuardMetric,
    Metric,
    ModelMetric,
    OwnMetric,
    PinballLoss,
    Task,
)
from evertrain.domain.project.model import LabelSpec, ModelSpec
from evertrain.domain.project.policies import (
    CostPolicy,
    DriftPolicy,
    DriftRule,
    EndpointPolicy,
    GatePolicy,
    MovingWindow,
    ParameterValue,
    RolloutPolicy,
    SearchMethod,
    SearchSpace,
    SliceSpec,
    TaskSize,
    Tier,
    TrainingPolicy,
    TriggerPolicy,
)

DURATION = r"^[1-9]\d*[dhm]$"
"""Of a length of time, for editors; what is read is `parse_duration`'s to say."""


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError('a duration is text such as "28d", "36h" or "90m"')
    return parse_duration(value)


def _quiet_days(value: object) -> QuietDays:
    return parse_quiet_days(str(value))


def _utc_offset(value: object) -> timedelta:
    if value == "UTC":
        return timedelta()
    text = value if isinstance(value, str) else ""
    matched = re.fullmatch(r"([+-])(0\d|1[0-4]):([0-5]\d)", text)
    if matched is not None:
        size = timedelta(hours=int(matched[2]), minutes=int(matched[3]))
        return -size if matched[1] == "-" else size
    allowed = '"UTC" or a fixed offset such as "+01:00"'
    if any(character.isalpha() for character in text):
        description = "with daylight saving an hour of each autumn is ambiguous, and Lambda has no zone database"
        raise ValueError(f"{description}: write the times with their offsets, or declare {allowed}")
    raise ValueError(f"what times without a zone mean is {allowed}")


Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION})]
UtcOffset = Annotated[
    timedelta,
    BeforeValidator(_utc_offset),
    WithJsonSchema({"type": "string", "pattern": r"^(UTC|[+-](0\d|1[0-4]):[0-5]\d)$"}),
]
Count = Annotated[int, Field(ge=1)]
Quiet = Annotated[
    QuietDays,
    BeforeValidator(_quiet_days),
    WithJsonSchema({"type": "string", "pattern": r"^\d\d-\d\d to \d\d-\d\d$"}),
]
ClassName = Annotated[str, Field(min_length=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# JSON, in which plans and runs keep a model, has no infinity.
RowsGrownBy = Annotated[float | None, Field(gt=1), AfterValidator(lambda value: None if value == inf else value)]


class TomlTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def table_in(annotation: Any) -> type[TomlTable] | None:
    """The table that a key may hold, by itself, by name or several times; None where it is a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, TomlTable):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := table_in(part))), None)


def _declared(table: TomlTable) -> dict[str, Any]:
    """What its file says; the rest follows from elsewhere."""
    return {name: getattr(table, name) for name in table.model_fields_set}


class _ColumnTable(TomlTable):
    kind: Annotated[FeatureKind, Field(examples=['kind = "numeric"'])]
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    maximum_missing: Annotated[float, Field(ge=0, le=1)] | None = None
    description: str = ""


class _BatchTable(TomlTable):
    minimum_rows: Count = BatchSize().minimum_rows
    maximum_rows: Count | None = None
    every: Duration | None = None


def _of_format(key: str) -> AfterValidator:
    def check(value: str) -> str:
        if fault := file_format_fault(key, value):
            raise ValueError(fault)
        return value

    return AfterValidator(check)


_Dates = Annotated[
    str,
    _of_format("dates"),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(DateOrder)}|.*%.*)$"}),
]


class _FormatTable(TomlTable):
    separator: Annotated[str, _of_format("separator"), Field(min_length=1, max_length=1)] | None = None
    decimal: Annotated[str, _of_format("decimal"), WithJsonSchema({"enum": DECIMALS})] | None = None
    thousands: Annotated[str, _of_format("thousands"), WithJsonSchema({"enum": THOUSANDS})] | None = None
    encoding: Annotated[str, _of_format("encoding")] | None = None
    dates: _Dates | None = None


class GroupFile(TomlTable):
    entity_key: Annotated[str, Field(examples=['entity_key = "trip_id"'])]
    event_time: Annotated[str, Field(examples=['event_time = "departed_at"'])]
    columns: Annotated[
        dict[str, _ColumnTable], Field(min_length=1, examples=['[columns] with distance = { kind = "numeric" }'])
    ]
    owner: str = ""
    description: str = ""
    freshness: Duration | None = None
    time_zone: UtcOffset | None = None
    batch: _BatchTable = _BatchTable()
    format: _FormatTable = _FormatTable()

    def to_group(self, name: str) -> FeatureGroup:
        return FeatureGroup(
            name=name,
            entity_key=self.entity_key,
            event_time=self.event_time,
            columns=tuple(Column(name=key, **dict(column)) for key, column in self.columns.items()),
            owner=self.owner,
            description=self.description,
            freshness=self.freshness,
            utc_offset=self.time_zone,
            batch=BatchSize(**dict(self.batch)),
            format=FileFormat(**dict(self.format)),
        )


def _expand_columns(value: object) -> object:
    """`flights = ["carrier", …]` is short for a table with these columns."""
    return {"columns": value} if isinstance(value, list) else value


class FeaturesTable(TomlTable):
    """Of the model's own group, the first, only `columns`."""

    columns: Annotated[list[str], Field(min_length=1)]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        table = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [table, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}

    key: str | None = None
    maximum_age: Duration | None = None
    known_by: KnownBy | None = None

    def to_joined(self, group: FeatureGroup) -> JoinedGroup:
        if self.key is None or self.maximum_age is None:
            raise ValueError(f"features.{group.name}: key and maximum_age are needed")
        return JoinedGroup(
            group=group,
            feature_names=tuple(self.columns),
            key=self.key,
            maximum_age=self.maximum_age,
            known_by=self.known_by or KnownBy.TRAINING,
        )


class _LabelTable(TomlTable):
    name: Annotated[str, Field(examples=['name = "late"'])]
    latency: Annotated[Duration, Field(examples=['latency = "7d", how long after its row a label is known'])]
    classes: Annotated[tuple[ClassName, ...], Field(examples=['classes = ["no", "yes"]'])] = ()
    absent: Annotated[float, Field(allow_inf_nan=False)] | ClassName | None = None
    minimum_coverage: Annotated[float, Field(gt=0, le=1)] | None = None
    of_predictions: bool = False

    def to_label(self) -> LabelSpec:
        absent = self.classes.index(str(self.absent)) if self.classes and self.absent is not None else self.absent
        return LabelSpec(
            name=self.name,
            latency=self.latency,
            absent=None if absent is None else float(absent),
            minimum_coverage=self.minimum_coverage,
            of_predictions=self.of_predictions,
            classes=self.classes,
        )


class _DriftTable(TomlTable):
    drifted_batches: Count = DriftPolicy().drifted_batches
    of_last: Count = DriftPolicy().of_last
    rule: DriftRule = DriftPolicy().rule
    psi_threshold: NonNegative | None = DriftPolicy().psi_threshold
    minimum_rows: Count = DriftPolicy().minimum_rows
    minimum_features: Count = DriftPolicy().minimum_features
    quarantine_faults: bool = DriftPolicy().quarantine_faults


class _TriggersTable(TomlTable):
    drift: _DriftTable = _DriftTable()
    every: Duration | None = None
    rows_grown_by: RowsGrownBy = TriggerPolicy().rows_grown_by
    cooldown: Duration | None = None
    labels_overdue_after: Duration | None = None
    rejections_before_escalation: Count = TriggerPolicy().rejections_before_escalation
    quarantines_before_escalation: Count = TriggerPolicy().quarantines_before_escalation
    retrainings_per_month: Count | None = TriggerPolicy().retrainings_per_month
    quiet: tuple[Quiet, ...] = TriggerPolicy().quiet

    def to_policy(self, defaults: TriggerPolicy) -> TriggerPolicy:
        return replace(defaults, **_declared(self) | {"drift": DriftPolicy(**dict(self.drift))})


def _window(value: object) -> timedelta | MovingWindow:
    if value in tuple(MovingWindow):
        return MovingWindow(str(value))
    try:
        return _duration(value)
    except ValueError:
        raise ValueError(f'a window is a duration such as "28d", or one of {", ".join(MovingWindow)}') from None


_Window = Annotated[
    timedelta | MovingWindow,
    BeforeValidator(_window),
    WithJsonSchema({"type": "string", "pattern": rf"({DURATION})|^({'|'.join(MovingWindow)})$"}),
]


class _SearchTable(TomlTable):
    parameters: dict[str, Annotated[list[ParameterValue], Field(min_length=1)]] = {}
    method: SearchMethod = SearchSpace().method
    concurrency: Annotated[int, Field(ge=1, le=40)] = SearchSpace().concurrency


class _TrainingTable(TomlTable):
    windows: Annotated[list[_Window], Field(min_length=1)] | None = None
    validation: Duration | None = None
    gate: Duration | None = None
    embargo: Duration | None = None
    minimum_rows: Count | None = None
    search: _SearchTable = _SearchTable()
    spot: bool = True
    refit: bool = True
    label_weights: bool = True

    def to_policy(self, defaults: TrainingPolicy) -> TrainingPolicy:
        search = dict(self.search)
        parameters = {name: tuple(values) for name, values in search.pop("parameters").items()}
        declared = _declared(self) | {"search": SearchSpace(parameters=parameters, **search)}
        if self.windows is not None:
            declared["windows"] = tuple(sorted(each for each in self.windows if isinstance(each, timedelta)))
            declared["moving_windows"] = tuple(each for each in self.windows if isinstance(each, MovingWindow))
        return replace(defaults, **declared)


class _SliceTable(TomlTable):
    column: Annotated[str, Field(examples=['column = "region"'])]
    margin: Annotated[NonNegative, Field(examples=["margin = 0.05, in units of the metric"])]
    minimum_rows: Count = 200


_GUARDS: Mapping[str, Guard] = {each.value: each for each in (*Metric, *GuardMetric)}


def _guard(value: object) -> Guard:
    if str(value) not in _GUARDS:
        raise ValueError(f"a guard is one of {', '.join(_GUARDS)}")
    return _GUARDS[str(value)]


_Guard = Annotated[Guard, BeforeValidator(_guard), WithJsonSchema({"type": "string", "enum": list(_GUARDS)})]


class _GateTable(TomlTable):
    margin: NonNegative | None = None
    floor: Annotated[float, Field(allow_inf_nan=False)] | None = None
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    superiority: bool = False
    slices: list[_SliceTable] = []
    guards: dict[_Guard, NonNegative] = {}
    minimum_rows: Annotated[int, Field(ge=2)] = GatePolicy().minimum_rows
    minimum_days: Count = GatePolicy().minimum_days
    approval: bool = GatePolicy().approval
    approval_timeout: Duration = GatePolicy().approval_timeout


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CostTable(TomlTable):
    retraining: Positive | None = None
    container_hour: NonNegative = CostPolicy().container_hour
    worth_per_row: Positive | None = None
    per_month: Positive | None = None


class _TaskTable(TomlTable):
    cpu: int = TaskSize().cpu
    memory_mib: int = TaskSize().memory_mib


class _EndpointTable(TomlTable):
    log_share: Annotated[float, Field(ge=0, le=1)] = EndpointPolicy().log_share
    explore: Annotated[float, Field(ge=0, le=1)] = EndpointPolicy().explore
    tier: Tier = EndpointPolicy().tier


def _growing(steps: list[float]) -> list[float]:
    if any(later <= earlier for earlier, later in pairwise(steps)) or steps[-1] != 1:
        raise ValueError("shares of the requests that grow, and end with 1.0, such as [0.05, 0.25, 1.0]")
    return steps


Share = Annotated[float, Field(ge=0, le=1)]


class _RolloutTable(TomlTable):
    steps: Annotated[list[Share], Field(min_length=1, max_length=10), AfterValidator(_growing)] = list(
        RolloutPolicy().steps
    )
    bake: Duration = RolloutPolicy().bake
    slow_after_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = RolloutPolicy().slow_after_ms

    def to_policy(self) -> RolloutPolicy:
        return RolloutPolicy(steps=tuple(self.steps), bake=self.bake, slow_after_ms=self.slow_after_ms)


MEDIAN = 0.5

OWN_METRIC = r"^[a-z][a-z0-9_]*_(score|error|loss)$"
"""The name of a function that is a metric."""

KNOWN_METRICS = (*(each.value for each in Metric), PINBALL_LOSS)

_MetricName = Annotated[
    str, WithJsonSchema({"anyOf": [{"enum": list(KNOWN_METRICS)}, {"type": "string", "pattern": OWN_METRIC}]})
]


class ModelFile(TomlTable):
    title: str = ""
    task: Task | None = None
    metric: _MetricName | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    features: Annotated[
        dict[str, Annotated[FeaturesTable, BeforeValidator(_expand_columns)]],
        Field(
            min_length=1, examples=['[features] with trips = ["distance", "region"], columns of features/trips.toml']
        ),
    ]
    label: Annotated[_LabelTable, Field(examples=['[label] with name = "late" and latency = "7d"'])]
    training: _TrainingTable = _TrainingTable()
    gate: _GateTable = _GateTable()
    triggers: _TriggersTable = _TriggersTable()
    cost: CostTable = CostTable()
    task_size: _TaskTable | None = None
    endpoint: _EndpointTable = _EndpointTable()
    rollout: _RolloutTable = _RolloutTable()

    @property
    def task_or_default(self) -> Task:
        if self.task is not None:
            return self.task
        return Task.CLASSIFICATION if self._known_metric is None else self._known_metric.task

    @property
    def is_multiclass(self) -> bool:
        return len(self.label.classes) > 2

    @property
    def metric_or_default(self) -> ModelMetric:
        """A function of the model's own, where nobody else knows the name."""
        if self.metric is None:
            return default_metric(self.task_or_default, is_multiclass=self.is_multiclass)
        return self._known_metric or OwnMetric(self.metric, self.task_or_default)

    @property
    def _known_metric(self) -> ModelMetric | None:
        if self.metric == PINBALL_LOSS:
            return PinballLoss(self.quantile or MEDIAN)
        return Metric(self.metric) if self.metric in tuple(Metric) else None

    def to_model(self, name: str, groups: Mapping[str, FeatureGroup]) -> ModelSpec:
        (own, features), *others = self.features.items()
        batch, latency = groups[own].batch.every or USUAL_BATCH, self.label.latency
        gate = dict(self.gate) | {"slices": tuple(SliceSpec(**dict(entry)) for entry in self.gate.slices)}
        return ModelSpec(
            name=name,
            title=self.title or name,
            task=self.task_or_default,
            metric=self.metric_or_default,
            group=groups[own],
            feature_names=(*features.columns, *(column for _, other in others for column in other.columns)),
            joined=tuple(other.to_joined(groups[group]) for group, other in others),
            label=self.label.to_label(),
            triggers=self.triggers.to_policy(default_triggers(batch, latency=latency)),
            training=self.training.to_policy(default_training(batch, latency=latency)),
            gate=GatePolicy(**gate),
            cost=CostPolicy(**dict(self.cost)),
            task_size=None if self.task_size is None else TaskSize(**dict(self.task_size)),
            endpoint=EndpointPolicy(**dict(self.endpoint)),
            rollout=self.rollout.to_policy(),
        )

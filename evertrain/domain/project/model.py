"""What a model folder declares, and all of them as a project. Values only: reading TOML is an adapter's work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from evertrain.domain.project.feature_group import Column, FeatureGroup, JoinedGroup
from evertrain.domain.project.metric import ModelMetric, Task
from evertrain.domain.project.policies import (
    CostPolicy,
    EndpointPolicy,
    GatePolicy,
    RolloutPolicy,
    TaskSize,
    TrainingPolicy,
    TriggerPolicy,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """The ground truth: its column, and how long after the event it is known for nearly every row.

    `absent`: what a row without a label counts as once its latency has passed, such as 0 where only the exceptions
    are reported; by default it is unknown, and not used. `minimum_coverage`: the share of a day's rows that must have
    a label for the day to count as complete. `of_predictions`: labels may also name a prediction; what the endpoint
    was asked is then a row to train on, as it was asked. `classes`: how labels name the classes: two, the one last
    whose probability is predicted, or more, of which each one's is; empty where labels are 0 and 1. Within Evertrain
    a label is the class's number.
    """

    name: str
    latency: timedelta
    absent: float | None = None
    minimum_coverage: float | None = None
    of_predictions: bool = False
    classes: tuple[str, ...] = ()

    def told(self, value: float) -> str:
        """A label as people know it."""
        return self.classes[int(value)] if self.classes else f"{value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model folder: everything that Evertrain knows of a model besides its estimator.

    `group`: whose rows are predicted. `feature_names`: all of them, those of joined groups too.
    """

    name: str
    title: str
    task: Task
    metric: ModelMetric
    group: FeatureGroup
    feature_names: tuple[str, ...]
    label: LabelSpec
    triggers: TriggerPolicy
    training: TrainingPolicy
    gate: GatePolicy
    cost: CostPolicy = field(default_factory=CostPolicy)
    task_size: TaskSize | None = None
    """None where it is to be estimated from rows and columns."""
    endpoint: EndpointPolicy = field(default_factory=EndpointPolicy)
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    joined: tuple[JoinedGroup, ...] = ()

    @property
    def is_multiclass(self) -> bool:
        """Whether it tells more than two classes apart, and so predicts a probability of each."""
        return len(self.label.classes) > 2

    @property
    def prediction_columns(self) -> int | None:
        """How many probabilities a row's prediction is; None where it is a single number."""
        return len(self.label.classes) if self.is_multiclass else None

    @property
    def groups(self) -> tuple[FeatureGroup, ...]:
        return (self.group, *(joined.group for joined in self.joined))

    @property
    def features(self) -> tuple[Column, ...]:
        group_of_feature = {name: joined.group for joined in self.joined for name in joined.feature_names}
        return tuple(group_of_feature.get(name, self.group).column(name) for name in self.feature_names)

    def feature_names_from(self, group: str) -> tuple[str, ...]:
        """The features that are drawn from this group."""
        joined = {each.group.name: each.feature_names for each in self.joined}
        if group != self.group.name:
            return joined[group]
        foreign = {name for names in joined.values() for name in names}
        return tuple(name for name in self.feature_names if name not in foreign)

    def missing_features(self, names: Sequence[str]) -> list[str]:
        """Those of these that no group of the model has any more: a model may have lost some since it was trained."""
        return [name for name in names if not any(group.has_column(name) for group in self.groups)]

    def with_features(self, names: Sequence[str]) -> "ModelSpec":
        """With these features too, as far as a group of the model has them."""
        group_of_feature = {
            name: group.name
            for group in reversed(self.groups)  # the model's own group comes first, and last here
            for name in names
            if group.has_column(name) and name not in self.feature_names
        }
        joined = []
        for each in self.joined:
            added = [name for name, home in group_of_feature.items() if home == each.group.name]
            joined.append(replace(each, feature_names=(*each.feature_names, *added)))
        return replace(self, feature_names=(*self.feature_names, *group_of_feature), joined=tuple(joined))


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Every feature group and every model of an organisation, by name."""

    groups: Mapping[str, FeatureGroup]
    models: Mapping[str, ModelSpec]

    def models_using(self, group: str) -> tuple[ModelSpec, ...]:
        """The models that draw features from this group, by name."""
        named = (self.models[name] for name in sorted(self.models))
        return tuple(spec for spec in named if group in (each.name for each in spec.groups))

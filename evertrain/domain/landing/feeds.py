"""The columns of each feed, as they land and as the feature store keeps them. In no library's types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evertrain.domain.landing.batches import Fault, Feed, FeedKind
from evertrain.domain.landing.predictions import (
    EXPLORE_SHARE,
    EXPLORED,
    MODEL_VERSION,
    PREDICTED_CLASS,
    PREDICTION,
    PREDICTION_ID,
)
from evertrain.domain.project.feature_group import BatchSize, Column, FeatureKind
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.prediction import probability_columns

EVENT_TIME, INGESTED_AT = "event_time", "ingested_at"

INGESTED_MONTH = "ingested_month"
"""Tables are partitioned by this column. A batch's file belongs to one month, and a month that has passed is sorted
once."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""

MIN_EVENT_TIME = datetime(1900, 1, 1, tzinfo=UTC)
"""An earlier time was never set, or was read in the wrong unit. Nanoseconds would not reach much further back
either."""


def group_feed(group: str) -> Feed:
    return Feed(kind=FeedKind.FEATURES, name=group)


def own_group_feed(spec: ModelSpec) -> Feed:
    """Of the group whose rows the model predicts."""
    return group_feed(spec.group.name)


def label_feed(spec: ModelSpec) -> Feed:
    return Feed(kind=FeedKind.LABELS, name=spec.name)


def prediction_feed(spec: ModelSpec) -> Feed:
    return Feed(kind=FeedKind.PREDICTIONS, name=spec.name)


def prediction_label_feed(spec: ModelSpec) -> Feed:
    return Feed(kind=FeedKind.PREDICTION_LABELS, name=spec.name)


def label_feeds(spec: ModelSpec) -> tuple[Feed, ...]:
    """Of its group's rows first."""
    return (label_feed(spec), *([prediction_label_feed(spec)] if spec.label.of_predictions else []))


def required_feeds(spec: ModelSpec) -> tuple[Feed, ...]:
    """What a model cannot be trained without: its own group, those that are joined to it, its labels."""
    return (*(group_feed(group.name) for group in spec.groups), label_feed(spec))


def request_feeds(spec: ModelSpec) -> tuple[Feed, ...]:
    """What the model is also trained on, once its endpoint has been called and labels of the predictions have
    landed."""
    return (prediction_feed(spec), prediction_label_feed(spec)) if spec.label.of_predictions else ()


def all_feeds(project: Project) -> tuple[Feed, ...]:
    groups = (group_feed(name) for name in sorted(project.groups))
    models = [project.models[name] for name in sorted(project.models)]
    return (
        *groups,
        *(label_feed(spec) for spec in models),
        *(prediction_feed(spec) for spec in models),
        *(prediction_label_feed(spec) for spec in models if spec.label.of_predictions),
    )


def key_column(feed: Feed, project: Project) -> str:
    return feed_schema(feed, project).key


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSchema:
    """The columns of a feed. `key` and `event_time_column`: their names in a landed batch. `columns`: the features;
    the label; or the prediction with the features that it was made for."""

    key: str
    event_time_column: str
    columns: tuple[Column, ...]
    batch: BatchSize
    is_binary: bool
    """The only column is a label that is 0 or 1."""
    label: str = ""
    """The column that is the label, of a feed of labels."""
    classes: tuple[str, ...] = ()
    """How the label's classes are named, where they are not 0 and 1."""
    group: str = ""
    """The group that declares what a time without a zone means. Empty for predictions: we write their times
    ourselves."""
    utc_offset: timedelta | None = None
    """As the group declares it."""
    format: FileFormat = UNDECLARED
    """As the group declares it: of its labels, too."""
    may_be_left_out: tuple[str, ...] = ()
    """Columns that a landed file need not have, and that then have no value."""


def feed_schema(feed: Feed, project: Project) -> FeedSchema:
    """The feed is one of the project's."""
    if feed.kind is FeedKind.FEATURES:
        group = project.groups[feed.name]
        return FeedSchema(
            key=group.entity_key,
            event_time_column=group.event_time,
            columns=group.columns,
            batch=group.batch,
            is_binary=False,
            group=group.name,
            utc_offset=group.utc_offset,
            format=group.format,
        )
    spec = project.models[feed.name]
    if feed.kind is FeedKind.PREDICTIONS:
        return prediction_schema(spec)
    names_prediction = feed.kind is FeedKind.PREDICTION_LABELS
    return FeedSchema(
        key=PREDICTION_ID if names_prediction else spec.group.entity_key,
        event_time_column=EVENT_TIME if names_prediction else spec.group.event_time,
        columns=(Column(name=spec.label.name, kind=FeatureKind.NUMERIC),),
        batch=BatchSize(),
        is_binary=spec.task is Task.CLASSIFICATION and not spec.is_multiclass,
        label=spec.label.name,
        classes=spec.label.classes,
        group=spec.group.name,
        utc_offset=spec.group.utc_offset,
        format=spec.group.format,
    )


def class_columns(spec: ModelSpec) -> tuple[Column, ...]:
    """Of a landed prediction of more than two classes: the most probable one, and the probability of each."""
    if not spec.is_multiclass:
        return ()
    probabilities = probability_columns(spec.label.classes)
    return (
        Column(name=PREDICTED_CLASS, kind=FeatureKind.CATEGORICAL, nullable=True),
        *(Column(name=name, kind=FeatureKind.NUMERIC, nullable=True) for name in probabilities),
    )


def prediction_schema(spec: ModelSpec) -> FeedSchema:
    # What was asked has happened: no bound and no missing value makes it wrong afterwards.
    features = (Column(name=feature.name, kind=feature.kind, nullable=True) for feature in spec.features)
    return FeedSchema(
        key=PREDICTION_ID,
        event_time_column=EVENT_TIME,
        columns=(
            Column(name=MODEL_VERSION, kind=FeatureKind.CATEGORICAL),
            Column(name=PREDICTION, kind=FeatureKind.NUMERIC),
            *class_columns(spec),
            Column(name=EXPLORED, kind=FeatureKind.BOOLEAN, nullable=True),
            Column(name=EXPLORE_SHARE, kind=FeatureKind.NUMERIC, nullable=True),
            *features,
        ),
        batch=BatchSize(),
        is_binary=False,
        may_be_left_out=(EXPLORED, EXPLORE_SHARE, *(column.name for column in class_columns(spec))),
    )


def schema_faults(feed: Feed, project: Project, stored: Mapping[str, FeatureKind], *, key: str) -> list[Fault]:
    """Why rows as they are declared now cannot be added to the feed's table.

    `stored`: the table's columns so far, besides its `key`. A new column is no fault: earlier rows have no value in
    it.
    """
    schema = feed_schema(feed, project)
    declared = {column.name: column.kind for column in schema.columns}
    file = f"features/{feed.name}.toml" if feed.kind is FeedKind.FEATURES else f"models/{feed.name}/model.toml"
    faults = []
    if key not in ("", schema.key):  # unknown of a table that was last committed to by an earlier release
        description = (
            f"the table {feed} names its rows by {key}, not by {schema.key}; name them as before, or a new group"
        )
        faults.append(Fault(code="key_renamed", column=schema.key, message=f"{schema.key}: {description}"))
    for name, kind in stored.items():
        if name not in declared:
            # What was asked of an earlier version of the model stays in its log.
            if feed.kind is FeedKind.PREDICTIONS:
                continue
            description = (
                f"the table {feed} has this column, {file} no longer declares it; declare it, or name a new group"
            )
            faults.append(Fault(code="column_removed", column=name, message=f"{name}: {description}"))
        elif declared[name] is not kind:
            description = (
                f"{kind.value} in the table {feed}, {declared[name].value} in {file}; give another type another name"
            )
            faults.append(Fault(code="column_retyped", column=name, message=f"{name}: {description}"))
    return faults

"""A model without a folder: what its columns are, and how it is trained and judged, from the rows alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.monitoring.column_kinds import is_index, look_like_identifiers
from evertrain.domain.project.defaults import USUAL_BATCH, default_metric, default_training, default_triggers
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.metric import Metric, Task, known_metrics
from evertrain.domain.project.model import LabelSpec, ModelSpec
from evertrain.domain.project.policies import GatePolicy
from evertrain.domain.training.gate import default_margin
from evertrain.replay.history import History, InvalidHistory, require_columns
from evertrain.replay.label_classes import label_classes
from evertrain.replay.raw_rows import RawRows
from evertrain.statistics.metrics import constant_score

MAX_LEVELS = 250
"""Categories of a column. Boosted trees split by no more."""

ROW_NUMBER = "row_number"

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What one's own rows are made of. None where it is to be found out. `positive`: of a label of text, the class
    whose probability is predicted."""

    label: str
    positive: str | None = None
    event_time: str | None = None
    key: str | None = None
    label_time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """`rows`: with a key. `left_out`: columns that are no features, and why."""

    spec: ModelSpec
    rows: RawRows
    left_out: dict[str, str]


def infer_model(
    raw: RawRows,
    columns: Columns,
    *,
    name: str,
    latency: timedelta,
    metric: Metric | None,
    task: Task | None = None,
) -> Inferred:
    """What is to be predicted from what. How it is trained and judged is for `with_default_policies`, once the rows
    have become batches. `task`: what the estimator does, where that is known: whole numbers may be classes, or count
    something. Raises InvalidHistory."""
    event_time = columns.event_time or _only_time(raw)
    require_columns(raw, [columns.label, event_time, columns.key, columns.label_time])
    if columns.key is None:
        raw = raw.with_column(ROW_NUMBER, pa.array(np.arange(raw.table.num_rows)))
    key = columns.key or ROW_NUMBER
    left_out: dict[str, str] = {}
    features = tuple(_features(raw, {columns.label, event_time, key, columns.label_time}, left_out))
    if not features:
        why = "; ".join(f"{column}: {reason}" for column, reason in left_out.items())
        raise InvalidHistory(f"{raw.name} has no column to learn from" + (f" ({why})" if why else ""))
    group = FeatureGroup(name=name, entity_key=key, event_time=event_time, columns=features, utc_offset=timedelta(0))
    counts_something = Task.REGRESSION in (task, None if metric is None else metric.task)
    classes = label_classes(raw, columns.label, positive=columns.positive, may_be_numbers=not counts_something)
    label = np.array([0.0, 1.0]) if classes else _numbers(raw, columns.label)
    task = Task.CLASSIFICATION if set(np.unique(label)) <= {0.0, 1.0} else Task.REGRESSION
    is_multiclass = len(classes) > 2
    if metric is not None and (is_multiclass or metric.task is Task.CLASSIFICATION):
        _require_metric(metric, columns.label, task, classes)
    spec = ModelSpec(
        name=name,
        title=f"{columns.label} of {raw.name}",
        task=task if metric is None else metric.task,
        metric=metric or default_metric(task, is_multiclass=is_multiclass),
        group=group,
        feature_names=tuple(feature.name for feature in features),
        label=LabelSpec(name=columns.label, latency=latency, classes=classes),
        triggers=default_triggers(USUAL_BATCH, latency=latency),
        training=default_training(USUAL_BATCH, latency=latency),
        gate=GatePolicy(),
    )
    return Inferred(spec=spec, rows=raw, left_out=left_out)


def with_default_policies(history: History) -> History:
    """Windows, slices and thresholds from how long a batch is and how many rows it has, and from the label."""
    spec, batch = history.spec, history.batch
    rows = max(1.0, history.table.num_rows / len(history.steps))
    known = history.truth[~np.isnan(history.truth)]
    constant = constant_score(history.metric, known, classes=spec.prediction_columns)
    return replace(
        history,
        spec=replace(
            spec,
            triggers=default_triggers(batch, latency=spec.label.latency, rows=rows),
            training=default_training(batch, latency=spec.label.latency, rows=rows),
            # As a gate would have it of these rows, but the same for all gates.
            gate=GatePolicy(margin=default_margin(spec.metric, constant), floor=constant),
        ),
    )


def _only_time(raw: RawRows) -> str:
    times = [name for name in raw.names if pa.types.is_timestamp(raw.table[name].type)]
    if len(times) != 1:
        found = f"{', '.join(times)} are all times" if times else "no column holds times"
        raise InvalidHistory(f"{raw.name}: {found}; name the one that says when a row happened by --event-time")
    return times[0]


def _features(raw: RawRows, others: set[str | None], left_out: dict[str, str]) -> Iterator[Column]:
    for name in raw.names:
        if name in others:
            continue
        kind, reason = _kind(name, raw.table[name])
        if kind is None:
            left_out[name] = reason
        else:
            # As `init` would declare it: what fits on such rows need not provide for others.
            yield Column(name=name, kind=kind, nullable=count_missing(raw.table[name]) > 0)


def count_missing(values: pa.ChunkedArray) -> int:
    """Values that are null, or no number where one should be."""
    return int(pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0)


def _kind(name: str, values: pa.ChunkedArray) -> tuple[FeatureKind | None, str]:
    """The kind of a column, or why it is no feature."""
    if is_index(name, values):
        return None, "the index of what wrote the file"
    if values.null_count == len(values):
        return None, "it has no value"
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        reason = _why_no_category(values)
        return (None, reason) if reason else (FeatureKind.CATEGORICAL, "")
    for kind, is_of in _KINDS.items():
        if is_of(values.type):
            return kind, ""
    return None, f"its values are of type {values.type}"


_KINDS = {
    FeatureKind.BOOLEAN: pa.types.is_boolean,
    FeatureKind.TIMESTAMP: pa.types.is_timestamp,
    FeatureKind.NUMERIC: lambda kind: (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    ),
}


def _why_no_category(values: pa.ChunkedArray) -> str:
    levels, filled = pc.count_distinct(values).as_py(), len(values) - values.null_count
    if look_like_identifiers(levels, filled):
        return f"{levels:,} different texts in {filled:,} rows look like an identifier"
    return f"{levels:,} different texts, more than {MAX_LEVELS}" if levels > MAX_LEVELS else ""


def _require_metric(metric: Metric, label: str, task: Task, classes: Sequence[str]) -> None:
    if metric not in (known := known_metrics(task, is_multiclass=len(classes) > 2)):
        held = f"has {max(2, len(classes))} classes" if task is Task.CLASSIFICATION else "holds numbers, not classes"
        raise InvalidHistory(f"--metric {metric}: {label} {held}; allowed: {', '.join(known)}")


def _numbers(raw: RawRows, name: str) -> Numbers:
    """The label's known values, for defaults; whether they are any is checked when the history is read."""
    values = raw.table[name]
    if pa.types.is_boolean(values.type):
        values = pc.cast(values, pa.int8())
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise InvalidHistory(
            f"{raw.name}: {name} is of type {values.type}; a class is a word, or 0 or 1, and what else is "
            "predicted is a number"
        )
    numbers = np.asarray(pc.cast(values, pa.float64()).drop_null().to_numpy(), dtype=np.float64)
    return numbers[np.isfinite(numbers)]

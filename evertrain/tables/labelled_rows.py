"""Rows with their ground truth, in the shapes that training, scoring and the statistics want."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.landing.predictions import LABEL_WEIGHT
from evertrain.domain.monitoring.performance import DayPerformance
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.store.snapshot import Snapshot
from evertrain.domain.training.evaluation import DatasetSnapshot, UnusableRows, Weighting
from evertrain.domain.training.plan import TrainingPlan
from evertrain.scoring import FlatModel, ServableModel
from evertrain.statistics.label_weights import effective_count
from evertrain.statistics.layouts import Column
from evertrain.statistics.performance import performance_by_day
from evertrain.tables.columnar_model import predict_columns
from evertrain.tables.columns import as_column
from evertrain.tables.digest import table_digest

Value = bool | float | str | None

ROWS_PER_PREDICT_CALL = 50_000


class TrainingRows(Protocol):
    """What a snapshot of the store holds, such as that of a plan. Times among the features are ages."""

    def read_labelled(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """Entity key, `event_time`, the spec's features and its label, for the rows that have one; and their
        `label_weight` where the model explores."""

    def read_features(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """`event_time` and the spec's features, for every row of the model's own group, labelled or not."""

    def read_group(self, spec: ModelSpec, group: str, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """A feature group's own rows, labelled or not: `event_time`, and what the spec draws from it."""


@dataclass(frozen=True)
class LabelledRows:
    """Some rows of a model, such as a slice of a plan. `name` is what an error calls it, such as `window 28d`."""

    name: str
    table: pa.Table
    spec: ModelSpec

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def truth(self) -> npt.NDArray[np.float64]:
        """Shape (rows,): the class's number where one is predicted, else the number."""
        labels = pc.cast(self.table[self.spec.label.name], pa.float64())
        return np.asarray(labels.to_numpy(), dtype=np.float64)

    @property
    def unseen_classes(self) -> list[str]:
        """Of more than two, those that no row is of: an estimator fitted on these rows gives them no probability."""
        seen = {int(number) for number in np.unique(self.truth)} if self.spec.is_multiclass else set()
        return [name for number, name in enumerate(self.spec.label.classes) if seen and number not in seen]

    @cached_property
    def weights(self) -> npt.NDArray[np.float64] | None:
        """Shape (rows,): how many rows each one stands for; None where each is one."""
        if LABEL_WEIGHT not in self.table.column_names:
            return None
        return np.asarray(self.table[LABEL_WEIGHT].to_numpy(), dtype=np.float64)

    @cached_property
    def days(self) -> npt.NDArray[np.int64]:
        """Shape (rows,): the UTC day of each row. Rows of a day share weather and delays, so intervals count days."""
        return utc_days(self.table)

    def snapshot(self, plan: TrainingPlan, rows: Interval) -> DatasetSnapshot:
        return DatasetSnapshot(
            rows=rows,
            known_at=plan.known_at,
            table_versions=plan.table_versions,
            count=len(self),
            sha256=table_digest(self.table),
            weighted=None if self.weights is None else _weighting(self.weights),
        )

    def take_every(self, nth: int) -> "LabelledRows":
        """The first of each `nth` rows, in their order of time."""
        return self if nth == 1 else replace(self, table=self.table.take(np.arange(0, len(self), nth)))

    def to_records(self, names: Sequence[str]) -> list[dict[str, Value]]:
        """As a caller of the endpoint would send them: plain values, None for what is missing."""
        columns = [_without_nan(self.table[name]).to_pylist() for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def predict_with(self, model: ServableModel) -> npt.NDArray[np.float64]:
        """The artifact's predictions: shape (rows,), or (rows, classes) of more than two, in the order in which the
        model declares them now."""
        return predict_table(model, self.table, classes=self.spec.label.classes)

    def name_of(self, row: int) -> tuple[str, datetime]:
        """The key and the event time of a row, by its place."""
        time = self.table[EVENT_TIME][row].as_py()
        return str(self.table[self.spec.group.entity_key][row].as_py()), time

    def column(self, name: str) -> Column:
        """As the statistics want it."""
        return as_column(self.table[name])

    def levels(self, column: str) -> npt.NDArray[np.object_]:
        """Shape (rows,): the column's values as text, to group by."""
        return np.array([str(value) for value in self.table[column].to_pylist()], dtype=object)

    def require_usable(self, *, minimum_rows: int, minimum_days: int = 1) -> None:
        """Raises UnusableRows."""
        if len(self) < minimum_rows:
            raise UnusableRows(
                f"{self.spec.name}: {self.name} has {len(self)} labelled rows, {minimum_rows} are needed"
            )
        if (days := len(np.unique(self.days))) < minimum_days:
            raise UnusableRows(
                f"{self.spec.name}: {self.name} has labelled rows of {days} days, {minimum_days} are needed"
            )
        if self.spec.task is Task.CLASSIFICATION and len(np.unique(self.truth)) < 2:
            raise UnusableRows(
                f"{self.spec.name}: all {len(self)} rows of {self.name} have the label "
                f"{self.spec.label.name}={self.spec.label.told(self.truth[0])}, nothing can be told apart"
            )


@runtime_checkable
class TableModel(Protocol):
    """A model that knows how to answer many rows at once."""

    def predict_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Shape (rows,), or (rows, classes) of more than two: what `predict` answers to each row."""


def predict_table(model: ServableModel, table: pa.Table, *, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Shape (rows,), or (rows, classes) of more than two; 0 for those that were declared after it was trained. The
    model's own come first among `classes`: see `describe_other_classes`. Works in parts, so that little is in memory
    beside the rows."""
    starts = range(0, table.num_rows, ROWS_PER_PREDICT_CALL)
    parts = (table.slice(start, ROWS_PER_PREDICT_CALL) for start in starts)
    empty = np.empty((0, len(model.classes)) if len(model.classes) > 2 else 0)
    found = np.concatenate([_predict_part(model, part) for part in parts] or [empty])
    if len(classes) <= 2:
        return found
    of_classes = found if found.ndim > 1 else np.stack([1 - found, found], axis=1)
    return np.pad(of_classes, [(0, 0), (0, len(classes) - of_classes.shape[1])])


def _predict_part(model: ServableModel, part: pa.Table) -> npt.NDArray[np.float64]:
    if isinstance(model, FlatModel):
        return predict_columns(model, part)
    if isinstance(model, TableModel):
        return model.predict_table(part)
    raise TypeError(f"{type(model).__name__} answers no tables")


def describe_other_classes(model: ServableModel, spec: ModelSpec) -> str:
    """Why its predictions cannot be compared with labels as they are declared now; empty where they can be."""
    before, now = model.classes, spec.label.classes
    if max(len(before), len(now)) <= 2 or before == now[: len(before)]:
        return ""
    return (
        f"label.classes were {', '.join(before)} when it was trained, and are {', '.join(now) or '0, 1'}; labels are "
        "kept by their place there, so keep that order and write new classes behind it"
    )


def are_finite(predictions: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Shape (rows,)."""
    finite = np.isfinite(predictions)
    return np.asarray(finite.all(axis=1) if finite.ndim > 1 else finite)


def performance_of(
    rows: LabelledRows, predictions: npt.NDArray[np.float64], *, until: datetime, with_worst: bool = False
) -> tuple[DayPerformance, ...]:
    """What these predictions are worth, by day; those that are no numbers are passed over. `until`: before which
    labels are complete. `with_worst`: also which rows were predicted worst."""
    usable = are_finite(predictions)
    if not usable.all():
        rows, predictions = replace(rows, table=rows.table.filter(pa.array(usable))), predictions[usable]
    with_levels = (each.name for each in rows.spec.features if each.kind in _KINDS_WITH_LEVELS)
    days = performance_by_day(
        rows.spec.metric,
        truth=rows.truth,
        predictions=predictions,
        days=rows.days,
        columns={name: rows.column(name) for name in with_levels},
        until=until,
        name_row=rows.name_of if with_worst else None,
        classes=rows.spec.label.classes if rows.spec.is_multiclass else (),
    )
    return tuple(days)


def _weighting(weights: npt.NDArray[np.float64]) -> Weighting:
    return Weighting(
        stands_for=float(weights.sum()), heaviest=float(weights.max()), effective_count=effective_count(weights)
    )


_KINDS_WITH_LEVELS = (FeatureKind.CATEGORICAL, FeatureKind.BOOLEAN)


def utc_days(table: pa.Table) -> npt.NDArray[np.int64]:
    """Shape (rows,): the UTC day of each row's `event_time`, counted from 1970."""
    times = table["event_time"].to_numpy().astype("datetime64[D]")
    return np.asarray(times.astype(np.int64))


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)

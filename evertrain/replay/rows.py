"""A history as the loop's use cases read it: batches that land, and the rows of a plan as they were known."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evertrain.domain.landing.batches import Feed, LandedObject
from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.store.snapshot import Snapshot
from evertrain.ports.batch_reader import BatchRejected
from evertrain.replay.history import History, Step, as_datetime64
from evertrain.tables.columns import as_column
from evertrain.tables.exclusion import without_times


@dataclass(frozen=True, kw_only=True)
class StepRows:
    """Implements `ports.batch_reader.BatchRows`: a batch of the history, which has been checked already."""

    table: pa.Table
    event_times: tuple[datetime, datetime]
    ingested_at: datetime

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    def parts(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        yield {name: as_column(self.table[name]) for name in names}

    @property
    def missing(self) -> Mapping[str, int]:
        return {name: self.table[name].null_count for name in self.table.column_names}

    @property
    def keys(self) -> Any:
        """None: their uniqueness has been checked."""
        return np.empty(0, dtype=np.uint64)

    @property
    def file(self) -> BinaryIO:
        """Empty: the history itself is the store."""
        return io.BytesIO()


@dataclass(frozen=True, kw_only=True)
class HistoryReader:
    """Implements `ports.batch_reader.BatchReader`: a landed object's key ends with the number of its step."""

    history: History

    @contextmanager
    def read(
        self, body: BinaryIO, *, name: str, feed: Feed, now: datetime, known_at: datetime | None = None
    ) -> Iterator[StepRows]:
        """`body`, `feed`: the history has the rows already."""
        step = self.history.steps[int(name.rpartition("/")[2])]
        if step.faults:
            raise BatchRejected(step.faults)
        times = self.history.event_times[step.rows]
        yield StepRows(
            table=self.history.table.slice(step.first, step.end - step.first),
            event_times=(as_utc(times[0]), as_utc(times[-1])),
            ingested_at=known_at or now,
        )


def landed_object(history: History, step: Step) -> LandedObject:
    return LandedObject(bucket="history", key=f"features/{history.spec.group.name}/{step.number}")


@dataclass(kw_only=True)
class KnownRows:
    """Implements `tables.labelled_rows.TrainingRows`. `accepted`: shape (rows,), whether a row's batch has landed and
    was not set aside."""

    history: History
    accepted: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.accepted = np.zeros(self.history.table.num_rows, dtype=bool)

    def accept(self, step: Step) -> None:
        self.accepted[step.rows] = True

    def read_labelled(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        found, label = self._within(rows), self.history.spec.label.name
        usable = self.accepted[found]
        known, truth = usable & self.history.known_by(snapshot.known_at, found), self.history.truth[found]
        if spec.label.absent is None:
            usable = known
        else:
            truth = np.where(known, truth, spec.label.absent)
        table = self.history.table.slice(found.start, found.stop - found.start).select(
            [spec.group.entity_key, EVENT_TIME, *spec.feature_names]
        )
        labelled = table.append_column(label, pa.array(truth)).filter(pa.array(usable))
        return without_times(labelled, snapshot.excluded)

    def read_group(self, spec: ModelSpec, group: str, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """The history has one group only."""
        return self.read_features(spec, snapshot, rows)

    def read_features(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        found = self._within(rows)
        table = self.history.table.slice(found.start, found.stop - found.start)
        accepted = table.filter(pa.array(self.accepted[found])).select([EVENT_TIME, *spec.feature_names])
        return without_times(accepted, snapshot.excluded)

    def _within(self, rows: Interval) -> slice:
        bounds = [as_datetime64(rows.start), as_datetime64(rows.end)]
        first, end = (int(each) for each in np.searchsorted(self.history.event_times, bounds))
        return slice(first, end)


def as_utc(time: np.datetime64) -> datetime:
    moment = time.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)  # type: ignore[no-any-return]

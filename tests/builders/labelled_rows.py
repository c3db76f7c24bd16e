"""Trips with their ground truth: made up, but with something to learn, missing values and a few rare carriers."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.landing.predictions import LABEL_WEIGHT
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.store.snapshot import Snapshot
from evertrain.tables.exclusion import without_times
from tests.builders.models import NOW, days


def labelled_trips(*, first: datetime = NOW - days(60), day_count: int = 60, rows_per_day: int = 60) -> pa.Table:
    """Late trips are windy and far; the columns of `models.a_group()` and the label of `models.a_model()`."""
    rng = np.random.default_rng(7)
    count = day_count * rows_per_day
    distance, wind = rng.uniform(100, 3_000, count), rng.gamma(2.0, 5.0, count)
    carrier = rng.choice(["UA", "DL", "WN"], count, p=[0.5, 0.4, 0.1])
    holiday = rng.random(count) < 0.1
    odds = (distance - 1_500) / 800 + (wind - 10) / 5 + (carrier == "WN") - 1 + 0.5 * holiday
    late = rng.random(count) < 1 / (1 + np.exp(-odds))
    times = [first + timedelta(minutes=1440 * i / rows_per_day) for i in range(count)]
    return pa.table(
        {
            "trip_id": [f"t{i}" for i in range(count)],
            "event_time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "distance": distance,
            "wind": pa.array(wind, mask=rng.random(count) < 0.1),
            "carrier": carrier.tolist(),
            "holiday": holiday,
            "late": late.astype(np.float64),
        }
    )


class InMemoryTrainingRows:
    """Reads a plan's slices from one table, as the feature store would."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def read_labelled(self, spec: ModelSpec, plan: Snapshot, rows: Interval) -> pa.Table:
        columns = [spec.group.entity_key, "event_time", *spec.feature_names, spec.label.name]
        if spec.endpoint.explore:
            columns.append(LABEL_WEIGHT)
        return without_times(self._within(rows).select(columns), plan.excluded)

    def read_group(self, spec: ModelSpec, group: str, plan: Snapshot, rows: Interval) -> pa.Table:
        return without_times(
            self._within(rows).select(["event_time", *spec.feature_names_from(group)]), plan.excluded
        )

    def read_features(self, spec: ModelSpec, plan: Snapshot, rows: Interval) -> pa.Table:
        return without_times(self._within(rows).select(["event_time", *spec.feature_names]), plan.excluded)

    def _within(self, rows: Interval) -> pa.Table:
        time = self.table["event_time"]
        start, end = (pa.scalar(moment, time.type) for moment in (rows.start, rows.end))
        return self.table.filter(pc.and_(pc.greater_equal(time, start), pc.less(time, end)))

"""The rows that a plan trains and judges on: features as they were valid at each row's time, with their labels.

All of it is read at the plan's table versions and as it was known when the plan was made, so the same plan gives the
same rows tomorrow, whatever lands, is corrected or compacted in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.landing.batches import Feed
from evertrain.domain.landing.feeds import (
    CLOCK_SKEW,
    EVENT_TIME,
    group_feed,
    label_feed,
    own_group_feed,
    prediction_feed,
    prediction_label_feed,
    request_feeds,
)
from evertrain.domain.landing.predictions import EXPLORE_SHARE, EXPLORED, LABEL_WEIGHT, PREDICTION, PREDICTION_ID
from evertrain.domain.project.feature_group import JoinedGroup
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.store.snapshot import Snapshot
from evertrain.ports.feature_store import TableReader
from evertrain.statistics.label_weights import label_weights
from evertrain.tables.columns import ARROW_TYPES, concat_in_one_chunk, with_ages
from evertrain.tables.exclusion import without_times
from evertrain.tables.point_in_time import (
    as_of_indices,
    latest_known,
    latest_known_by_key,
    sort_by_time,
    take_or_null,
)

ReadPart = Callable[[ModelSpec, Snapshot, Interval], pa.Table]

SAME_TIME = timedelta(0)

ROWS_PER_CHUNK = 500_000
"""So many are read, sorted and matched with their labels at a time: what that takes does not grow with the window."""

MAX_CLOCK_ERROR = timedelta(days=30)
"""A label may carry a time this much before its prediction, because of a wrong clock, and still not count as
missing."""


@dataclass(frozen=True, kw_only=True)
class StoredTrainingRows:
    """Implements `labelled_rows.TrainingRows` on the feature store."""

    tables: TableReader[pa.Table]
    rows_per_chunk: int = ROWS_PER_CHUNK

    def read_labelled(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """One row for each key and event time of the model's own group that has a label of the same key and time.

        Where labels may name predictions, also one for each labelled row that the endpoint was asked, whose key is
        the prediction's id; and where the model explores, how many rows each one stands for, which is one of its
        group's. Of what was corrected, what was known last. Ordered by time and key.
        """
        key = spec.group.entity_key
        columns = [key, EVENT_TIME, *spec.feature_names, spec.label.name]
        table = self._group_rows(spec, snapshot, rows, read_part=self._labelled_part)
        table = with_ages(table, spec.features, event_time=EVENT_TIME).select(columns)
        if spec.endpoint.explore:
            columns.append(LABEL_WEIGHT)
            table = table.append_column(LABEL_WEIGHT, pa.array(np.ones(len(table))))
        requests = request_feeds(spec)
        if requests and all(str(feed) in snapshot.table_versions for feed in requests):
            asked = with_ages(self._request_rows(spec, snapshot, rows), spec.features, event_time=EVENT_TIME).select(
                columns
            )
            both = pa.concat_tables([table, asked.cast(table.schema)])
            table = both.sort_by([(EVENT_TIME, "ascending"), (key, "ascending")])
        return without_times(table, snapshot.excluded)

    def read_features(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """What was known last of each key and event time, ordered by time."""
        table = self._group_rows(spec, snapshot, rows, read_part=self._features_part)
        found = with_ages(table, spec.features, event_time=EVENT_TIME).select([EVENT_TIME, *spec.feature_names])
        return without_times(found, snapshot.excluded)

    def _group_rows(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval, *, read_part: ReadPart) -> pa.Table:
        version = snapshot.table_versions[str(own_group_feed(spec))]
        parts = self.tables.parts(own_group_feed(spec), version=version, rows=rows, max_rows=self.rows_per_chunk)
        table = concat_in_one_chunk(read_part(spec, snapshot, part) for part in parts)
        for joined in spec.joined:
            table = self._join(table, joined, spec, snapshot, rows)
        return table

    def _features_part(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        key = spec.group.entity_key
        own = (key, *spec.feature_names_from(spec.group.name), *(joined.key for joined in spec.joined))
        return latest_known(self._read(own_group_feed(spec), snapshot, spec, rows, columns=own), key=key)

    def _labelled_part(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """A row, its corrections and its label have the same event time: no other part knows of them."""
        key, label = spec.group.entity_key, spec.label.name
        table = self._features_part(spec, snapshot, rows)
        labels = latest_known(self._read(label_feed(spec), snapshot, spec, rows, columns=(key, label)), key=key)
        indices = as_of_indices(table, labels, left_key=key, key=key, maximum_age=SAME_TIME)
        truth = take_or_null(labels, indices)[label]
        return _with_labels(table, truth, spec, fill_absent=not spec.label.of_predictions)

    def _request_rows(self, spec: ModelSpec, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """Requests as they were made. A label with a time before its prediction is not used. Where a row has no other
        label it is dropped, not filled with `absent`: a label was reported."""
        label = spec.label.name
        explores = (PREDICTION, EXPLORED, EXPLORE_SHARE) if spec.endpoint.explore else ()
        wanted = (PREDICTION_ID, *spec.feature_names, *explores)
        asked = latest_known_by_key(
            self._read(prediction_feed(spec), snapshot, spec, rows, columns=wanted), key=PREDICTION_ID
        )
        # A label has the time at which it was observed: any time after its prediction, if its clock is right.
        since = Interval(start=rows.start - MAX_CLOCK_ERROR, end=max(snapshot.known_at, rows.end) + CLOCK_SKEW)
        labels = self._read(prediction_label_feed(spec), snapshot, spec, since, columns=(PREDICTION_ID, label))
        asked_at = asked[EVENT_TIME].take(_index_in(labels[PREDICTION_ID], asked[PREDICTION_ID]))
        follows = pc.greater_equal(labels[EVENT_TIME], asked_at)  # none where it is of no row of the interval
        premature = labels.filter(pc.invert(follows))
        labels = latest_known_by_key(labels.filter(follows), key=PREDICTION_ID)
        truth = labels[label].take(_index_in(asked[PREDICTION_ID], labels[PREDICTION_ID]))
        if explores:
            asked = asked.append_column(LABEL_WEIGHT, _weights(asked, labelled=pc.is_valid(truth)))
        is_usable = pc.or_(pc.is_valid(truth), pc.invert(pc.is_in(asked[PREDICTION_ID], premature[PREDICTION_ID])))
        asked = _with_labels(asked.filter(is_usable), truth.filter(is_usable), spec, fill_absent=True)
        return asked.rename_columns({PREDICTION_ID: spec.group.entity_key})

    def read_group(self, spec: ModelSpec, group: str, snapshot: Snapshot, rows: Interval) -> pa.Table:
        """What was known last of each key and event time."""
        key = next(each.entity_key for each in spec.groups if each.name == group)
        names = spec.feature_names_from(group)
        table = latest_known(self._read(group_feed(group), snapshot, spec, rows, columns=(key, *names)), key=key)
        found = with_ages(table, spec.features, event_time=EVENT_TIME).select([EVENT_TIME, *names])
        return without_times(found, snapshot.excluded)

    def _join(
        self, table: pa.Table, joined: JoinedGroup, spec: ModelSpec, snapshot: Snapshot, rows: Interval
    ) -> pa.Table:
        key = joined.group.entity_key
        reaching_back = Interval(start=rows.start - joined.maximum_age, end=rows.end)
        feed, columns = group_feed(joined.group.name), (key, *joined.feature_names)
        values = self._read(feed, snapshot, spec, reaching_back, columns=columns)
        values = sort_by_time(values, key=key)
        indices = as_of_indices(
            table,
            values,
            left_key=joined.key,
            key=key,
            maximum_age=joined.maximum_age,
            known_by=joined.known_by,
        )
        valid = take_or_null(values, indices)
        for name in joined.feature_names:
            table = table.append_column(name, valid[name])
        return table

    def _read(
        self, feed: Feed, snapshot: Snapshot, spec: ModelSpec, rows: Interval, *, columns: tuple[str, ...]
    ) -> pa.Table:
        table = self.tables.read(
            feed,
            version=snapshot.table_versions[str(feed)],
            rows=rows,
            known_at=snapshot.known_at,
            columns=tuple(dict.fromkeys(columns)),
        )
        kinds = {feature.name: feature.kind for feature in spec.features}
        for index, name in enumerate(table.column_names):
            if pa.types.is_null(table[name].type) and name in kinds:
                table = table.set_column(index, name, table[name].cast(ARROW_TYPES[kinds[name]]))
        return table


def _weights(asked: pa.Table, *, labelled: pa.ChunkedArray) -> pa.Array:
    """Of everything that was asked, labelled or not: what has no label is what the rest stands for."""
    weights = label_weights(
        np.asarray(asked[PREDICTION]),
        # Neither was logged before there was exploration.
        explored=np.asarray(pc.fill_null(asked[EXPLORED].cast(pa.bool_()), False)),
        shares=np.asarray(pc.fill_null(asked[EXPLORE_SHARE].cast(pa.float64()), 0.0)),
        labelled=np.asarray(labelled),
    )
    return pa.array(weights)


def _index_in(values: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.index_in(values, value_set=among)


def _with_labels(table: pa.Table, truth: pa.ChunkedArray, spec: ModelSpec, *, fill_absent: bool) -> pa.Table:
    """Every row of a plan is older than the latency: what was to be reported has been."""
    if fill_absent and spec.label.absent is not None:
        truth = pc.fill_null(truth, spec.label.absent)
    return table.append_column(spec.label.name, truth).filter(pc.is_valid(truth))

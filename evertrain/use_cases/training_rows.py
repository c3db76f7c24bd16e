"""The rows that a plan trains and judges on: features as they were valid at each row's time, with their labels.

All of it is read at the plan's table versions and as it was known when the plan was made, so the same plan gives the
same rows tomorrow, whatever lands, is corrected or compacted in between.
"""

from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.feeds import EVENT_TIME, group_feed, label_feed
from evertrain.domain.model_spec import FeatureKind, JoinedGroup, ModelSpec
from evertrain.domain.training import Interval, TrainingPlan
from evertrain.ports.feature_store import TableReader
from evertrain.use_cases.arrow_columns import ARROW_TYPES, ages
from evertrain.use_cases.point_in_time import in_order, latest_known, take, valid_rows

SAME_TIME = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class StoredTrainingRows:
    """Implements `labelled_rows.TrainingRows` on the feature store."""

    tables: TableReader[pa.Table]

    def labelled(self, spec: ModelSpec, plan: TrainingPlan, rows: Interval) -> pa.Table:
        """One row for each key and event time of the model's own group that has a label of the same key and time; of
        what was corrected, what was known last. Ordered by time and key."""
        key, label = spec.group.entity_key, spec.label.name
        own = (key, *spec.names_of(spec.group.name), *(joined.key for joined in spec.joined))
        table = latest_known(self._features(plan, spec, spec.group.name, rows, columns=own), key=key)
        labels = latest_known(self._labels(plan, spec, rows), key=key)
        of_row = valid_rows(table, labels, asking_key=key, key=key, maximum_age=SAME_TIME)
        truth = take(labels, of_row)[label]
        if spec.label.absent is not None:
            # Every row of a plan is older than the latency: what was to be reported has been.
            truth = pc.fill_null(truth, spec.label.absent)
        table = table.append_column(label, truth)
        table = table.filter(pc.is_valid(table[label]))
        for joined in spec.joined:
            table = self._join(table, joined, spec, plan, rows)
        return _with_ages(table, spec).select([key, EVENT_TIME, *spec.feature_names, label]).combine_chunks()

    def of_group(self, spec: ModelSpec, group: str, plan: TrainingPlan, rows: Interval) -> pa.Table:
        """What was known last of each key and event time."""
        key = next(each.entity_key for each in spec.groups if each.name == group)
        names = spec.names_of(group)
        table = latest_known(self._features(plan, spec, group, rows, columns=(key, *names)), key=key)
        return _with_ages(table, spec).select([EVENT_TIME, *names])

    def _join(
        self, table: pa.Table, joined: JoinedGroup, spec: ModelSpec, plan: TrainingPlan, rows: Interval
    ) -> pa.Table:
        key = joined.group.entity_key
        reaching_back = Interval(start=rows.start - joined.maximum_age, end=rows.end)
        values = self._features(plan, spec, joined.group.name, reaching_back, columns=(key, *joined.feature_names))
        values = in_order(values, key=key)
        of_row = valid_rows(
            table,
            values,
            asking_key=joined.key,
            key=key,
            maximum_age=joined.maximum_age,
            known_by=joined.known_by,
        )
        valid = take(values, of_row)
        for name in joined.feature_names:
            table = table.append_column(name, valid[name])
        return table

    def _features(
        self, plan: TrainingPlan, spec: ModelSpec, group: str, rows: Interval, *, columns: tuple[str, ...]
    ) -> pa.Table:
        feed = group_feed(group)
        table = self.tables.read(
            feed,
            version=plan.table_versions[str(feed)],
            rows=rows,
            known_at=plan.known_at,
            columns=tuple(dict.fromkeys(columns)),
        )
        kinds = {feature.name: feature.kind for feature in spec.features}
        for index, name in enumerate(table.column_names):
            if pa.types.is_null(table[name].type) and name in kinds:
                table = table.set_column(index, name, table[name].cast(ARROW_TYPES[kinds[name]]))
        return table

    def _labels(self, plan: TrainingPlan, spec: ModelSpec, rows: Interval) -> pa.Table:
        feed = label_feed(spec)
        return self.tables.read(
            feed,
            version=plan.table_versions[str(feed)],
            rows=rows,
            known_at=plan.known_at,
            columns=(spec.group.entity_key, spec.label.name),
        )


def _with_ages(table: pa.Table, spec: ModelSpec) -> pa.Table:
    for feature in spec.features:
        if feature.kind is FeatureKind.TIMESTAMP and feature.name in table.column_names:
            values = ages(table[feature.name], table[EVENT_TIME])
            table = table.set_column(table.column_names.index(feature.name), feature.name, values)
    return table

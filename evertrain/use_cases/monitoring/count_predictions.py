"""What the champion predicts for rows whose labels have not come yet, counted by day.

From that, and from days with labels, `statistics.estimation` says how good it probably is.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from evertrain.domain.landing.feeds import own_group_feed, required_feeds
from evertrain.domain.monitoring.performance import Performance
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import Project
from evertrain.domain.release.registry import Champion
from evertrain.domain.store.snapshot import StoreSnapshot
from evertrain.ports.artifacts import ArtifactStore
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import TableStates
from evertrain.ports.models import ReadModel
from evertrain.ports.performance import PerformanceLog
from evertrain.ports.registry import ModelRegistry
from evertrain.scoring import FlatModel
from evertrain.statistics.performance import count_predictions
from evertrain.tables.labelled_rows import TrainingRows, are_finite, describe_other_classes, predict_table, utc_days
from evertrain.use_cases.monitoring.measure_performance import weekly_parts

logger = logging.getLogger(__name__)

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class CountPredictions:
    project: Project
    tables: TableStates
    registry: ModelRegistry
    artifacts: ArtifactStore
    rows: TrainingRows
    log: PerformanceLog
    clock: Clock
    read_model: ReadModel = FlatModel.from_bytes

    def run(self, model: str) -> Performance | None:
        """Up to the newest row of the model's own group. What was counted before is not read again, but for a day
        that was not over. None before there is a champion."""
        spec, champion = self.project.models[model], self.registry.champion(model)
        feeds = required_feeds(spec)
        tables = {feed: state for feed in feeds if (state := self.tables.get(feed)) is not None}
        own = tables.get(own_group_feed(spec))
        if champion is None or own is None:
            return None
        artifact = self.read_model(
            self.artifacts.get(champion.artifact_uri, expected_sha256=champion.artifact_sha256)
        )
        if gone := spec.missing_features(artifact.feature_names):
            logger.error("not_counted model=%s version=%s gone=%s", spec.name, champion.version, ",".join(gone))
            return None
        if other := describe_other_classes(artifact, spec):
            logger.error("not_counted model=%s version=%s error=%r", spec.name, champion.version, other)
            return None
        start, end = self._counted_to(champion), own.event_time_max + INSTANT
        asked = spec.with_features(artifact.feature_names)
        snapshot = StoreSnapshot(
            known_at=self.clock.now(), table_versions={str(feed): state.version for feed, state in tables.items()}
        )
        for part in weekly_parts(Interval(start=start, end=end)) if start < end else ():
            table = self.rows.read_features(asked, snapshot, part)
            predictions = predict_table(artifact, table, classes=spec.label.classes)
            usable, days = are_finite(predictions), utc_days(table)
            counted = count_predictions(spec.metric, predictions[usable], days[usable], until=part.end)
            self.log.put_predicted(model, champion.version, list(counted))
        return self.log.performance(model, champion.version)

    def _counted_to(self, champion: Champion) -> datetime:
        """A day that was not over is counted again, as a whole."""
        predicted = self.log.performance(champion.model, champion.version).predicted
        if not predicted:
            return champion.trained_until
        last = predicted[-1]
        return last.until if last.is_complete else max(last.day, champion.trained_until)

"""How good the champion's predictions turned out to be: measured as labels mature, on rows that it has not learnt
from.

Rows are scored with the champion's artifact, which is what answers, be it asked or not. So it is known for every row
with a label, also for those that nobody asked about.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evertrain.domain.landing.feeds import label_feeds, request_feeds, required_feeds
from evertrain.domain.monitoring.performance import Performance
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.release.registry import ModelVersion
from evertrain.domain.store.labels import label_tables, label_watermark
from evertrain.domain.store.snapshot import StoreSnapshot
from evertrain.ports.artifacts import ArtifactStore
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import LabelProgressLog, TableStates
from evertrain.ports.models import ReadModel
from evertrain.ports.performance import PerformanceLog
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore
from evertrain.scoring import FlatModel
from evertrain.tables.labelled_rows import (
    LabelledRows,
    TrainingRows,
    are_finite,
    describe_other_classes,
    performance_of,
)

logger = logging.getLogger(__name__)

PART = timedelta(days=7)
"""So much is read at a time."""


@dataclass(frozen=True, kw_only=True)
class MeasurePerformance:
    """`read_model`: of whichever tier, better with a cache: labels come more often than champions do."""

    project: Project
    tables: TableStates
    label_progress: LabelProgressLog
    registry: ModelRegistry
    runs: RunStore
    artifacts: ArtifactStore
    rows: TrainingRows
    log: PerformanceLog
    clock: Clock
    read_model: ReadModel = FlatModel.from_bytes

    def run(self, model: str) -> Performance | None:
        """Up to the label watermark, measured and kept; None before there is a champion, or labels. What was measured
        before is not read again, but for a day that was not over."""
        spec, champion = self.project.models[model], self.registry.champion(model)
        watermark = self._watermark(spec)
        if champion is None or watermark is None:
            return None
        self._measure_version(spec, self.registry.version(model, champion.version), watermark)
        rollout = self.registry.rollout(model)
        if rollout is not None and rollout.version != champion.version:
            # Beside the champion on the same rows: what the labels of a long bake say is a reason to take it back.
            self._measure_version(spec, self.registry.version(model, rollout.version), watermark)
        return self.log.performance(model, champion.version)

    def _measure_version(self, spec: ModelSpec, version: ModelVersion, watermark: datetime) -> None:
        start = _measured_to(self._promised(version), version)
        if start < watermark:
            self._measure(spec, version, Interval(start=start, end=watermark))

    def _promised(self, version: ModelVersion) -> Performance:
        known = self.log.performance(version.model, version.version)
        if known.promised:
            return known
        promised = self.runs.evaluation(self.runs.plan(version.plan_uri)).promised
        self.log.put_promised(version.model, version.version, promised)
        return self.log.performance(version.model, version.version)

    def _measure(self, spec: ModelSpec, version: ModelVersion, rows: Interval) -> None:
        artifact = self.read_model(self.artifacts.get(version.artifact_uri, expected_sha256=version.artifact_sha256))
        if gone := spec.missing_features(artifact.feature_names):
            logger.error("not_measured model=%s version=%s gone=%s", spec.name, version.version, ",".join(gone))
            return
        if other := describe_other_classes(artifact, spec):
            logger.error("not_measured model=%s version=%s error=%r", spec.name, version.version, other)
            return
        asked, snapshot = spec.with_features(artifact.feature_names), self._snapshot(spec)
        for part in weekly_parts(rows):
            table = self.rows.read_labelled(asked, snapshot, part)
            matured = LabelledRows("the matured rows", table, asked)
            if len(matured):
                predictions = matured.predict_with(artifact)
                if unusable := int((~are_finite(predictions)).sum()):
                    logger.warning("not_a_number model=%s version=%s rows=%d", spec.name, version.version, unusable)
                days = performance_of(matured, predictions, until=part.end, with_worst=True)
                self.log.put_realised(spec.name, version.version, days)
        logger.info(
            "performance_measured model=%s version=%s from=%s to=%s",
            spec.name,
            version.version,
            rows.start.isoformat(),
            rows.end.isoformat(),
        )

    def _watermark(self, spec: ModelSpec) -> datetime | None:
        labels = label_tables(spec, {feed: self.tables.get(feed) for feed in label_feeds(spec)})
        if labels is None:
            return None
        return label_watermark(
            labels, spec=spec.label, now=self.clock.now(), progress=self.label_progress.progress(spec.name)
        )

    def _snapshot(self, spec: ModelSpec) -> StoreSnapshot:
        feeds = (*required_feeds(spec), *request_feeds(spec))
        states = {feed: state for feed in feeds if (state := self.tables.get(feed)) is not None}
        return StoreSnapshot(
            known_at=self.clock.now(), table_versions={str(feed): state.version for feed, state in states.items()}
        )


def _measured_to(known: Performance, version: ModelVersion) -> datetime:
    """A day that was not over is measured again, as a whole. What was promised on is not realised as well: without a
    refit, the gate's rows are later than what was learnt from."""
    if not known.realised:
        return max([version.window.end, *(day.until for day in known.promised[-1:])])
    last = known.realised[-1]
    return last.until if last.is_complete else max(last.day, version.window.end)


def weekly_parts(rows: Interval) -> Iterator[Interval]:
    """Cut at midnight UTC, so that no day is in two."""
    start = rows.start
    while start < rows.end:
        midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(midnight + PART, rows.end)
        yield Interval(start=start, end=end)
        start = end

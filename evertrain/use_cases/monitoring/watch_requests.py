"""Do requests to the endpoint, and its answers, look like the training rows? A day of them is judged at a time.

Requests land in many small batches, which say little by themselves and follow the hours of the day. So each batch
only leaves sketches, one for every model version that answered, and a day is judged from their sum.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from evertrain.domain.events import Event, EventName
from evertrain.domain.landing.batches import Batch, Feed
from evertrain.domain.landing.predictions import MODEL_VERSION, PREDICTED_CLASS, PREDICTION
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict, Findings
from evertrain.domain.project.model import ModelSpec
from evertrain.ports.batch_reader import BatchRows
from evertrain.ports.batches import BatchLog
from evertrain.ports.clock import Clock
from evertrain.ports.drift_records import DriftRecords
from evertrain.ports.messages import EventBus
from evertrain.ports.registry import ModelRegistry
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.layouts import Categories
from evertrain.statistics.reference import Reference
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.slicing import select_rows
from evertrain.statistics.verdict import judge
from evertrain.use_cases.monitoring.compare_batch import COMPARISON_ERRORS, describe_trouble
from evertrain.use_cases.monitoring.drift_events import verdict_events
from evertrain.use_cases.monitoring.kept_sketches import find_sketch_of, find_usable_sketch, keep

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
GRACE_PERIOD = timedelta(minutes=10)
"""A day is judged when a request of this much later has landed: its last ones may still be on their way."""

MAX_POOLED_DAYS = timedelta(days=7)
"""Days with too few requests are judged together with the next one, back to this long ago."""

MAX_BATCHES = 10_000


@dataclass(frozen=True, kw_only=True)
class WatchRequests:
    """`load_reference` answers the reference at a URI; it may keep those that it has loaded."""

    batches: BatchLog
    registry: ModelRegistry
    load_reference: Callable[[str], Reference]
    records: DriftRecords
    bus: EventBus
    clock: Clock

    def save_sketches(self, spec: ModelSpec, batch_id: str, rows: BatchRows) -> None:
        """Of a batch of requests. Answers of versions that cannot be compared leave none."""
        of_class = [PREDICTED_CLASS] if spec.is_multiclass else []
        names = [MODEL_VERSION, PREDICTION, *of_class, *spec.feature_names]
        references: dict[str, Reference] = {}
        unusable: set[str] = set()
        sketches: dict[str, list[Sketch]] = {}
        for part in rows.parts(names):
            versions = part[MODEL_VERSION]
            assert isinstance(versions, Categories)  # noqa: S101  # the feed's schema says so
            for code in np.unique(versions.codes):
                version = versions.levels[code]
                if version in unusable:
                    continue
                try:
                    if version not in references:
                        references[version] = self._reference(spec, version)
                    sketch = references[version].sketch(select_rows(part, versions.codes == code))
                except COMPARISON_ERRORS:
                    logger.exception("not_sketched model=%s version=%s", spec.name, version)
                    unusable.add(version)
                    sketches.pop(version, None)
                else:
                    sketches.setdefault(version, []).append(sketch)
        for version, parts in sketches.items():
            self.records.save_sketch(merge(parts).to_bytes(), model=spec.name, version=version, batch_id=batch_id)

    def judge_closed_days(self, spec: ModelSpec, batch: Batch) -> Sequence[DriftVerdict]:
        """Verdicts on the days of requests that are over now that this batch has landed, the oldest first.

        A day is judged once, after the days before it, and published at least once. Returns the verdicts that are
        published now.
        """
        champion = self.registry.champion(spec.name)
        if champion is None:
            return []
        last = next(iter(self.batches.request_verdicts(spec.name, limit=1)), None)
        announced = [] if last is None else self._announce(batch.feed, last)
        since = None if last is None else _start_of_day(last.event_time_max) + DAY
        pending = self.batches.batches(
            batch.feed, limit=MAX_BATCHES, since=since, before=_start_of_day(batch.event_time_max - GRACE_PERIOD)
        )
        for day in sorted({_start_of_day(each.event_time_min) for each in pending}):
            last = self._judge(spec, batch.feed, day, champion.version, last)
            self.batches.record_request_verdict(last, feed=batch.feed)
            announced += self._announce(batch.feed, last)
        return announced

    def _announce(self, feed: Feed, verdict: DriftVerdict) -> list[DriftVerdict]:
        if self.batches.is_published(feed, verdict.batch_id):
            return []
        self.bus.publish(_events_of(feed, verdict))
        self.batches.mark_published(feed, verdict.batch_id)
        return [verdict]

    def _judge(
        self, spec: ModelSpec, feed: Feed, day: datetime, version: str, earlier: DriftVerdict | None
    ) -> DriftVerdict:
        """`earlier`: the last verdict before this day."""
        if earlier is not None and earlier.reference_version != version:
            earlier = None
        since = day
        if earlier is not None and earlier.status is DriftStatus.TOO_FEW_ROWS:
            since = max(_start_of_day(earlier.event_time_min), day - MAX_POOLED_DAYS)
        pooled_batches = self.batches.batches(feed, limit=MAX_BATCHES, since=since, before=day + DAY)
        findings, compared = self._compare(spec, version, pooled_batches, earlier)
        verdict = DriftVerdict.from_findings(
            findings,
            model=spec.name,
            batch_id=_requests_batch_id(day),
            reference_version=version,
            rows=0 if compared is None else compared[1].rows,
            event_time_min=min(each.event_time_min for each in pooled_batches),
            # Of the day, even where a batch reaches into the next one: days are counted by it.
            event_time_max=min(
                max(each.event_time_max for each in pooled_batches), day + DAY - timedelta(microseconds=1)
            ),
            checked_at=self.clock.now(),
        )
        if compared is None:
            return verdict
        reference, sketch = compared
        page = DriftPage(
            title=f"Requests to {spec.name}",
            before=f"training rows of {version}",
            after=f"{verdict.rows:,} rows asked from {since:%Y-%m-%d} to {day:%Y-%m-%d}",
            findings=verdict,
            reference=reference,
            sketch=sketch,
        )
        return keep(self.records, verdict, sketch, page=page)

    def _compare(
        self, spec: ModelSpec, version: str, batches: Sequence[Batch], earlier: DriftVerdict | None
    ) -> tuple[Findings, tuple[Reference, Sketch] | None]:
        """The findings, and what was compared: nothing where no request was answered by this version."""
        try:
            reference = self._reference(spec, version)
            sketches = list(self._sketches(spec, version, reference, batches))
            if not sketches:
                return Findings.not_compared(), None
            sketch = merge(sketches)
            before = None if earlier is None else find_sketch_of(self.records, reference, earlier)
            good = [] if before is None else [before]
            findings = judge(reference, sketch, policy=spec.triggers.drift, earlier=good)
        except COMPARISON_ERRORS as error:
            logger.exception("requests_not_compared model=%s version=%s", spec.name, version)
            return Findings.not_compared(describe_trouble(error, version=version)), None
        return findings, (reference, sketch)

    def _reference(self, spec: ModelSpec, version: str) -> Reference:
        """Raises one of COMPARISON_ERRORS, also for a version that nobody registered."""
        return self.load_reference(self.registry.version(spec.name, version).reference_uri).for_requests

    def _sketches(
        self, spec: ModelSpec, version: str, reference: Reference, batches: Sequence[Batch]
    ) -> Iterator[Sketch]:
        for each in batches:
            sketch = find_usable_sketch(
                self.records, reference, model=spec.name, version=version, batch_id=each.batch_id
            )
            if sketch is not None:
                yield sketch


def _start_of_day(moment: datetime) -> datetime:
    """Its beginning, UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _requests_batch_id(day: datetime) -> str:
    return f"requests-{day:%Y-%m-%d}"


def _events_of(feed: Feed, verdict: DriftVerdict) -> list[Event]:
    return verdict_events(
        feed, verdict, checked=EventName.REQUESTS_CHECKED, detected=EventName.REQUEST_DRIFT_DETECTED
    )

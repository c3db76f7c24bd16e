"""What is a landed object: a good batch, which is compared with each champion's reference, or one to set aside?

Everything is keyed by the object's content, so landing or announcing it again has no second effect.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

from evertrain.domain.batches import Batch, Fault, Feed, FeedKind, LandedObject, Quarantine
from evertrain.domain.drift import DriftStatus, DriftVerdict, Findings
from evertrain.domain.events import ACCEPTED, QUARANTINED, Event, EventName
from evertrain.domain.model_spec import ModelSpec, Project
from evertrain.ports.batch_reader import BatchReader, BatchRejected, Rows
from evertrain.ports.batches import BatchLog, LandingZone, QuarantineStore
from evertrain.ports.clock import Clock
from evertrain.ports.drift_records import DriftRecords
from evertrain.ports.feature_store import BatchFiles
from evertrain.ports.messages import EventBus
from evertrain.ports.registry import ModelRegistry
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import InvalidReference, Reference
from evertrain.statistics.sketch import InvalidSketch, Sketch, UnfitColumn, merge
from evertrain.statistics.verdict import judge
from evertrain.use_cases.drift_events import events_of_verdict
from evertrain.use_cases.watch_requests import WatchRequests

logger = logging.getLogger(__name__)

BATCHES_LOOKED_BACK = 20
"""For the one before: late ones may have come in between."""

_CHUNK = 1 << 20


def batch_id_of(feed: Feed | None, body: BinaryIO) -> str:
    """The same bytes are the same batch of a feed, whatever the object is called."""
    digest = sha256(f"{feed or ''}\n".encode())
    body.seek(0)
    while chunk := body.read(_CHUNK):
        digest.update(chunk)
    body.seek(0)
    return digest.hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class CheckBatch:
    """`load_reference` answers the reference at a URI; it may keep those that it has loaded."""

    project: Project
    landing: LandingZone
    reader: BatchReader
    files: BatchFiles
    quarantine: QuarantineStore
    batches: BatchLog
    registry: ModelRegistry
    load_reference: Callable[[str], Reference]
    records: DriftRecords
    requests: WatchRequests
    bus: EventBus
    clock: Clock

    def run(self, landed: LandedObject) -> Batch | Quarantine:
        """What became of the object. Raises ObjectGone where it was deleted before it was read."""
        feed = feed_of(landed.key)
        with self.landing.read(landed) as body:
            return self._run(landed, feed, body)

    def judge_requests(self, batch: Batch) -> DriftVerdict | None:
        """What may be judged now that this batch of requests has landed."""
        return self.requests.judge_closed_day(self.project.models[batch.feed.name], batch)

    def _run(self, landed: LandedObject, feed: Feed | None, body: BinaryIO) -> Batch | Quarantine:
        batch_id = batch_id_of(feed, body)
        found = self.batches.find(feed, batch_id) or self._judge(landed, feed, batch_id, body)
        # Recorded first, told second: whoever fails in between tells it at the next delivery.
        if not self.batches.is_published(feed, batch_id):
            self.bus.publish(self._events_of(found))
            self.batches.mark_published(feed, batch_id)
        return found

    def _judge(self, landed: LandedObject, feed: Feed | None, batch_id: str, body: BinaryIO) -> Batch | Quarantine:
        now = self.clock.now()
        try:
            known = self._known(feed, landed.key)
            with self.reader.read(body, name=landed.key, feed=known, now=now) as rows:
                if known.kind is FeedKind.PREDICTIONS:
                    self.requests.keep_sketches(self.project.models[known.name], batch_id, rows)
                comparisons = [self._compare(spec, rows) for spec in self._judged_on(known)]
                faults = _faults_of(comparisons)
                # A person may have looked at them already, and found nothing wrong.
                if faults and not self.batches.is_released(feed, batch_id):
                    raise BatchRejected(faults)
                return self._accept(landed, known, batch_id, rows, comparisons, now=now)
        except BatchRejected as rejected:
            quarantine = Quarantine(
                batch_id=batch_id, feed=feed, source_key=landed.key, quarantined_at=now, faults=rejected.faults
            )
            return self._set_aside(quarantine, body)

    def _known(self, feed: Feed | None, key: str) -> Feed:
        groups = [f"features/{name}/" for name in sorted(self.project.groups)]
        models = [f"{kind}/{name}/" for kind in ("labels", "predictions") for name in sorted(self.project.models)]
        if feed is None or f"{feed}/" not in (*groups, *models):
            message = f"{key} is in no feed; known are {', '.join((*groups, *models))}"
            raise BatchRejected([Fault(code="unknown_feed", message=message)])
        return feed

    def _set_aside(self, quarantine: Quarantine, body: BinaryIO) -> Quarantine:
        quarantine = replace(quarantine, object_uri=self.quarantine.put(quarantine, body))
        self.batches.record_quarantine(quarantine)
        return quarantine

    def _accept(
        self,
        landed: LandedObject,
        feed: Feed,
        batch_id: str,
        rows: Rows,
        comparisons: Sequence["_Comparison"],
        *,
        now: datetime,
    ) -> Batch:
        path = f"batch-{batch_id}.parquet"
        # An earlier attempt's file stays as it is, with the time at which it was ingested.
        stored = self.files.put_if_absent(feed, path, rows.file, ingested_at=now)
        first, last = rows.event_times
        batch = Batch(
            batch_id=batch_id,
            feed=feed,
            source_key=landed.key,
            table_path=path,
            rows=rows.count,
            bytes=stored.size,
            event_time_min=first,
            event_time_max=last,
            ingested_at=stored.ingested_at,
        )
        verdicts = [self._kept(comparison, batch, now) for comparison in comparisons]
        self.batches.record(batch, verdicts)
        return batch

    def _judged_on(self, feed: Feed) -> Iterable[ModelSpec]:
        return self.project.models_on(feed.name) if feed.kind is FeedKind.FEATURES else ()

    def _compare(self, spec: ModelSpec, rows: Rows) -> "_Comparison":
        champion = self.registry.champion(spec.name)
        if champion is None:
            return _Comparison(spec=spec)
        nothing = _Comparison(spec=spec, version=champion.version)
        try:
            reference = self.load_reference(champion.reference_uri)
        except InvalidReference:
            # Of a format before this code's: batches must go on, or there would never be rows for a new champion.
            logger.exception("reference_unreadable model=%s version=%s", spec.name, champion.version)
            return nothing
        names = [feature.name for feature in reference.features]
        if not set(names) <= {column.name for column in spec.group.columns}:
            return nothing  # the group lost a column since: nothing to compare until the next champion
        try:
            sketch = merge([reference.sketch(part) for part in rows.parts(names)])
        except UnfitColumn:
            return nothing  # a column is declared otherwise now
        first, _ = rows.event_times
        before = self._before(spec, champion.version, first)
        findings = judge(reference, sketch, policy=spec.triggers.drift, before=before)
        return replace(nothing, compared=(reference, sketch), findings=findings)

    def _before(self, spec: ModelSpec, version: str, moment: datetime) -> Sketch | None:
        """Of the newest good batch before this moment that was compared with the same reference."""
        for verdict in self.batches.verdicts(spec.name, limit=BATCHES_LOOKED_BACK):
            if verdict.event_time_min < moment and verdict.reference_version == version:
                kept = self.records.find_sketch(model=spec.name, version=version, batch_id=verdict.batch_id)
                return None if kept is None else _readable(kept)
        return None

    def _kept(self, comparison: "_Comparison", batch: Batch, now: datetime) -> DriftVerdict:
        verdict = DriftVerdict.of(
            comparison.findings,
            model=comparison.spec.name,
            batch_id=batch.batch_id,
            reference_version=comparison.version,
            rows=batch.rows,
            event_time_min=batch.event_time_min,
            event_time_max=batch.event_time_max,
            checked_at=now,
        )
        if comparison.compared is not None:
            reference, sketch = comparison.compared
            page = _page(verdict, batch, reference, sketch)
            self.records.keep(verdict, sketch=sketch.to_bytes(), page=page.render())
        return verdict

    def _events_of(self, found: Batch | Quarantine) -> list[Event]:
        if isinstance(found, Quarantine):
            return [_quarantined(found)]
        verdicts = self.batches.verdicts_of(found.feed, found.batch_id)
        return [_accepted(found), *(event for verdict in verdicts for event in _checked(found, verdict))]


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """A batch beside a champion's reference; `compared` is None where there is none, or none that fits."""

    spec: ModelSpec
    version: str = ""
    compared: tuple[Reference, Sketch] | None = None
    findings: Findings = field(default_factory=lambda: Findings(status=DriftStatus.NO_REFERENCE))


def _readable(kept: bytes) -> Sketch | None:
    """None where the sketch is of a format before this code's: nothing is compared with it then."""
    try:
        return Sketch.from_bytes(kept)
    except InvalidSketch:
        return None


def _faults_of(comparisons: Sequence[_Comparison]) -> list[Fault]:
    """Each once, however many models' references say so."""
    faults = {
        (fault.code, fault.column): fault
        for comparison in comparisons
        if comparison.spec.triggers.drift.quarantine_faults
        for fault in comparison.findings.faults
    }
    return list(faults.values())


def feed_of(key: str) -> Feed | None:
    """The feed that a key names, which need not be a known one; None where it names none.

    >>> str(feed_of("features/flights/2013/01/01.parquet")), feed_of("notes.txt")
    ('features/flights', None)
    """
    kind, _, rest = key.partition("/")
    name, slash, _ = rest.partition("/")
    if kind not in tuple(FeedKind) or not slash or not name:
        return None
    return Feed(kind=FeedKind(kind), name=name)


def _page(verdict: DriftVerdict, batch: Batch, reference: Reference, sketch: Sketch) -> DriftPage:
    return DriftPage(
        title=f"{verdict.model}: {batch.source_key}",
        before=f"training rows of {verdict.reference_version}",
        after=f"{batch.event_time_min:%Y-%m-%d %H:%M} to {batch.event_time_max:%Y-%m-%d %H:%M} UTC",
        findings=verdict,
        reference=reference,
        sketch=sketch,
    )


def _quarantined(quarantine: Quarantine) -> Event:
    kind = FeedKind.FEATURES if quarantine.feed is None else quarantine.feed.kind
    return Event(
        name=QUARANTINED[kind],
        detail={
            "feed": str(quarantine.feed or ""),
            "batch_id": quarantine.batch_id,
            "source_key": quarantine.source_key,
            "object_uri": quarantine.object_uri,
            "faults": [
                {"code": fault.code, "column": fault.column, "message": fault.message} for fault in quarantine.faults
            ],
        },
    )


def _accepted(batch: Batch) -> Event:
    return Event(
        name=ACCEPTED[batch.feed.kind],
        detail={
            "feed": str(batch.feed),
            "batch_id": batch.batch_id,
            "rows": batch.rows,
            "event_time_min": batch.event_time_min.isoformat(),
            "event_time_max": batch.event_time_max.isoformat(),
        },
    )


def _checked(batch: Batch, verdict: DriftVerdict) -> list[Event]:
    return events_of_verdict(
        batch.feed,
        verdict,
        checked=EventName.FEATURE_BATCH_CHECKED,
        detected=EventName.FEATURE_DRIFT_DETECTED,
    )

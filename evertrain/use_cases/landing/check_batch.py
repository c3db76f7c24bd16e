"""What is a landed object: a good batch, which is compared with each champion's reference, or one to set aside?

Everything is keyed by the object's content, so landing or announcing it again has no second effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

from evertrain.domain.deployment.prefixes import BATCH_FILE_PREFIX
from evertrain.domain.landing.batches import Batch, BatchFile, Fault, Feed, FeedKind, LandedObject, Quarantine
from evertrain.domain.landing.feeds import all_feeds, schema_faults
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.domain.project.model import Project
from evertrain.ports.batch_reader import BatchReader, BatchRejected, BatchRows
from evertrain.ports.batches import BatchLog, LandingZone, QuarantineStore
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import BatchFiles, TableStates
from evertrain.use_cases.landing.record_batch import RecordBatch
from evertrain.use_cases.monitoring.compare_batch import CompareBatch
from evertrain.use_cases.monitoring.watch_requests import WatchRequests

_CHUNK_BYTES = 1 << 20


def compute_batch_id(feed: Feed | None, body: BinaryIO) -> str:
    """The same bytes are the same batch of a feed, whatever the object is called."""
    digest = sha256(f"{feed or ''}\n".encode())
    body.seek(0)
    while chunk := body.read(_CHUNK_BYTES):
        digest.update(chunk)
    body.seek(0)
    return digest.hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class CheckBatch:
    project: Project
    landing: LandingZone
    reader: BatchReader
    files: BatchFiles
    quarantine: QuarantineStore
    batches: BatchLog
    tables: TableStates
    compare: CompareBatch
    record: RecordBatch
    requests: WatchRequests
    clock: Clock

    def run(self, landed: LandedObject) -> Batch | Quarantine:
        """What became of the object. Raises ObjectGone where it was deleted before it was read."""
        feed = parse_feed(landed.key)
        with self.landing.read(landed) as body:
            batch_id = compute_batch_id(feed, body)
            result = self.batches.find(feed, batch_id) or self._judge(landed, feed, batch_id, body)
        self.record.announce(result)
        return result

    def judge_requests(self, batch: Batch) -> Sequence[DriftVerdict]:
        """What is to be told now that this batch of requests has landed."""
        return self.requests.judge_closed_days(self.project.models[batch.feed.name], batch)

    def _judge(self, landed: LandedObject, feed: Feed | None, batch_id: str, body: BinaryIO) -> Batch | Quarantine:
        now = self.clock.now()
        try:
            known = require_feed(self.project, feed, landed.key)
            require_compatible_schema(self.project, known, self.tables)
            known_at = ingestion_time(self.landing, landed, now=now)
            with self.reader.read(body, name=landed.key, feed=known, now=now, known_at=known_at) as rows:
                if known.kind is FeedKind.PREDICTIONS:
                    self.requests.save_sketches(self.project.models[known.name], batch_id, rows)
                pinned = self.compare.pin_references(known)
                sketches = self.compare.sketches(known, pinned, rows)
                comparisons = self.compare.compare(known, pinned, sketches, batch_start=rows.event_times[0])
                self.record.require_no_fault(known, batch_id, comparisons)
                file = store_rows(self.files, known, f"{BATCH_FILE_PREFIX}{batch_id}.parquet", rows)
                return self.record.accept(landed, known, batch_id, [file], comparisons, now=now)
        except BatchRejected as rejected:
            return self.record.quarantine(
                landed,
                feed,
                batch_id,
                rejected.faults,
                now=now,
                copy=lambda quarantine: self.quarantine.put(quarantine, body),
            )


def ingestion_time(landing: LandingZone, landed: LandedObject, *, now: datetime) -> datetime:
    """When the object landed, not when it was looked at: a delivery repeated after the next one still counts as the
    earlier one, and a correction stays a correction.

    Asked once the object is being read. Should another object have replaced it, the rows count as known later, never
    earlier.
    """
    return min(now, landing.landed_at(landed))


def store_rows(files: BatchFiles, feed: Feed, path: str, rows: BatchRows) -> BatchFile:
    """An earlier attempt's file stays as it is, with the time at which it was ingested."""
    stored = files.put_if_absent(feed, path, rows.file, ingested_at=rows.ingested_at)
    first, last = rows.event_times
    return BatchFile(
        path=path,
        rows=rows.count,
        bytes=stored.size,
        event_time_min=first,
        event_time_max=last,
        ingested_at=stored.ingested_at,
    )


def require_feed(project: Project, feed: Feed | None, key: str) -> Feed:
    """Raises BatchRejected for an object outside every feed."""
    known = all_feeds(project)
    if feed not in known:
        message = f"{key} is in no feed; known are {', '.join(f'{each}/' for each in known)}"
        raise BatchRejected([Fault(code="unknown_feed", message=message)])
    return feed


def require_compatible_schema(project: Project, feed: Feed, tables: TableStates) -> None:
    """Raises BatchRejected where the feed's table has a column that is declared no longer, or otherwise."""
    state = tables.get(feed)
    faults = schema_faults(feed, project, state.columns, key=state.key) if state is not None else []
    if faults:
        raise BatchRejected(faults)


def parse_feed(key: str) -> Feed | None:
    """The feed that a key names, which need not be a known one; None where it names none.

    >>> str(parse_feed("features/flights/2013/01/01.parquet")), parse_feed("notes.txt")
    ('features/flights', None)
    """
    kind, _, rest = key.partition("/")
    name, slash, _ = rest.partition("/")
    if kind not in tuple(FeedKind) or not slash or not name:
        return None
    return Feed(kind=FeedKind(kind), name=name)

"""Landed objects, batch log and table states in memory."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from evertrain.domain.landing.batches import Batch, Feed, LandedObject, Quarantine, TableState
from evertrain.domain.monitoring.doubts import Acceptance, is_flagged
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.domain.store.labels import LabelProgress
from evertrain.ports.batches import MAX_FLAGGED, ObjectGone
from evertrain.ports.feature_store import StoredFile

Key = tuple[Feed | None, str]


@dataclass
class InMemoryLandingZone:
    objects: dict[LandedObject, bytes] = field(default_factory=dict)
    times: dict[LandedObject, datetime] = field(default_factory=dict)
    """When it landed; by default after the present of every test, as where the clock is replayed."""

    def read(self, landed: LandedObject) -> BinaryIO:
        if landed not in self.objects:
            raise ObjectGone(f"{landed.bucket}/{landed.key} is gone")
        return io.BytesIO(self.objects[landed])

    def size(self, landed: LandedObject) -> int:
        return len(self.read(landed).read())

    def landed_at(self, landed: LandedObject) -> datetime:
        self.read(landed)
        return self.times.get(landed, datetime(2099, 1, 1, tzinfo=UTC))

    def chunks(self, landed: LandedObject) -> Iterator[bytes]:
        body = self.read(landed)
        while chunk := body.read(1000):
            yield chunk

    def read_ranges(self, landed: LandedObject, *ranges: tuple[int, int]) -> BinaryIO:
        whole = self.read(landed).read()
        there = bytearray(len(whole))
        for offset, length in ranges:
            there[offset : offset + length] = whole[offset : offset + length]
        return io.BytesIO(bytes(there))


@dataclass
class InMemoryQuarantineStore:
    kept: dict[str, tuple[Quarantine, bytes]] = field(default_factory=dict)

    def put(self, quarantine: Quarantine, body: BinaryIO) -> str:
        body.seek(0)
        uri = f"memory://quarantine/{quarantine.source_key}/{quarantine.batch_id}/object"
        self.kept[uri] = (quarantine, body.read())
        return uri

    def copy(self, quarantine: Quarantine, landed: LandedObject) -> str:
        return self.put(quarantine, io.BytesIO(f"a copy of {landed.key}".encode()))


@dataclass
class InMemoryBatchFiles:
    files: dict[tuple[Feed, str], bytes] = field(default_factory=dict)
    _ingested_at: dict[tuple[Feed, str], datetime] = field(default_factory=dict)

    def put_if_absent(self, feed: Feed, path: str, file: BinaryIO, *, ingested_at: datetime) -> StoredFile:
        file.seek(0)
        key = (feed, path)
        size = len(self.files.setdefault(key, file.read()))
        return StoredFile(size=size, ingested_at=self._ingested_at.setdefault(key, ingested_at))


@dataclass
class InMemoryBatchLog:
    _found: dict[Key, Batch | Quarantine] = field(default_factory=dict)
    _verdicts: dict[Key, Sequence[DriftVerdict]] = field(default_factory=dict)
    _published: set[Key] = field(default_factory=set)
    _committed: set[Key] = field(default_factory=set)
    _consecutive_quarantines: dict[Feed, int] = field(default_factory=dict)
    _released: set[Key] = field(default_factory=set)
    _requests: dict[Key, DriftVerdict] = field(default_factory=dict)
    _acceptances: dict[tuple[Feed, str, str], Acceptance] = field(default_factory=dict)

    def find(self, feed: Feed | None, batch_id: str) -> Batch | Quarantine | None:
        key = (feed, batch_id)
        return None if key in self._released else self._found.get(key)

    def record(self, batch: Batch, verdicts: Sequence[DriftVerdict]) -> bool:
        key = (batch.feed, batch.batch_id)
        if key in self._found and key not in self._released:
            return False
        self._released.discard(key)
        self._published.discard(key)
        self._found[key], self._verdicts[key], self._consecutive_quarantines[batch.feed] = batch, tuple(verdicts), 0
        return True

    def record_quarantine(self, quarantine: Quarantine) -> bool:
        key = (quarantine.feed, quarantine.batch_id)
        if key in self._found:
            return False
        self._found[key] = quarantine
        if quarantine.feed is not None:
            self._consecutive_quarantines[quarantine.feed] = self._consecutive_quarantines.get(quarantine.feed, 0) + 1
        return True

    def release(self, quarantine: Quarantine) -> bool:
        key = (quarantine.feed, quarantine.batch_id)
        if not isinstance(self._found.get(key), Quarantine):
            return False
        self._released.add(key)
        return True

    def is_released(self, feed: Feed | None, batch_id: str) -> bool:
        return (feed, batch_id) in self._released

    def is_published(self, feed: Feed | None, batch_id: str) -> bool:
        return (feed, batch_id) in self._published

    def mark_published(self, feed: Feed | None, batch_id: str) -> None:
        if (feed, batch_id) in self._found or (feed, batch_id) in self._requests:
            self._published.add((feed, batch_id))

    def is_committed(self, feed: Feed, batch_id: str) -> bool:
        return (feed, batch_id) in self._committed

    def mark_committed(self, feed: Feed, batch_id: str) -> None:
        if (feed, batch_id) in self._found:
            self._committed.add((feed, batch_id))

    def verdicts(self, model: str, group: str, *, limit: int) -> Sequence[DriftVerdict]:
        found = [
            verdict
            for (feed, _), some in self._verdicts.items()
            for verdict in some
            if verdict.model == model and feed is not None and feed.name == group
        ]
        return sorted(found, key=lambda verdict: verdict.event_time_min, reverse=True)[:limit]

    def batch_verdicts(self, feed: Feed, batch_id: str) -> Sequence[DriftVerdict]:
        return list(self._verdicts.get((feed, batch_id), ()))

    def batches(
        self, feed: Feed, *, limit: int, since: datetime | None = None, before: datetime | None = None
    ) -> Sequence[Batch]:
        found = [
            entry
            for entry in self._found.values()
            if isinstance(entry, Batch)
            and entry.feed == feed
            and (since is None or entry.event_time_min >= since)
            and (before is None or entry.event_time_min < before)
        ]
        return sorted(found, key=lambda batch: batch.event_time_min, reverse=True)[:limit]

    def flagged(self, model: str, group: str) -> Sequence[DriftVerdict]:
        return [each for each in self.verdicts(model, group, limit=MAX_FLAGGED) if is_flagged(each)]

    def accept(self, acceptance: Acceptance) -> None:
        self._acceptances[acceptance.feed, acceptance.code, acceptance.column] = acceptance

    def acceptances(self, feed: Feed) -> Sequence[Acceptance]:
        return [each for (of, _, _), each in self._acceptances.items() if of == feed]

    def record_request_verdict(self, verdict: DriftVerdict, *, feed: Feed) -> bool:
        if (feed, verdict.batch_id) in self._requests:
            return False
        self._requests[feed, verdict.batch_id] = verdict
        return True

    def request_verdicts(self, model: str, *, limit: int) -> Sequence[DriftVerdict]:
        found = [verdict for verdict in self._requests.values() if verdict.model == model]
        return sorted(found, key=lambda verdict: verdict.event_time_max, reverse=True)[:limit]

    def quarantines(self, *, limit: int) -> Sequence[Quarantine]:
        found = [entry for entry in self._found.values() if isinstance(entry, Quarantine)]
        return sorted(found, key=lambda quarantine: quarantine.quarantined_at, reverse=True)[:limit]

    def consecutive_quarantines(self, feed: Feed) -> int:
        return self._consecutive_quarantines.get(feed, 0)


@dataclass
class InMemoryLabelProgress:
    measured: dict[str, LabelProgress] = field(default_factory=dict)

    def progress(self, model: str) -> LabelProgress | None:
        return self.measured.get(model)

    def put_progress(self, model: str, progress: LabelProgress) -> None:
        earlier = self.measured.get(model)
        if earlier is None or earlier.measured_at < progress.measured_at:
            self.measured[model] = progress


@dataclass
class InMemoryTableStates:
    states: dict[Feed, TableState] = field(default_factory=dict)

    def get(self, feed: Feed) -> TableState | None:
        return self.states.get(feed)

    def put(self, feed: Feed, state: TableState) -> None:
        earlier = self.states.get(feed)
        if earlier is None or earlier.version < state.version:
            self.states[feed] = state

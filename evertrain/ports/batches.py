"""Landed objects, and the log of what became of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Batch, Feed, LandedObject, Quarantine
from evertrain.domain.monitoring.doubts import Acceptance
from evertrain.domain.monitoring.drift import DriftVerdict

MAX_FLAGGED = 1_000


class ObjectGone(EvertrainError):
    """The landed object was deleted before it was read."""


class LandingZone(Protocol):
    def read(self, landed: LandedObject) -> BinaryIO:
        """The object, seekable and at its beginning; a large one is kept on disk. Raises ObjectGone."""

    def size(self, landed: LandedObject) -> int:
        """Bytes. Raises ObjectGone."""

    def landed_at(self, landed: LandedObject) -> datetime:
        """When what is there now was put there, to the second. Raises ObjectGone."""

    def chunks(self, landed: LandedObject) -> Iterator[bytes]:
        """The object from its beginning, some bytes at a time. Raises ObjectGone."""

    def read_ranges(self, landed: LandedObject, *ranges: tuple[int, int]) -> BinaryIO:
        """A file as long as the object in which only these ranges, (offset, length), are there. Raises ObjectGone."""


class LandingWriter(Protocol):
    def put(self, key: str, body: bytes) -> None:
        """An object as anyone may land it."""


class QuarantineStore(Protocol):
    def put(self, quarantine: Quarantine, body: BinaryIO) -> str:
        """Keeps a copy of the object beside a JSON of the reasons; returns the copy's URI. Repeating is harmless."""

    def copy(self, quarantine: Quarantine, landed: LandedObject) -> str:
        """The same for an object that nobody holds whole."""


class BatchLog(Protocol):
    """Each batch is recorded once, by its content; the first record wins."""

    def find(self, feed: Feed | None, batch_id: str) -> Batch | Quarantine | None: ...

    def record(self, batch: Batch, verdicts: Sequence[DriftVerdict]) -> bool:
        """The batch and its verdicts in one transaction. False where the batch was recorded before."""

    def record_quarantine(self, quarantine: Quarantine) -> bool:
        """False where it was recorded before."""

    def release(self, quarantine: Quarantine) -> bool:
        """A person found nothing wrong. From now on `find` does not return it, and its content may be recorded as a
        batch. False where it was released before."""

    def is_released(self, feed: Feed | None, batch_id: str) -> bool: ...

    def is_published(self, feed: Feed | None, batch_id: str) -> bool: ...

    def mark_published(self, feed: Feed | None, batch_id: str) -> None:
        """The batch's events are on the bus: a repeated delivery need not publish them again."""

    def is_committed(self, feed: Feed, batch_id: str) -> bool: ...

    def mark_committed(self, feed: Feed, batch_id: str) -> None:
        """The batch is in its table, which itself remembers that for some weeks only."""

    def verdicts(self, model: str, group: str, *, limit: int) -> Sequence[DriftVerdict]:
        """On batches of one feature group, the newest by event time first."""

    def batch_verdicts(self, feed: Feed, batch_id: str) -> Sequence[DriftVerdict]:
        """All verdicts on one batch, for every model that was judged."""

    def batches(
        self, feed: Feed, *, limit: int, since: datetime | None = None, before: datetime | None = None
    ) -> Sequence[Batch]:
        """The newest by event time first; those whose earliest event is from `since` on and before `before`."""

    def flagged(self, model: str, group: str) -> Sequence[DriftVerdict]:
        """The verdicts on one feature group's batches that have doubtful or settled faults, the newest by event time
        first; of the last `MAX_FLAGGED`."""

    def accept(self, acceptance: Acceptance) -> None:
        """A person's word; repeating it changes nothing."""

    def acceptances(self, feed: Feed) -> Sequence[Acceptance]: ...

    def record_request_verdict(self, verdict: DriftVerdict, *, feed: Feed) -> bool:
        """A verdict on a day of requests, which is no single batch. False where it was recorded before."""

    def request_verdicts(self, model: str, *, limit: int) -> Sequence[DriftVerdict]:
        """Verdicts on requests, those up to the latest event first."""

    def quarantines(self, *, limit: int) -> Sequence[Quarantine]:
        """Of all feeds, the newest first."""

    def consecutive_quarantines(self, feed: Feed) -> int:
        """How many objects of this feed were set aside since the last one that was accepted."""

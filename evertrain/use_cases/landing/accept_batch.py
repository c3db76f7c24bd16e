"""A person says that what looks like a fault is how it is from now on: for this batch, and for later ones like it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import COMPARISON_FAULT_CODES, Fault, Feed, FeedKind, Quarantine
from evertrain.domain.landing.feeds import group_feed
from evertrain.domain.monitoring.doubts import Acceptance
from evertrain.domain.project.model import Project
from evertrain.ports.batches import BatchLog
from evertrain.ports.clock import Clock
from evertrain.use_cases.landing.release_batch import MAX_QUARANTINES, ReleaseBatch, require_releasable


class NothingToAccept(EvertrainError):
    """There is no such batch with a fault that a person could accept."""

    exit_status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedBatch:
    """`faults`: what is the new normal. `was_set_aside`: whether it is landed again now."""

    batch_id: str
    feed: Feed
    faults: tuple[Fault, ...]
    was_set_aside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    batch_id: str
    feed: Feed
    faults: tuple[Fault, ...]
    event_time_max: datetime
    quarantine: Quarantine | None = None


@dataclass(frozen=True, kw_only=True)
class AcceptBatch:
    """`land_again` puts the quarantined object where it had landed."""

    project: Project
    batches: BatchLog
    clock: Clock
    land_again: Callable[[Quarantine], None]

    def run(self, batch_id: str) -> AcceptedBatch:
        """`batch_id`: all of it, or its beginning. Raises NothingToAccept, or NotReleasable."""
        found = self._find(batch_id)
        if found.quarantine is not None:
            require_releasable(found.quarantine)
        now = self.clock.now()
        # The word first: landed again before it, the next batch could still be set aside.
        for fault in found.faults:
            self.batches.accept(
                Acceptance(
                    feed=found.feed,
                    batch_id=found.batch_id,
                    code=fault.code,
                    column=fault.column,
                    event_time_max=found.event_time_max,
                    accepted_at=now,
                )
            )
        if found.quarantine is not None:
            ReleaseBatch(batches=self.batches, land_again=self.land_again).release(found.quarantine)
        return AcceptedBatch(
            batch_id=found.batch_id,
            feed=found.feed,
            faults=found.faults,
            was_set_aside=found.quarantine is not None,
        )

    def _find(self, batch_id: str) -> _Found:
        matches = {
            found.batch_id: found
            for found in (*self._doubted(), *self._set_aside())
            if found.batch_id.startswith(batch_id)
        }
        if len(matches) != 1:
            description = "no batch" if not matches else f"{len(matches)} batches"
            raise NothingToAccept(
                f"{description} with a doubtful fault, or set aside for one, has an id that begins with {batch_id}; "
                "see `evertrain doubts` and `evertrain quarantine`"
            )
        (found,) = matches.values()
        return found

    def _doubted(self) -> Iterator[_Found]:
        for model in self.project.models.values():
            for group in model.groups:
                for verdict in self.batches.flagged(model.name, group.name):
                    if verdict.doubts:
                        yield _Found(
                            batch_id=verdict.batch_id,
                            feed=group_feed(group.name),
                            faults=verdict.doubts,
                            event_time_max=verdict.event_time_max,
                        )

    def _set_aside(self) -> Iterator[_Found]:
        for quarantine in self.batches.quarantines(limit=MAX_QUARANTINES):
            feed = quarantine.feed
            if feed is None or feed.kind is not FeedKind.FEATURES:
                continue
            if any(fault.code in COMPARISON_FAULT_CODES for fault in quarantine.faults):
                yield _Found(
                    batch_id=quarantine.batch_id,
                    feed=feed,
                    faults=tuple(fault for fault in quarantine.faults if fault.code in COMPARISON_FAULT_CODES),
                    event_time_max=quarantine.quarantined_at,
                    quarantine=quarantine,
                )

"""Which batches were accepted although they may be faulty, and what was decided on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from evertrain.domain.landing.batches import Fault
from evertrain.domain.landing.feeds import group_feed
from evertrain.domain.monitoring.doubts import undecided
from evertrain.domain.project.model import Project
from evertrain.ports.batches import BatchLog


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtedBatch:
    """`is_undecided`: its rows are kept out of training."""

    batch_id: str
    model: str
    group: str
    event_time_min: datetime
    faults: tuple[Fault, ...]
    is_undecided: bool


@dataclass(frozen=True, kw_only=True)
class DoubtedBatches:
    project: Project
    batches: BatchLog

    def run(self, *, limit: int) -> Sequence[DoubtedBatch]:
        """The newest by event time first."""
        found = [
            each
            for model in self.project.models.values()
            for group in model.groups
            for each in self._of(model.name, group.name)
        ]
        return list(islice(sorted(found, key=lambda each: each.event_time_min, reverse=True), limit))

    def _of(self, model: str, group: str) -> list[DoubtedBatch]:
        flagged = self.batches.flagged(model, group)
        starts = {each.start for each in undecided(flagged, self.batches.acceptances(group_feed(group)))}
        return [
            DoubtedBatch(
                batch_id=verdict.batch_id,
                model=model,
                group=group,
                event_time_min=verdict.event_time_min,
                faults=verdict.doubts,
                is_undecided=verdict.event_time_min in starts,
            )
            for verdict in flagged
            if verdict.doubts
        ]

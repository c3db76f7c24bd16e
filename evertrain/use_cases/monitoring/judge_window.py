"""The drift of a window of batches, such as a day or a week, from the sketches that the monitor kept. No rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.feeds import prediction_feed
from evertrain.domain.monitoring.drift import Findings
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.release.registry import Champion
from evertrain.ports.batches import BatchLog
from evertrain.ports.drift_records import DriftRecords
from evertrain.ports.registry import ModelRegistry
from evertrain.statistics.reference import Reference
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.verdict import judge
from evertrain.use_cases.monitoring.kept_sketches import find_usable_sketch

MAX_BATCHES = 10_000


class EmptyWindow(EvertrainError):
    """There is no champion, or no batch that was compared with its reference."""


@dataclass(frozen=True, kw_only=True)
class WindowDrift:
    """`skipped_batches`: batches of the window that are not merged: they were compared with an earlier champion's
    reference, or what was kept of them can't be used."""

    reference_version: str
    findings: Findings
    reference: Reference
    sketch: Sketch
    batches: int
    skipped_batches: int


@dataclass(frozen=True, kw_only=True)
class JudgeWindow:
    registry: ModelRegistry
    batches: BatchLog
    records: DriftRecords
    load_reference: Callable[[str], Reference]

    def run(self, spec: ModelSpec, group: str, *, since: datetime) -> WindowDrift:
        """Of the group's batches that hold events from `since` on. Raises EmptyWindow."""
        champion = self._champion(spec)
        inside = [
            (verdict.batch_id, verdict.sketch_sha256)
            for verdict in self.batches.verdicts(spec.name, group, limit=MAX_BATCHES)
            if verdict.event_time_max >= since
        ]
        reference = self.load_reference(champion.reference_uri).for_group(group)
        return self._judge(spec, champion, inside, reference, since)

    def judge_requests(self, spec: ModelSpec, *, since: datetime) -> WindowDrift:
        """Of the requests to the endpoint from `since` on, and of its answers. Raises as `run` does."""
        champion = self._champion(spec)
        feed = prediction_feed(spec)
        inside = [(batch.batch_id, "") for batch in self.batches.batches(feed, limit=MAX_BATCHES, since=since)]
        reference = self.load_reference(champion.reference_uri).for_requests
        return self._judge(spec, champion, inside, reference, since)

    def _champion(self, spec: ModelSpec) -> Champion:
        champion = self.registry.champion(spec.name)
        if champion is None:
            raise EmptyWindow(f"{spec.name} has no champion yet: there is nothing to compare with")
        return champion

    def _judge(
        self,
        spec: ModelSpec,
        champion: Champion,
        inside: Sequence[tuple[str, str]],
        reference: Reference,
        since: datetime,
    ) -> WindowDrift:
        """`inside`: ids of batches, each with the digest of its sketch where that is known."""
        found = [
            find_usable_sketch(
                self.records,
                reference,
                model=spec.name,
                version=champion.version,
                batch_id=batch_id,
                expected_sha256=digest,
            )
            for batch_id, digest in inside
        ]
        kept = [sketch for sketch in found if sketch is not None]
        if not kept:
            raise EmptyWindow(_describe_empty(spec.name, len(inside), champion, since))
        sketch = merge(kept)
        return WindowDrift(
            reference_version=champion.version,
            findings=judge(reference, sketch, policy=spec.triggers.drift),
            reference=reference,
            sketch=sketch,
            batches=len(kept),
            skipped_batches=len(inside) - len(kept),
        )


def _describe_empty(model: str, batches: int, champion: Champion, since: datetime) -> str:
    window = f"since {since:%Y-%m-%d %H:%M}"
    if not batches:
        return f"{model}: there is no batch {window}; begin earlier with --since, such as --since 30d"
    return (
        f"{model}: no batch {window} ({batches:,} landed) was compared with champion {champion.version}, which "
        f"answers since {champion.since:%Y-%m-%d %H:%M}; ask again when the next one has landed"
    )

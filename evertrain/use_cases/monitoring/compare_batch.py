"""How far does a batch lie from the training rows of each champion that uses its feature group?

Three steps, so that a huge batch can be sketched in parts: the references, the sketches, the verdict.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.landing.batches import Batch, Fault, Feed, FeedKind
from evertrain.domain.landing.large_batches import PinnedReference
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict, Findings
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.ports.batch_reader import BatchRows
from evertrain.ports.batches import BatchLog
from evertrain.ports.drift_records import DriftRecords
from evertrain.ports.registry import ModelRegistry
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import InvalidReference, Reference
from evertrain.statistics.sketch import ColumnMismatch, InvalidSketch, Sketch, merge
from evertrain.statistics.verdict import judge

logger = logging.getLogger(__name__)

LOOKBACK_BATCHES = 20
"""For the one before: late ones may have come in between."""


@dataclass(frozen=True, kw_only=True)
class BatchComparison:
    """A batch beside a champion's reference; `compared` is None where there is none, or none that fits."""

    spec: ModelSpec
    version: str
    findings: Findings
    compared: tuple[Reference, Sketch] | None


@dataclass(frozen=True, kw_only=True)
class CompareBatch:
    """`load_reference` answers the reference at a URI; it may keep those that it has loaded."""

    project: Project
    registry: ModelRegistry
    load_reference: Callable[[str], Reference]
    batches: BatchLog
    records: DriftRecords

    def pin_references(self, feed: Feed) -> Mapping[str, PinnedReference]:
        """By model, the champion of the moment and its reference: what the whole batch is compared with."""
        champions = [(spec.name, self.registry.champion(spec.name)) for spec in self._models(feed)]
        return {
            model: PinnedReference(version=champion.version, reference_uri=champion.reference_uri)
            for model, champion in champions
            if champion is not None
        }

    def sketches(self, feed: Feed, pinned: Mapping[str, PinnedReference], rows: BatchRows) -> Mapping[str, Sketch]:
        """By model, of a batch or of a part of it; none where a reference is unreadable or does not fit."""
        by_model = {}
        for model, each in pinned.items():
            reference = self._reference(feed, model, each)
            if reference is None:
                continue
            names = [feature.name for feature in reference.features]
            try:
                by_model[model] = merge([reference.sketch(part) for part in rows.parts(names)])
            except ColumnMismatch:
                continue  # a column is declared otherwise now
        return by_model

    def compare(
        self,
        feed: Feed,
        pinned: Mapping[str, PinnedReference],
        sketches: Mapping[str, Sketch],
        *,
        batch_start: datetime,
    ) -> Sequence[BatchComparison]:
        """One for each model on the feed. `batch_start`: the batch's earliest event."""
        return [
            self._compare(feed, spec, pinned.get(spec.name), sketches.get(spec.name), batch_start)
            for spec in self._models(feed)
        ]

    def save(self, comparison: BatchComparison, batch: Batch, *, now: datetime) -> DriftVerdict:
        """The verdict, once its sketch and its page are kept."""
        verdict = DriftVerdict.from_findings(
            comparison.findings,
            model=comparison.spec.name,
            batch_id=batch.batch_id,
            group=batch.feed.name,
            reference_version=comparison.version,
            rows=batch.rows,
            event_time_min=batch.event_time_min,
            event_time_max=batch.event_time_max,
            checked_at=now,
        )
        if comparison.compared is not None:
            reference, sketch = comparison.compared
            page = _page(verdict, batch, reference, sketch)
            self.records.save(verdict, sketch=sketch.to_bytes(), page=page.render())
        return verdict

    def _models(self, feed: Feed) -> Iterable[ModelSpec]:
        return self.project.models_using(feed.name) if feed.kind is FeedKind.FEATURES else ()

    def _reference(self, feed: Feed, model: str, pinned: PinnedReference) -> Reference | None:
        try:
            reference = self.load_reference(pinned.reference_uri).for_group(feed.name)
        except InvalidReference:
            # Of a format before this code's: batches must go on, or there would never be rows for a new champion.
            logger.exception("reference_unreadable model=%s version=%s", model, pinned.version)
            return None
        if not all(self.project.groups[feed.name].has_column(feature.name) for feature in reference.features):
            return None  # the group got a part in the model, or lost one, since: nothing to compare until the next
        return reference

    def _compare(
        self,
        feed: Feed,
        spec: ModelSpec,
        pinned: PinnedReference | None,
        sketch: Sketch | None,
        batch_start: datetime,
    ) -> BatchComparison:
        version = "" if pinned is None else pinned.version
        reference = None if pinned is None or sketch is None else self._reference(feed, spec.name, pinned)
        if reference is None or sketch is None:
            nothing = Findings(status=DriftStatus.NO_REFERENCE)
            return BatchComparison(spec=spec, version=version, findings=nothing, compared=None)
        before = self._previous_sketch(feed, spec, version, batch_start)
        findings = judge(reference, sketch, policy=spec.triggers.drift, before=before)
        return BatchComparison(spec=spec, version=version, findings=findings, compared=(reference, sketch))

    def _previous_sketch(self, feed: Feed, spec: ModelSpec, version: str, moment: datetime) -> Sketch | None:
        """Of the newest good batch of the feed before this moment that was compared with the same reference."""
        for verdict in self.batches.verdicts(spec.name, feed.name, limit=LOOKBACK_BATCHES):
            if verdict.event_time_min < moment and verdict.reference_version == version:
                kept = self.records.find_sketch(model=spec.name, version=version, batch_id=verdict.batch_id)
                return None if kept is None else _readable(kept)
        return None


def collect_faults(comparisons: Iterable[BatchComparison]) -> list[Fault]:
    """Each once, however many models' references say so."""
    faults = {
        (fault.code, fault.column): fault
        for comparison in comparisons
        if comparison.spec.triggers.drift.quarantine_faults
        for fault in comparison.findings.faults
    }
    return list(faults.values())


def _readable(kept: bytes) -> Sketch | None:
    """None where the sketch is of a format before this code's: nothing is compared with it then."""
    try:
        return Sketch.from_bytes(kept)
    except InvalidSketch:
        return None


def _page(verdict: DriftVerdict, batch: Batch, reference: Reference, sketch: Sketch) -> DriftPage:
    return DriftPage(
        title=f"{verdict.model}: {batch.source_key}",
        before=f"training rows of {verdict.reference_version}",
        after=f"{batch.event_time_min:%Y-%m-%d %H:%M} to {batch.event_time_max:%Y-%m-%d %H:%M} UTC",
        findings=verdict,
        reference=reference,
        sketch=sketch,
    )

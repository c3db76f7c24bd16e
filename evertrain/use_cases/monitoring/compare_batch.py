"""How far does a batch lie from the training rows of each champion that uses its feature group?

Three steps, so that a huge batch can be sketched in parts: the references, the sketches, the verdict.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Batch, Fault, FaultStanding, Feed, FeedKind
from evertrain.domain.landing.large_batches import PinnedReference
from evertrain.domain.monitoring.doubts import settle
from evertrain.domain.monitoring.drift import DriftVerdict, Findings
from evertrain.domain.project.feature_group import FeatureGroup, FeatureKind
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.release.registry import UnknownVersion
from evertrain.ports.artifacts import ArtifactDigestMismatch, ArtifactNotFound
from evertrain.ports.batch_reader import BatchRows
from evertrain.ports.batches import BatchLog
from evertrain.ports.drift_records import DriftRecords
from evertrain.ports.registry import ModelRegistry
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import InvalidReference, Reference
from evertrain.statistics.sketch import ColumnMismatch, InvalidSketch, LayoutMismatch, Sketch, merge
from evertrain.statistics.verdict import judge
from evertrain.use_cases.monitoring.kept_sketches import find_sketch_of, keep

logger = logging.getLogger(__name__)

LOOKBACK_BATCHES = 20
"""For those before: late ones may have come in between."""

EARLIER_SKETCHES = 3
"""A fault that begins in the middle of a batch shows beside an older one."""

COMPARISON_ERRORS = (
    UnknownVersion,
    ArtifactNotFound,
    ArtifactDigestMismatch,
    InvalidReference,
    InvalidSketch,
    LayoutMismatch,
    ColumnMismatch,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a reference can cause that is missing, damaged, or of another time. One model's trouble stays its own: the
batch is accepted, and judged for the others. Faults of AWS are none of these; the whole batch is tried again."""


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
            model: PinnedReference(
                version=champion.version,
                reference_uri=champion.reference_uri,
                trained_until=champion.trained_until,
            )
            for model, champion in champions
            if champion is not None
        }

    def sketches(self, feed: Feed, pinned: Mapping[str, PinnedReference], rows: BatchRows) -> Mapping[str, Sketch]:
        """By model, of a batch or of a part of it; none where the reference can't be used."""
        by_model = {}
        for model, each in pinned.items():
            try:
                reference = self._reference(feed, each)
                names = [feature.name for feature in reference.features]
                by_model[model] = merge([reference.sketch(part) for part in rows.parts(names)])
            except COMPARISON_ERRORS:
                logger.exception("not_sketched model=%s version=%s", model, each.version)
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
        if comparison.compared is None:
            return verdict
        reference, sketch = comparison.compared
        return keep(self.records, verdict, sketch, page=_page(verdict, batch, reference, sketch))

    def _models(self, feed: Feed) -> Iterable[ModelSpec]:
        return self.project.models_using(feed.name) if feed.kind is FeedKind.FEATURES else ()

    def _reference(self, feed: Feed, pinned: PinnedReference) -> Reference:
        """Raises one of COMPARISON_ERRORS."""
        reference = self.load_reference(pinned.reference_uri).for_group(feed.name)
        require_same_columns(reference, self.project.groups[feed.name])
        return reference

    def _compare(
        self,
        feed: Feed,
        spec: ModelSpec,
        pinned: PinnedReference | None,
        sketch: Sketch | None,
        batch_start: datetime,
    ) -> BatchComparison:
        if pinned is None:
            return BatchComparison(spec=spec, version="", findings=Findings.not_compared(), compared=None)
        try:
            reference = self._reference(feed, pinned)
            if sketch is None:
                raise InvalidSketch("its rows could not be counted in the reference's cells")
            before = self._verdicts_before(feed, spec, pinned.version, batch_start)
            earlier = self._good_sketches(reference, before)
            findings = judge(reference, sketch, policy=spec.triggers.drift, earlier=earlier)
            faults = settle(
                findings.faults,
                before=before,
                acceptances=self.batches.acceptances(feed) if findings.faults else (),
                trained_until=pinned.trained_until,
            )
            findings = replace(findings, faults=faults)
        except COMPARISON_ERRORS as error:
            logger.exception("not_compared model=%s version=%s feed=%s", spec.name, pinned.version, feed)
            findings = Findings.not_compared(describe_trouble(error, version=pinned.version))
            return BatchComparison(spec=spec, version=pinned.version, findings=findings, compared=None)
        return BatchComparison(spec=spec, version=pinned.version, findings=findings, compared=(reference, sketch))

    def _verdicts_before(self, feed: Feed, spec: ModelSpec, version: str, moment: datetime) -> list[DriftVerdict]:
        """On batches of the feed before this moment that were compared with the same reference, the newest first."""
        return [
            verdict
            for verdict in self.batches.verdicts(spec.name, feed.name, limit=LOOKBACK_BATCHES)
            if verdict.event_time_min < moment and verdict.reference_version == version
        ]

    def _good_sketches(self, reference: Reference, verdicts: Sequence[DriftVerdict]) -> list[Sketch]:
        good = [verdict for verdict in verdicts if not verdict.doubts][:EARLIER_SKETCHES]
        found = (find_sketch_of(self.records, reference, verdict) for verdict in good)
        return [sketch for sketch in found if sketch is not None]


def require_same_columns(reference: Reference, group: FeatureGroup) -> None:
    """Raises ColumnMismatch where the group's declaration changed since the champion was trained."""
    for feature in reference.features:
        if not group.has_column(feature.name):
            raise ColumnMismatch(
                f"{feature.name}: the reference has this feature, features/{group.name}.toml does not"
            )
        kinds = {feature.kind, group.column(feature.name).kind}
        if len(kinds) > 1 and FeatureKind.CATEGORICAL in kinds:
            raise ColumnMismatch(
                f"{feature.name}: it was {feature.kind.value} in training and is declared otherwise now"
            )


def describe_trouble(error: Exception, *, version: str) -> str:
    """One sentence for whoever is called, with nothing of any row in it.

    >>> describe_trouble(InvalidReference("not a reference: it is damaged"), version="v1")
    "the reference of v1 can't be used: InvalidReference: not a reference: it is damaged"
    """
    detail = f": {error}" if isinstance(error, EvertrainError) else ""
    return f"the reference of {version} can't be used: {type(error).__name__}{detail}"


def collect_faults(comparisons: Iterable[BatchComparison]) -> list[Fault]:
    """The certain ones, each once, however many models' references say so."""
    faults = {
        (fault.code, fault.column): fault
        for comparison in comparisons
        if comparison.spec.triggers.drift.quarantine_faults
        for fault in comparison.findings.faults
        if fault.standing is FaultStanding.CERTAIN
    }
    return list(faults.values())


def _page(verdict: DriftVerdict, batch: Batch, reference: Reference, sketch: Sketch) -> DriftPage:
    return DriftPage(
        title=f"{verdict.model}: {batch.source_key}",
        before=f"training rows of {verdict.reference_version}",
        after=f"{batch.event_time_min:%Y-%m-%d %H:%M} to {batch.event_time_max:%Y-%m-%d %H:%M} UTC",
        findings=verdict,
        reference=reference,
        sketch=sketch,
    )

"""Keeps the feature store's tables fast to read and to commit to. No version that a model was trained on is lost."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from evertrain.domain.landing.batches import Feed
from evertrain.domain.landing.feeds import all_feeds, label_feeds
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.store.labels import LabelProgress, LabelTables, label_tables, label_watermark
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import MaintenanceResult, TableMaintenance, TableStates
from evertrain.ports.registry import ModelRegistry
from evertrain.use_cases.store.measure_label_progress import MeasureLabelProgress

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceReport:
    """`tables`: of feeds that have one. `labels`: by model, how its labels come in; `complete_to`: the event time
    before which they count as complete, where some have come. `failures`: what was not done."""

    tables: Mapping[Feed, MaintenanceResult]
    labels: Mapping[str, LabelProgress]
    complete_to: Mapping[str, datetime] = field(default_factory=dict)
    failures: tuple[Exception, ...] = ()

    def raise_failures(self) -> None:
        """Raises the failures, if there are any: after what was done has been told."""
        if self.failures:
            raise ExceptionGroup("the feature store was maintained in part", self.failures)


@dataclass(frozen=True, kw_only=True)
class MaintainStore:
    project: Project
    tables: TableMaintenance
    states: TableStates
    registry: ModelRegistry
    labels: MeasureLabelProgress
    clock: Clock

    def run(self) -> MaintenanceReport:
        """One table's failure holds up no other, and no measurement."""
        retained_versions, now = self._retained_versions(), self.clock.now()
        results, measured, complete_to = {}, {}, {}
        failures: list[Exception] = []
        for feed in all_feeds(self.project):
            with _collect_failures(failures, f"the maintenance of {feed}"):
                result = self.tables.maintain(feed, retained_versions=retained_versions.get(str(feed), ()), now=now)
                if result is not None:
                    self.states.put(feed, result.state)
                    results[feed] = result
        # Now that there are few files to read.
        for spec in self.project.models.values():
            with _collect_failures(failures, f"measuring the labels of {spec.name}"):
                progress = self.labels.run(spec)
                if progress is not None:
                    measured[spec.name] = progress
                    if (labels := self._labels(spec)) is not None:
                        complete_to[spec.name] = label_watermark(labels, spec=spec.label, now=now, progress=progress)
        return MaintenanceReport(tables=results, labels=measured, complete_to=complete_to, failures=tuple(failures))

    def _labels(self, spec: ModelSpec) -> LabelTables | None:
        return label_tables(spec, {feed: self.states.get(feed) for feed in label_feeds(spec)})

    def _retained_versions(self) -> dict[str, Sequence[int]]:
        """By feed, the table versions that registered models, rejected ones too, were trained on."""
        retained_versions: dict[str, set[int]] = {}
        for model in self.registry.models():
            for version in self.registry.versions(model):
                for feed, number in version.table_versions.items():
                    retained_versions.setdefault(feed, set()).add(number)
        return {feed: sorted(numbers) for feed, numbers in retained_versions.items()}


@contextmanager
def _collect_failures(failures: list[Exception], what: str) -> Iterator[None]:
    try:
        yield
    except Exception as failure:
        logger.exception("failed what=%r", what)
        failures.append(failure)

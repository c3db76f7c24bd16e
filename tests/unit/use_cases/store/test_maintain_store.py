"""Every table is kept up, each with the versions that registered models need, whatever happens to another."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from evertrain.adapters.memory.batches import InMemoryLabelProgress, InMemoryTableStates
from evertrain.adapters.memory.messages import InMemoryClock
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.landing.batches import Feed
from evertrain.domain.project.model import Project
from evertrain.domain.store.labels import LabelProgress, LabelTables, label_watermark
from evertrain.ports.feature_store import MaintenanceResult
from evertrain.use_cases.store.maintain_store import MaintainStore, MaintenanceReport
from evertrain.use_cases.store.measure_label_progress import MeasureLabelProgress
from tests.builders.batches import FEATURES, LABELS, a_table_state
from tests.builders.models import NOW, a_group, a_model, days
from tests.builders.registry import a_version


@dataclass
class FakeMaintenance:
    broken: Feed | None = None
    asked: dict[Feed, list[int]] = field(default_factory=dict)

    def maintain(self, feed: Feed, *, retained_versions: Sequence[int], now: datetime) -> MaintenanceResult | None:
        assert now == NOW
        if feed == self.broken:
            raise OSError("the store does not answer")
        self.asked[feed] = list(retained_versions)
        if feed not in (FEATURES, LABELS):
            return None
        return MaintenanceResult(state=a_table_state(version=50), merged=20, written=1, removed=0)


@dataclass
class Maintenance:
    tables: FakeMaintenance = field(default_factory=FakeMaintenance)
    states: InMemoryTableStates = field(default_factory=InMemoryTableStates)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)

    progress: InMemoryLabelProgress = field(default_factory=InMemoryLabelProgress)
    measured: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> MaintenanceReport:
        return MaintainStore(
            project=Project(groups={"trips": a_group()}, models={"trips": a_model()}),
            tables=self.tables,
            states=self.states,
            registry=self.registry,
            labels=MeasureLabelProgress(tables=self, log=self.progress, clock=InMemoryClock(NOW)),
            clock=InMemoryClock(NOW),
        ).run()

    def measure(self, features: Feed, labels: Feed, **asked: Any) -> LabelProgress:
        self.measured.append({"features": features, "labels": labels, **asked})
        return LabelProgress(measured_at=asked["now"], days=(), latency=(), unmatched=3)


def test_what_registered_models_were_trained_on_is_needed_even_of_a_model_that_is_gone() -> None:
    maintenance = Maintenance()
    maintenance.registry.register(a_version("v1"))
    of_another = replace(a_version("v1"), model="boats", table_versions={"features/trips": 7, "labels/boats": 2})
    maintenance.registry.register(of_another)
    assert set(maintenance.run().tables) == {FEATURES, LABELS}
    assert maintenance.tables.asked[FEATURES] == [7, 40]
    assert maintenance.tables.asked[LABELS] == [37]


def test_the_new_state_is_noted() -> None:
    maintenance = Maintenance()
    maintenance.run()
    state = maintenance.states.get(FEATURES)
    assert state is not None
    assert state.version == 50


def test_one_broken_table_holds_up_no_other_and_is_told() -> None:
    maintenance = Maintenance(tables=FakeMaintenance(broken=FEATURES))
    done = maintenance.run()
    assert set(done.tables) == {LABELS}
    assert done.labels["trips"] == maintenance.progress.progress("trips")
    assert maintenance.states.get(LABELS) is not None
    assert maintenance.states.get(FEATURES) is None
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="does not answer")):
        done.raise_failures()


def test_labels_that_cannot_be_measured_hold_up_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    maintenance = Maintenance()
    monkeypatch.setattr(maintenance.progress, "put_progress", unreachable)
    done = maintenance.run()
    assert (set(done.tables), done.labels) == ({FEATURES, LABELS}, {})
    with pytest.RaisesGroup(OSError):
        done.raise_failures()


def unreachable(*_: object) -> None:
    raise OSError("the store does not answer")


def test_what_was_done_wholly_raises_nothing() -> None:
    Maintenance().run().raise_failures()


def test_labels_are_measured_and_remembered() -> None:
    maintenance = Maintenance()
    assert maintenance.run().labels["trips"].unmatched == 3
    (asked,) = maintenance.measured
    assert (asked["features"], asked["labels"], asked["key"], asked["label"]) == (FEATURES, LABELS, "trip_id", "late")
    assert (asked["now"], asked["matured_before"]) == (NOW, NOW - days(3))
    assert maintenance.progress.progress("trips") == maintenance.run().labels["trips"]


def test_to_when_labels_are_complete_is_told_as_a_retraining_takes_it() -> None:
    maintenance = Maintenance()
    complete_to = maintenance.run().complete_to
    labels = maintenance.states.get(LABELS)
    assert labels is not None
    assert complete_to == {"trips": label_watermark(LabelTables(row_labels=labels), spec=a_model().label, now=NOW)}


def test_before_labels_have_landed_nothing_is_complete() -> None:
    assert Maintenance(tables=FakeMaintenance(broken=LABELS)).run().complete_to == {}

"""From landing to commit, the process may end at any step: what is delivered again is done once.

The store is a real one; queues deliver again whatever was not handled, and everything else is in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from evertrain.adapters.memory.batches import (
    InMemoryBatchLog,
    InMemoryLandingZone,
    InMemoryQuarantineStore,
    InMemoryTableStates,
)
from evertrain.adapters.memory.drift_records import InMemoryDriftRecords
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEventBus
from evertrain.domain.events import ACCEPTED_EVENTS, Event
from evertrain.domain.landing.batches import Batch, Feed, Quarantine
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.model import Project
from evertrain.statistics.reference import Reference
from evertrain.use_cases.store.commit_batch import CommitBatch
from tests.builders.batches import FEATURES, LABELS
from tests.builders.crash_injection import Crash, CrashInjector, retry_until_done
from tests.builders.landed import features_frame, landed_features, landed_labels
from tests.builders.models import NOW, a_group
from tests.builders.monitoring import Monitor, a_reference
from tests.builders.store import ALL_TIME, PROJECT, FolderBatchFiles, Store

DRIFTED = features_frame(day=2, rows=300)["wind"] * 4
LANDED = {
    "features/trips/1.parquet": landed_features(day=1),
    "features/trips/2.parquet": landed_features(day=2, rows=300, wind=DRIFTED),
    "labels/trips/1.parquet": landed_labels(day=1),
    "features/trips/3.parquet": b"half a file",
}
RAIN = Column(name="rain", kind=FeatureKind.NUMERIC, nullable=True)


@dataclass
class World:
    """What outlives a process: the landing zone, the store, tables, and what is on the bus."""

    root: Path
    reference: Reference
    injector: CrashInjector
    landing: InMemoryLandingZone = field(default_factory=InMemoryLandingZone)
    quarantine: InMemoryQuarantineStore = field(default_factory=InMemoryQuarantineStore)
    batches: InMemoryBatchLog = field(default_factory=InMemoryBatchLog)
    states: InMemoryTableStates = field(default_factory=InMemoryTableStates)
    records: InMemoryDriftRecords = field(default_factory=InMemoryDriftRecords)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    clock: InMemoryClock = field(default_factory=lambda: InMemoryClock(NOW))

    @property
    def store(self) -> Store:
        return Store(root=self.root)

    def lands(self, key: str, body: bytes) -> None:
        monitor = self._monitor()
        landed = monitor.put(body, key=key)
        retry_until_done(lambda: self._next_process(monitor.check.run, landed))

    def ingests(self) -> None:
        """Every announcement of an accepted batch, also one that was made twice."""
        for event in list(self.bus.published):
            if event.name in ACCEPTED_EVENTS.values():
                kind, name = event.detail["feed"].split("/")
                feed = FEATURES if kind == "features" else LABELS
                assert feed.name == name
                retry_until_done(lambda feed=feed, event=event: self._next_process(self._commit, feed, event))

    def _next_process(self, step: Callable[..., object], *arguments: object) -> None:
        self.clock.moment += timedelta(minutes=1)
        step(*arguments)

    def _monitor(self) -> Monitor:
        wrap = self.injector.wrap
        monitor = Monitor(
            project=PROJECT,
            load_reference=lambda uri: self.reference,
            landing=self.landing,
            files=wrap(FolderBatchFiles(self.root)),
            quarantine=wrap(self.quarantine),
            batches=wrap(self.batches),
            tables=self.states,
            records=wrap(self.records),
            bus=wrap(self.bus),
            clock=self.clock,
        )
        monitor.promote_champion()
        return monitor

    def _commit(self, feed: Feed, event: Event) -> None:
        wrap = self.injector.wrap
        CommitBatch(
            batches=wrap(self.batches),
            tables=wrap(self.store.writer),  # as a new process has it: nothing is open
            states=wrap(self.states),
            bus=wrap(self.bus),
        ).run(feed, str(event.detail["batch_id"]))


def worked(root: Path, reference: Reference, injector: CrashInjector) -> World:
    world = World(root=root, reference=reference, injector=injector)
    for key, body in LANDED.items():
        world.lands(key, body)
    world.ingests()
    return world


def rows_of(world: World, feed: Feed) -> list[dict[str, object]]:
    """Without the time of ingestion, which a crash may delay."""
    state = world.store.reader.state(feed)
    found = world.store.reader.read(feed, version=state.version, rows=ALL_TIME, known_at=world.clock.moment)
    return found.drop_columns(["ingested_at"]).sort_by([("trip_id", "ascending")]).to_pylist()


def published_events(world: World) -> set[tuple[str, str]]:
    return {(event.name.value, str(event.detail.get("batch_id"))) for event in world.bus.published}


@pytest.fixture(scope="module")
def reference() -> Reference:
    return a_reference()


@pytest.fixture(scope="module")
def undisturbed(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> World:
    return worked(tmp_path_factory.mktemp("undisturbed"), reference, CrashInjector())


def test_without_a_crash_everything_is_done_and_told(undisturbed: World) -> None:
    assert [len(rows_of(undisturbed, feed)) for feed in (FEATURES, LABELS)] == [320, 20]
    assert {name for name, _ in published_events(undisturbed)} == {
        "FeatureBatchAccepted",
        "FeatureBatchChecked",
        "FeatureDriftDetected",
        "FeatureBatchQuarantined",
        "FeaturesCommitted",
        "LabelBatchAccepted",
        "LabelsCommitted",
    }


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_loses_nothing_and_does_nothing_twice(
    undisturbed: World, reference: Reference, tmp_path: Path, after: bool
) -> None:
    assert undisturbed.injector.calls > 40
    for at in range(1, undisturbed.injector.calls + 1):
        world = worked(tmp_path / str(at), reference, CrashInjector(at=at, after=after))
        assert world.injector.has_crashed, at
        for feed in (FEATURES, LABELS):
            assert rows_of(world, feed) == rows_of(undisturbed, feed), at
            assert world.states.get(feed) == world.store.reader.state(feed), at
            for batch in world.batches.batches(feed, limit=9):
                # The log of batches and the rows tell the same time, also where a first attempt left a file behind.
                assert times_of(world, batch) == {batch.ingested_at}, at
        assert published_events(world) == published_events(undisturbed), at
        assert world.records.kept.keys() == undisturbed.records.kept.keys(), at
        assert [type(each) for each in recorded(world)] == [type(each) for each in recorded(undisturbed)], at


def times_of(world: World, batch: Batch) -> set[object]:
    (file,) = batch.files
    table = pq.read_table(world.root / str(batch.feed) / file.path, columns=["ingested_at"])
    return set(table["ingested_at"].to_pylist())


def recorded(world: World) -> list[Batch | Quarantine]:
    return [*world.batches.batches(FEATURES, limit=9), *world.batches.quarantines(limit=9)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_between_a_new_column_and_its_first_rows_is_made_good(
    store: Store, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    store.add(FEATURES, landed_features(day=1), ingested_at=NOW)
    group = replace(a_group(), columns=(*a_group().columns, RAIN))
    grown = replace(store, project=Project(groups={"trips": group}, models={}))
    batch = grown.put(FEATURES, landed_features(day=2, rain=1.0), ingested_at=NOW)
    injector = CrashInjector(at=1, after=after)
    write = DeltaTable.create_write_transaction
    monkeypatch.setattr(
        DeltaTable,
        "create_write_transaction",
        lambda *arguments, **options: injector.run(lambda: write(*arguments, **options)),
    )
    with pytest.raises(Crash):
        grown.writer.commit(batch)
    state = grown.writer.commit(batch)
    assert (state.rows, "rain" in state.columns) == (40, True)
    rows = grown.reader.read(FEATURES, version=state.version, rows=ALL_TIME, known_at=NOW)
    assert rows["rain"].null_count == 20

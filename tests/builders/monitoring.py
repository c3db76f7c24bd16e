"""The monitor's use cases over everything in memory, with the real reader."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.adapters.memory.batches import (
    InMemoryBatchFiles,
    InMemoryBatchLog,
    InMemoryLandingZone,
    InMemoryQuarantineStore,
    InMemoryTableStates,
)
from evertrain.adapters.memory.drift_records import InMemoryDriftRecords
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEventBus
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.landing.batches import Batch, LandedObject, Quarantine
from evertrain.domain.project.model import Project
from evertrain.statistics.reference import Reference, build_reference
from evertrain.use_cases.landing.check_batch import CheckBatch
from evertrain.use_cases.landing.check_large_batch import CheckLargeBatch
from evertrain.use_cases.landing.record_batch import RecordBatch
from evertrain.use_cases.monitoring.compare_batch import CompareBatch
from evertrain.use_cases.monitoring.watch_requests import WatchRequests
from tests.builders.batches import FEATURES
from tests.builders.landed import landed_features
from tests.builders.models import NOW, a_champion, a_group
from tests.builders.registry import a_version
from tests.fakes.parts import FakePartStore


def a_reference(*, rows: int = 2_000) -> Reference:
    """Of a day of trips, read as the monitor reads them."""
    project = Project(groups={"trips": a_group()}, models={})
    body = io.BytesIO(landed_features(rows=rows, seed=1))
    with LandedRowsReader(project=project).read(body, name="1.parquet", feed=FEATURES, now=NOW) as landed:
        (columns,) = landed.parts([column.name for column in a_group().columns])
        return build_reference(columns, a_group().columns)


@dataclass
class Monitor:
    project: Project
    load_reference: Callable[[str], Reference]
    landing: InMemoryLandingZone = field(default_factory=InMemoryLandingZone)
    files: InMemoryBatchFiles = field(default_factory=InMemoryBatchFiles)
    quarantine: InMemoryQuarantineStore = field(default_factory=InMemoryQuarantineStore)
    batches: InMemoryBatchLog = field(default_factory=InMemoryBatchLog)
    tables: InMemoryTableStates = field(default_factory=InMemoryTableStates)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    records: InMemoryDriftRecords = field(default_factory=lambda: InMemoryDriftRecords(keep_pages=True))
    parts: FakePartStore = field(default_factory=FakePartStore)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    clock: InMemoryClock = field(default_factory=lambda: InMemoryClock(NOW))

    @property
    def compare(self) -> CompareBatch:
        return CompareBatch(
            project=self.project,
            registry=self.registry,
            load_reference=self.load_reference,
            batches=self.batches,
            records=self.records,
        )

    @property
    def record(self) -> RecordBatch:
        return RecordBatch(batches=self.batches, compare=self.compare, bus=self.bus)

    @property
    def check(self) -> CheckBatch:
        return CheckBatch(
            project=self.project,
            landing=self.landing,
            reader=LandedRowsReader(project=self.project),
            files=self.files,
            quarantine=self.quarantine,
            batches=self.batches,
            tables=self.tables,
            compare=self.compare,
            record=self.record,
            requests=WatchRequests(
                batches=self.batches,
                registry=self.registry,
                load_reference=self.load_reference,
                records=self.records,
                bus=self.bus,
                clock=self.clock,
            ),
            clock=self.clock,
        )

    def check_large(self, *, max_bytes: int = 0, part_bytes: int = 1) -> CheckLargeBatch:
        """By default everything is large, and every row group a part."""
        return CheckLargeBatch(
            project=self.project,
            landing=self.landing,
            reader=LandedRowsReader(project=self.project),
            files=self.files,
            quarantine=self.quarantine,
            batches=self.batches,
            tables=self.tables,
            parts=self.parts,
            compare=self.compare,
            record=self.record,
            clock=self.clock,
            max_bytes=max_bytes,
            part_bytes=part_bytes,
        )

    def promote_champion(self, version: str = "v1", *, expected_champion: str | None = None) -> None:
        self.registry.register(a_version(version))
        self.registry.promote(a_champion(version=version), expected_champion=expected_champion)

    def put(self, body: bytes, *, key: str) -> LandedObject:
        landed = LandedObject(bucket="landing", key=key)
        self.landing.objects[landed] = body
        return landed

    def land(self, body: bytes, *, key: str = "features/trips/1.parquet") -> Batch | Quarantine:
        return self.check.run(self.put(body, key=key))

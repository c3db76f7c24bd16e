"""A feature store in a folder."""

import io
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from evertrain.adapters.delta_reader import DeltaReader
from evertrain.adapters.delta_writer import DeltaWriter
from evertrain.adapters.landed_rows import LandedRowsReader
from evertrain.domain.batches import Batch, BatchFile, Feed, TableState
from evertrain.domain.feeds import all_feeds
from evertrain.domain.model_spec import ModelSpec, Project
from evertrain.domain.training import Interval, TrainingPlan
from evertrain.use_cases.check_batch import batch_id_of
from tests.builders.models import NOW, a_group, a_model, days

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})

EVER = Interval(start=NOW - days(99), end=NOW + days(99))


@dataclass
class Store:
    """A feature store in a folder, with what the monitor would do before ingest."""

    root: Path
    project: Project = PROJECT

    @property
    def writer(self) -> DeltaWriter:
        return DeltaWriter(root=str(self.root), project=self.project)

    @property
    def reader(self) -> DeltaReader:
        return DeltaReader(root=str(self.root))

    def versions(self) -> dict[str, int]:
        """Of every table that has one."""
        feeds = all_feeds(self.project)
        return {
            str(feed): self.reader.state(feed).version
            for feed in feeds
            if (self.root / str(feed) / "_delta_log").exists()
        }

    def put(self, feed: Feed, body: bytes, *, ingested_at: datetime) -> Batch:
        batch_id = batch_id_of(feed, io.BytesIO(body))
        path = self.root / str(feed) / f"batch-{batch_id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        reader = LandedRowsReader(project=self.project)
        with reader.read(io.BytesIO(body), name="x.parquet", feed=feed, now=ingested_at) as rows:
            if not path.exists():
                path.write_bytes(rows.file.read())
        ingested_at = pq.read_table(path, columns=["ingested_at"])["ingested_at"][0].as_py()
        first, last = rows.event_times
        file = BatchFile(
            path=path.name,
            rows=rows.count,
            bytes=path.stat().st_size,
            event_time_min=first,
            event_time_max=last,
            ingested_at=ingested_at,
        )
        return Batch.of([file], batch_id=batch_id, feed=feed, source_key="x.parquet")

    def add(self, feed: Feed, body: bytes, *, ingested_at: datetime) -> TableState:
        return self.writer.commit(self.put(feed, body, ingested_at=ingested_at))

    def plan(self, spec: ModelSpec, **changes: object) -> TrainingPlan:
        """Of everything that is there, as known at NOW."""
        plan = TrainingPlan(
            decision_id="d1",
            spec=spec,
            planned_at=NOW,
            known_at=NOW,
            watermark=NOW,
            table_versions=self.versions(),
            candidates=(),
            validation=EVER,
            gate=EVER,
            champion_version=None,
            seed=1,
        )
        return replace(plan, **changes)  # type: ignore[arg-type]

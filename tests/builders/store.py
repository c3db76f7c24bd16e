"""A feature store in a folder or a bucket."""

import contextlib
import io
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import boto3
import pyarrow.parquet as pq
from deltalake import DeltaTable

from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.adapters.store.delta.log import storage_options, table_uri
from evertrain.adapters.store.delta.maintenance import DeltaMaintenance
from evertrain.adapters.store.delta.reader import DeltaReader
from evertrain.adapters.store.delta.writer import DeltaWriter
from evertrain.adapters.store.table_files import FolderTableFiles, S3TableFiles
from evertrain.domain.landing.batches import Batch, Feed, TableState
from evertrain.domain.landing.feeds import INGESTED_AT, all_feeds
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.training.plan import TrainingPlan
from evertrain.ports.feature_store import BatchFiles, StoredFile, TableFiles, UnknownTable
from evertrain.use_cases.landing.check_batch import compute_batch_id, store_rows
from tests.builders.models import NOW, a_group, a_model, days

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})

ALL_TIME = Interval(start=NOW - days(99), end=NOW + days(99))


@dataclass(frozen=True)
class FolderBatchFiles:
    """Implements `ports.feature_store.BatchFiles` in a folder."""

    root: Path

    def put_if_absent(self, feed: Feed, path: str, file: BinaryIO, *, ingested_at: datetime) -> StoredFile:
        stored = self.root / str(feed) / path
        stored.parent.mkdir(parents=True, exist_ok=True)
        whole = stored.with_name(f"{uuid4().hex}.part")
        file.seek(0)
        whole.write_bytes(file.read())
        with contextlib.suppress(FileExistsError):
            os.link(whole, stored)
        whole.unlink()
        kept: datetime = pq.read_table(stored, columns=[INGESTED_AT])[INGESTED_AT][0].as_py()
        return StoredFile(size=stored.stat().st_size, ingested_at=kept)


@dataclass
class Store:
    """A feature store in a folder or below `s3://`, with what the monitor does before ingest."""

    root: Path | str
    project: Project = PROJECT
    files: BatchFiles | None = None

    @property
    def writer(self) -> DeltaWriter:
        return DeltaWriter(root=str(self.root), project=self.project)

    @property
    def reader(self) -> DeltaReader:
        return DeltaReader(root=str(self.root))

    def maintenance(self, **options: int) -> DeltaMaintenance:
        return DeltaMaintenance(root=str(self.root), files=self.table_files, **options)

    @property
    def table_files(self) -> TableFiles:
        scheme, _, rest = str(self.root).partition("s3://")
        if scheme:
            return FolderTableFiles(root=Path(scheme))
        return S3TableFiles(client=boto3.client("s3"), bucket=rest.partition("/")[0])

    def table(self, feed: Feed) -> DeltaTable:
        return DeltaTable(table_uri(str(self.root), feed), storage_options=storage_options(str(self.root)))

    def versions(self) -> dict[str, int]:
        """Of every table that has one."""
        found = {}
        for feed in all_feeds(self.project):
            with contextlib.suppress(UnknownTable):
                found[str(feed)] = self.reader.state(feed).version
        return found

    def put(self, feed: Feed, body: bytes, *, ingested_at: datetime) -> Batch:
        batch_id = compute_batch_id(feed, io.BytesIO(body))
        files = self.files or FolderBatchFiles(Path(self.root))
        reader = LandedRowsReader(project=self.project)
        with reader.read(io.BytesIO(body), name="x.parquet", feed=feed, now=ingested_at) as rows:
            file = store_rows(files, feed, f"batch-{batch_id}.parquet", rows)
        return Batch.from_files([file], batch_id=batch_id, feed=feed, source_key="x.parquet")

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
            validation=ALL_TIME,
            gate=ALL_TIME,
            champion_version=None,
            seed=1,
        )
        return replace(plan, **changes)  # type: ignore[arg-type]

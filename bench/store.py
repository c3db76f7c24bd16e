"""The feature store: reading a window, committing, writers at once, and the point-in-time join, beside its peers.

python -m bench.store

Writes `bench/results/store.json` and `store.md`. Peers run in environments of their own on the same files, and those
whose environment is not there are left out and said to be.
"""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

from evertrain.adapters.store.delta.maintenance import DeltaMaintenance
from evertrain.adapters.store.delta.reader import DeltaReader
from evertrain.adapters.store.delta.writer import DeltaWriter
from evertrain.adapters.store.table_files import FolderTableFiles, S3TableFiles
from evertrain.domain.landing.batches import Batch, BatchFile
from evertrain.domain.landing.feeds import group_feed
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import Project
from evertrain.tables.point_in_time import NO_ROW, as_of_indices, take_or_null
from localcloud.launcher import EmbeddedCloud

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
PLACE = ROOT / ".build" / "bench" / "store"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
FEATURES = tuple(f"f{number}" for number in range(20))
APPENDS, ROWS_OF_APPEND = 300, 1_000
WRITERS = 4
MAINTAIN_EVERY = 50
JOINED_ROWS, KEYS = 1_000_000, 20_000
WINDOW = Interval(start=BEGIN + timedelta(days=10), end=BEGIN + timedelta(days=20))
PORT = 4599

FEED = group_feed("readings")
PROJECT = Project(
    groups={
        "readings": FeatureGroup(
            name="readings",
            entity_key="sensor",
            event_time="read_at",
            columns=tuple(Column(name=name, kind=FeatureKind.NUMERIC) for name in FEATURES),
        )
    },
    models={},
)


@dataclass(frozen=True)
class Store:
    """A store in a folder, and the batches as the monitor would have put them there; or the same in a bucket."""

    root: Path
    bucket: str = ""

    @classmethod
    def empty(cls, name: str, *, in_bucket: bool = False) -> "Store":
        root = PLACE / name
        shutil.rmtree(root, ignore_errors=True)
        (root / str(FEED)).mkdir(parents=True)
        if not in_bucket:
            return cls(root)
        bucket = f"{name}-{uuid4().hex[:8]}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        return cls(root, bucket)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/tables" if self.bucket else str(self.root)

    def batch(self, number: int, *, writer: int = 0) -> Batch:
        """Two hours and 24 minutes of readings: 300 of them are 30 days."""
        rng = np.random.default_rng([writer, number])
        start = BEGIN + number * timedelta(days=0.1)
        step = timedelta(days=0.1) / ROWS_OF_APPEND
        times = [start + index * step for index in range(ROWS_OF_APPEND)]
        table = pa.table(
            {
                "sensor": [f"s{writer}-{index}" for index in range(ROWS_OF_APPEND)],
                "event_time": pa.array(times, TIME),
                "ingested_at": pa.array([start + timedelta(hours=3)] * ROWS_OF_APPEND, TIME),
                **{name: rng.normal(size=ROWS_OF_APPEND) for name in FEATURES},
            }
        )
        path = self.root / str(FEED) / f"batch-{writer}-{number}.parquet"
        pq.write_table(table, path, compression="zstd")
        file = BatchFile(
            path=path.name,
            rows=ROWS_OF_APPEND,
            bytes=path.stat().st_size,
            event_time_min=times[0],
            event_time_max=times[-1],
            ingested_at=start + timedelta(hours=3),
        )
        if self.bucket:
            boto3.client("s3").upload_file(str(path), self.bucket, f"tables/{FEED}/{path.name}")
        return Batch.from_files([file], batch_id=f"{writer}-{number}", feed=FEED, source_key=path.name)

    def writer(self) -> DeltaWriter:
        return DeltaWriter(root=self.uri, project=PROJECT)

    def maintenance(self) -> DeltaMaintenance:
        in_bucket = S3TableFiles(client=boto3.client("s3"), bucket=self.bucket) if self.bucket else None
        return DeltaMaintenance(root=self.uri, files=in_bucket or FolderTableFiles(root=self.root))

    def files_within(self, window: Interval) -> list[str]:
        """Of the first writer's batches. The window begins and ends with one."""
        first, last = (round((moment - BEGIN) / timedelta(days=0.1)) for moment in (window.start, window.end))
        folder = f"{self.uri.removeprefix('s3://')}/{FEED}"
        return [f"{folder}/batch-0-{number}.parquet" for number in range(first, last)]


def commits(*, with_maintenance: bool, in_bucket: bool = False) -> tuple[Store, list[float]]:
    """Seconds of each of 300 commits, one after the other."""
    store = Store.empty("maintained" if with_maintenance else "as-it-came", in_bucket=in_bucket)
    writer, seconds = store.writer(), []
    for number in range(APPENDS):
        batch = store.batch(number)
        began = time.perf_counter()
        writer.commit(batch)
        seconds.append(time.perf_counter() - began)
        if with_maintenance and (number + 1) % MAINTAIN_EVERY == 0:
            store.maintenance().maintain(FEED, retained_versions=(), now=batch.ingested_at)
    return store, seconds


def reads(store: Store) -> dict[str, float]:
    """Seconds to read all features of ten days: by our reader, which opens the table each time, and as plain Parquet
    files. Whoever keeps these knows by their names which are needed, so the list is given."""
    root, plain_files = store.uri, store.files_within(WINDOW)
    filesystem = pa_fs.LocalFileSystem()
    if store.bucket:
        filesystem = pa_fs.S3FileSystem(endpoint_override=f"localhost:{PORT}", scheme="http", region="us-east-1")
    version = DeltaReader(root=root).state(FEED).version
    known_at = BEGIN + timedelta(days=99)

    def ours() -> int:
        reader = DeltaReader(root=root)
        columns = ("sensor", *FEATURES)
        return int(reader.read(FEED, version=version, rows=WINDOW, known_at=known_at, columns=columns).num_rows)

    def plain() -> int:
        columns = ["sensor", "event_time", "ingested_at", *FEATURES]
        return int(pq.ParquetDataset(plain_files, filesystem=filesystem).read(columns=columns).num_rows)

    if ours() != plain():
        raise AssertionError(f"{ours()} rows against {plain()}")
    return in_turn({"ours_s": ours, "plain_s": plain})


def in_turn(works: dict[str, Callable[[], object]], *, runs: int = 11) -> dict[str, float]:
    """Medians. One after the other, so that a slow moment of the machine meets all."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            seconds[name].append(_timed(work, runs=1))
    return {name: median(each) for name, each in seconds.items()}


@contextmanager
def embedded_cloud() -> Iterator[None]:
    home = PLACE / "cloud"
    cloud = EmbeddedCloud(
        home=home,
        port=PORT,
        cloud_python=ROOT / ".venv-cloud/bin/python",
        function_python=ROOT / ".venv-lambda/bin/python",
        task_python=Path(sys.executable),
        task_directory=home,
    )
    cloud.start()
    os.environ |= cloud.environment()
    try:
        yield
    finally:
        cloud.stop()
        cloud.forget()


def concurrent_writers() -> dict[str, Any]:
    """Four processes append 300 batches each; nothing may be lost, and nothing be there twice."""
    store = Store.empty("at-once")
    store.writer().commit(store.batch(0, writer=9))
    began = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_all, args=(str(store.root), number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wanted = (WRITERS * APPENDS + 1) * ROWS_OF_APPEND
    found = DeltaReader(root=str(store.root)).state(FEED).rows
    return {"rows_lost": wanted - found, "seconds": time.perf_counter() - began, "commits": WRITERS * APPENDS}


def _append_all(root: str, writer: int) -> None:
    store = Store(Path(root))
    ours = store.writer()
    for number in range(APPENDS):
        ours.commit(store.batch(number, writer=writer))


def joined_tables() -> tuple[Path, Path]:
    """A million rows that ask, and a million values of 20,000 keys, as Parquet files that every peer reads."""
    left, values = PLACE / "asking.parquet", PLACE / "values.parquet"
    PLACE.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    keys = np.array([f"sensor-{number:05d}" for number in range(KEYS)])
    span = int(timedelta(days=60) / timedelta(microseconds=1))
    for path, more in ((left, False), (values, True)):
        times = BEGIN.timestamp() * 1e6 + rng.integers(0, span, JOINED_ROWS)
        columns: dict[str, Any] = {
            "sensor": keys[rng.integers(0, KEYS, JOINED_ROWS)],
            "event_time": pa.array(times.astype(np.int64), pa.int64()).cast(TIME),
        }
        if more:
            late = rng.integers(0, int(3_600e6), JOINED_ROWS)
            columns["ingested_at"] = pa.array((times + late).astype(np.int64), pa.int64()).cast(TIME)
            columns |= {name: rng.normal(size=JOINED_ROWS) for name in FEATURES[:5]}
        pq.write_table(pa.table(columns), path)
    return left, values


def our_join(left: Path, values: Path) -> dict[str, Any]:
    left, right = pq.read_table(left), pq.read_table(values)

    def join() -> int:
        found = as_of_indices(left, right, left_key="sensor", key="sensor", maximum_age=timedelta(days=7))
        take_or_null(right, found)
        return int((found != NO_ROW).sum())

    return {"seconds": _timed(join, runs=3), "matched": join()}


def peer_join(name: str, environment: str, left: Path, values: Path) -> dict[str, Any] | None:
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        print(f"{name}: {environment} is not there, left out", file=sys.stderr)
        return None
    script = ROOT / "bench" / "peers" / f"{name}.py"
    quiet = os.environ | {"FEAST_USAGE": "False", "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore", "PYTHONPATH": ""}
    description = subprocess.run(
        [str(python), str(script), str(left), str(values)], env=quiet, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(description.stdout.splitlines()[-1])
    return found


def _timed(work: Callable[[], object], *, runs: int = 7) -> float:
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def main() -> None:
    as_it_came = reads(commits(with_maintenance=False)[0])
    maintained, seconds = commits(with_maintenance=True)
    after_maintenance = reads(maintained)
    with embedded_cloud():
        in_a_bucket = reads(commits(with_maintenance=False, in_bucket=True)[0])
        commits_in_a_bucket = last_over_first(with_maintenance=True, in_bucket=True)
    at_once = concurrent_writers()
    left, values = joined_tables()
    joins = {"Evertrain": our_join(left, values)}
    for description, name, its_environment in (
        ("pandas.merge_asof", "pandas_asof", ".venv"),
        ("DuckDB, ASOF JOIN", "duckdb_asof", ".venv-bench/duckdb"),
        ("Feast, file offline store", "feast_offline", ".venv-bench/feast"),
    ):
        found = peer_join(name, its_environment, left, values)
        if found is not None:
            joins[description] = found
            print(f"{description}: {found}", flush=True)
    matched = {description: found["matched"] for description, found in joins.items()}
    if len(set(matched.values())) > 1:
        print(f"the joins do not agree: {matched}", file=sys.stderr)
    results = {
        "window_read_ratio_plain_parquet": _ratio(as_it_came),
        "window_read_ratio_plain_parquet_in_a_bucket": _ratio(in_a_bucket),
        "window_read_ratio_plain_parquet_after_maintenance": _ratio(after_maintenance),
        "commit_last_over_first_300": last_over_first(with_maintenance=True),
        "commit_last_over_first_300_in_a_bucket": commits_in_a_bucket,
        "commit_last_over_first_300_without_maintenance": last_over_first(with_maintenance=False),
        "commit_ms": round(1000 * median(seconds), 1),
        "rows_lost_4_writers": at_once["rows_lost"],
        "commits_per_s_4_writers": round(at_once["commits"] / at_once["seconds"], 1),
        "point_in_time_join_rows_per_s": round(JOINED_ROWS / joins["Evertrain"]["seconds"]),
        "joins": joins,
        "reads": {"as it came": as_it_came, "in a bucket": in_a_bucket, "after maintenance": after_maintenance},
    }
    (RESULTS / "store.json").write_text(json.dumps(results, indent=2) + "\n")
    (RESULTS / "store.md").write_text(_markdown(results))
    print(json.dumps(results, indent=2))


def _ratio(read: dict[str, float]) -> float:
    return round(read["ours_s"] / read["plain_s"], 2)


def last_over_first(*, with_maintenance: bool, in_bucket: bool = False, runs: int = 5) -> float:
    """How much longer the last twenty of 300 commits take than the first: the median of several tables.

    Of twenty, the faster half counts, since the machine is shared; the very first makes the table, and is left out.
    """

    def fast(seconds: list[float]) -> float:
        return median(sorted(seconds)[: len(seconds) // 2])

    ratios = []
    for _ in range(runs):
        _, seconds = commits(with_maintenance=with_maintenance, in_bucket=in_bucket)
        ratios.append(fast(seconds[-20:]) / fast(seconds[1:21]))
    return round(median(ratios), 2)


def _markdown(results: dict[str, Any]) -> str:
    lines = [
        "# The feature store",
        "",
        f"`make bench-store`, on a local disk, and in a bucket of the embedded cloud: {APPENDS} batches of "
        f"{ROWS_OF_APPEND:,} rows × {len(FEATURES)} features.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in results.items() if not isinstance(value, dict)),
        "",
        f"Join of {JOINED_ROWS:,} rows as of their times with as many values of {KEYS:,} keys, up to seven days old:",
        "",
        "| | seconds | matched |",
        "|---|---|---|",
        *(f"| {name} | {found['seconds']:.2f} | {found['matched']:,} |" for name, found in results["joins"].items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

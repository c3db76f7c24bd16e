"""Memory and time of a training container, beside what its size is estimated from.

python -m bench.jobs

Trains the `flights` model on made-up rows from a real store, each size in a process of its own, and writes
`bench/results/jobs.json` and `jobs.md`.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evertrain.adapters.project.files import load_project
from evertrain.adapters.store.delta.reader import DeltaReader
from evertrain.adapters.store.delta.writer import DeltaWriter
from evertrain.adapters.training.estimators import load_estimator
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.landing.batches import Batch, BatchFile, Feed
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, label_feed, own_group_feed
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.task_sizes import (
    BASELINE_MEMORY_MIB,
    BYTES_PER_EVALUATION_CELL,
    BYTES_PER_TRAINING_CELL,
    estimate_task_size,
)
from evertrain.domain.training.windows import Window
from evertrain.ports.artifacts import ArtifactDigestMismatch, StoredArtifact
from evertrain.statistics.metrics import declared_metric
from evertrain.tables.columns import ARROW_TYPES
from evertrain.use_cases.training.train_contender import TrainContender
from evertrain.use_cases.training.training_rows import StoredTrainingRows

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
PLACE = ROOT / ".build" / "bench" / "jobs"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(days=400)
FILE_ROWS = 250_000
EACH = timedelta(seconds=2)
"""Between one row and the next."""
SIZES = ((10_000, 10_000), (500_000, 10_000), (2_000_000, 10_000), (4_000_000, 10_000), (10_000, 500_000))
"""Rows that are trained on, and rows that are judged."""


@dataclass
class Memory:
    """Artifacts of one process."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def get(self, uri: str, *, expected_sha256: str | None = None) -> bytes:
        if expected_sha256 not in (None, sha256(self.kept[uri]).hexdigest()):
            raise ArtifactDigestMismatch(uri)
        return self.kept[uri]

    def put(self, data: bytes, *, prefix: str, suffix: str) -> StoredArtifact:
        digest = sha256(data).hexdigest()
        uri = self.put_named(data, key=f"{prefix}/{digest}{suffix}")
        return StoredArtifact(uri=uri, sha256=digest, size=len(data))

    def put_named(self, data: bytes, *, key: str) -> str:
        self.kept[f"memory:/{key}"] = data
        return f"memory:/{key}"


def flights() -> Project:
    project = load_project(ROOT)
    spec = project.models["flights"]
    return replace(project, models={"flights": replace(spec, label=replace(spec.label, of_predictions=False))})


def make_store(project: Project, *, rows: int) -> None:
    """As many flights, and a label for each."""
    shutil.rmtree(PLACE, ignore_errors=True)
    spec = project.models["flights"]
    writer = DeltaWriter(root=str(PLACE), project=project)
    for first in range(0, rows, FILE_ROWS):
        numbers = np.arange(first, min(first + FILE_ROWS, rows))
        features, labels = made_up(spec, numbers)
        writer.commit(stored(own_group_feed(spec), features, name=str(first)))
        writer.commit(stored(label_feed(spec), labels, name=str(first)))


def made_up(spec: ModelSpec, numbers: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[pa.Table, pa.Table]:
    rng = np.random.default_rng(int(numbers[0]))
    times = pa.array(np.datetime64(BEGIN.replace(tzinfo=None), "us") + numbers * np.timedelta64(EACH))
    known = {
        spec.group.entity_key: pa.array([f"{number:012d}" for number in numbers]),
        EVENT_TIME: times.cast(ARROW_TYPES[FeatureKind.TIMESTAMP]),
        INGESTED_AT: pa.array([NOW] * len(numbers), ARROW_TYPES[FeatureKind.TIMESTAMP]),
    }
    levels = np.array([f"L{number}" for number in range(20)])
    columns = {
        column.name: pa.array(levels[rng.integers(0, 20, len(numbers))])
        if column.kind is FeatureKind.CATEGORICAL
        else pa.array(rng.normal(100, 20, len(numbers)).round(1), mask=rng.random(len(numbers)) < 0.02)
        for column in spec.group.columns
    }
    late = (rng.random(len(numbers)) < 0.25).astype(float)
    return pa.table(known | columns), pa.table(known | {spec.label.name: late})


def stored(feed: Feed, table: pa.Table, *, name: str) -> Batch:
    path = PLACE / str(feed) / f"batch-{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")
    file = BatchFile(
        path=path.name,
        rows=table.num_rows,
        bytes=path.stat().st_size,
        event_time_min=table[EVENT_TIME][0].as_py(),
        event_time_max=table[EVENT_TIME][-1].as_py(),
        ingested_at=NOW,
    )
    return Batch.from_files([file], batch_id=name, feed=feed, source_key=path.name)


def train(trained: int, judged: int) -> None:
    """One contender in this process; its figures as JSON."""
    spec = flights().models["flights"]
    reader = DeltaReader(root=str(PLACE))
    window = Interval(start=BEGIN, end=BEGIN + trained * EACH)
    validation = Interval(start=BEGIN, end=BEGIN + judged * EACH)
    runs = RunDocuments(artifacts=Memory(), root="memory:")
    plan = TrainingPlan(
        decision_id="d1",
        spec=spec,
        planned_at=NOW,
        known_at=NOW,
        watermark=NOW,
        table_versions={str(feed): reader.state(feed).version for feed in (own_group_feed(spec), label_feed(spec))},
        candidates=(Candidate(name="all", window=Window(name="all", rows=window)),),
        validation=validation,
        gate=validation,
        champion_version=None,
        seed=1,
    )
    runs.put_plan(plan)
    job = TrainContender(
        rows=StoredTrainingRows(tables=reader),
        runs=runs,
        artifacts=runs._artifacts,
        make_estimator=lambda plan, _: load_estimator(ROOT, plan.model, seed=plan.seed),
        library_versions={},
        code=lambda _: {},
        timer=time.perf_counter,
        load_metric=lambda spec: declared_metric(spec.metric),
    )
    began = time.perf_counter()
    trial = job.run(runs.plan_uri(plan), "all", 1)
    seconds = time.perf_counter() - began
    if trial.rows != trained:
        raise RuntimeError(f"{trial.rows:,} rows were trained on, not {trained:,}: {trial.unusable}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": round(seconds, 1), "peak_mib": round(peak)}))


def measured(trained: int, judged: int, *, columns: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.jobs", str(trained), str(judged)]
    description = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ.copy()
    ).stdout
    size = estimate_task_size(training_rows=trained, evaluation_rows=judged, columns=columns)
    return {
        "trained_rows": trained,
        "judged_rows": judged,
        **json.loads(description.splitlines()[-1]),
        "task_mib": size.memory_mib,
        "task_cpu": size.cpu,
    }


def main() -> None:
    project = flights()
    columns = len(project.models["flights"].feature_names) + 2  # key and time
    make_store(project, rows=max(max(size) for size in SIZES))
    found = [measured(*size, columns=columns) for size in SIZES]
    least = found[0]["peak_mib"]
    results = {
        "columns": columns,
        "assumed": {
            "program_mib": BASELINE_MEMORY_MIB,
            "bytes_a_trained_cell": BYTES_PER_TRAINING_CELL,
            "bytes_a_judged_cell": BYTES_PER_EVALUATION_CELL,
        },
        "bytes_a_trained_cell": _bytes_a_cell(found[-2]["peak_mib"] - least, found[-2]["trained_rows"] * columns),
        "bytes_a_judged_cell": _bytes_a_cell(found[-1]["peak_mib"] - least, found[-1]["judged_rows"] * columns),
        "jobs": found,
    }
    (RESULTS / "jobs.json").write_text(json.dumps(results, indent=2) + "\n")
    (RESULTS / "jobs.md").write_text(_markdown(results))
    print((RESULTS / "jobs.md").read_text())
    shutil.rmtree(PLACE, ignore_errors=True)


def _bytes_a_cell(mib: float, cells: int) -> float:
    return round(mib * 2**20 / cells, 1)


def _markdown(results: dict[str, Any]) -> str:
    assumed = results["assumed"]
    lines = [
        "# Training containers",
        "",
        f"`make bench-jobs`: the `flights` model, {results['columns']} columns, from a store on local disk.",
        "",
        "| trained rows | judged rows | seconds | peak, MiB | task it would get, MiB | CPU units |",
        "|---|---|---|---|---|---|",
        *(
            f"| {job['trained_rows']:,} | {job['judged_rows']:,} | {job['seconds']} | {job['peak_mib']:,} "
            f"| {job['task_mib']:,} | {job['task_cpu']:,} |"
            for job in results["jobs"]
        ),
        "",
        f"A trained cell took {results['bytes_a_trained_cell']} bytes, {assumed['bytes_a_trained_cell']} are assumed;"
        f" a judged one {results['bytes_a_judged_cell']}, {assumed['bytes_a_judged_cell']} are assumed.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:]:
        train(*map(int, sys.argv[1:]))
    else:
        main()

"""The embedded cloud under load: 32 clients for a minute, and a burst of 200 batches.

python -m bench.local_cloud

Deploys the product to an embedded cloud of its own, trains the first champions on 48 days of flights, and writes
`bench/results/local_cloud.json` and `local_cloud.md`. Memory and processor time are those of the cloud with all that
it runs; the latter tells also on a machine that does other work.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.item_keys import QUARANTINE, TIME, feed_partition
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, load_flights, reported_at
from evertrain.demo.replay import Replay
from evertrain.demo.story import to_json_rows
from evertrain.domain.deployment.stacks import Output
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.project.model import Project
from localcloud.launcher import REPOSITORY, EmbeddedCloud
from tests.end_to_end.deployment import STAGE, deploy, own_cloud

PLACE = REPOSITORY / ".build" / "bench" / "local_cloud"
RESULTS = REPOSITORY / "bench" / "results"
FEATURES = Feed(kind=FeedKind.FEATURES, name="flights")
PREDICTIONS = Feed(kind=FeedKind.PREDICTIONS, name="flights")
CLIENTS, SECONDS, BATCHES = 32, 60.0, 200
SNAPSHOT_SECONDS = 60.0
"""As `python -m localcloud start` has it."""

FIRST_DAY, DAYS = date(2013, 1, 1), 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    requests: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float
    peak_mb: float
    processor_ms_each: float
    prediction_batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    batches: int
    seconds: float
    per_second: float
    peak_mb: float
    processor_ms_each: float


class Memory:
    """The most that the cloud took while it was watched."""

    def __init__(self) -> None:
        self.peak_mb = 0.0

    @contextmanager
    def watch(self, cloud: EmbeddedCloud) -> Iterator[None]:
        done = threading.Event()

        def look() -> None:
            while not done.wait(0.5):
                self.peak_mb = max(self.peak_mb, cloud.memory_mb())

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def ask(stage: Stage, row: object, deadline: float, latencies: list[float], failed: list[str]) -> None:
    api = Stage(name=stage.name, session=stage.session, outputs=stage.outputs).api
    while time.monotonic() < deadline:
        began = time.perf_counter()
        try:
            api.predict("flights", row)
        except Exception as error:
            failed.append(str(error))
        latencies.append(1000 * (time.perf_counter() - began))


def measure_answers(cloud: EmbeddedCloud, stage: Stage, project: Project, flights: Flights) -> Answers:
    rows = flights.table[flights.table["day"] == FIRST_DAY]
    (row,) = to_json_rows(rows.head(1), project.models["flights"])
    latencies: list[float] = []
    failed: list[str] = []
    memory, deadline, used = Memory(), time.monotonic() + SECONDS, cloud.processor_seconds()
    clients = [threading.Thread(target=ask, args=(stage, row, deadline, latencies, failed)) for _ in range(CLIENTS)]
    with memory.watch(cloud):
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        wait_until_all_landed(stage, rows=len(latencies) - len(failed))
    found = Answers(
        requests=len(latencies),
        failed=len(failed),
        per_second=len(latencies) / SECONDS,
        p50_ms=float(np.percentile(latencies, 50)),
        p99_ms=float(np.percentile(latencies, 99)),
        peak_mb=memory.peak_mb,
        processor_ms_each=1000 * (cloud.processor_seconds() - used) / len(latencies),
        prediction_batches=len(stage.batches.batches(PREDICTIONS, limit=10_000)),
    )
    print(found, sorted(set(failed))[:3], flush=True)
    return found


def wait_until_all_landed(stage: Stage, *, rows: int) -> None:
    deadline = time.monotonic() + 300
    while sum(batch.rows for batch in stage.batches.batches(PREDICTIONS, limit=10_000)) < rows:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{rows} answers did not land")
        time.sleep(1)


def measure_burst(cloud: EmbeddedCloud, stage: Stage, flights: Flights, first: date) -> Burst:
    """So many days of flights, landed at once."""
    days = [first + timedelta(days=number) for number in range(BATCHES)]
    bodies = [flights.features(day) for day in days]
    stage.set_replay_clock(reported_at(days[-1]))
    before = judged(stage)
    memory, began, used = Memory(), time.monotonic(), cloud.processor_seconds()
    with memory.watch(cloud):
        for number, content in enumerate(bodies):
            stage.land(FEATURES, f"burst-{number}.parquet", content)
        while judged(stage) < before + BATCHES:
            time.sleep(0.5)
            if time.monotonic() > began + 240:
                raise TimeoutError("the burst was not judged in four minutes")
        seconds = time.monotonic() - began
    return Burst(
        batches=BATCHES,
        seconds=seconds,
        per_second=BATCHES / seconds,
        peak_mb=memory.peak_mb,
        processor_ms_each=1000 * (cloud.processor_seconds() - used) / BATCHES,
    )


def judged(stage: Stage) -> int:
    """Entries by time only: reading each batch, too, would be half of what the cloud is asked meanwhile."""
    table = Table(client=client("dynamodb"), name=stage.output(Output.BATCHES_TABLE))
    return sum(1 for pk in (feed_partition(FEATURES), QUARANTINE) for _ in table.query(pk, TIME))


def main() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    # As it is started by hand: tests save its state more often, and write down each call.
    cloud = replace(own_cloud(PLACE / "cloud"), snapshot_seconds=SNAPSHOT_SECONDS, record_calls=False)
    cloud.start()
    os.environ.update(cloud.environment())
    try:
        deploy(PLACE / "cdk", bootstrap=True, window=60)  # as the product is deployed
        stage, flights, project = Stage.find(STAGE), load_flights(), load_project(REPOSITORY)
        days = [FIRST_DAY + timedelta(days=offset) for offset in range(DAYS)]
        Replay(stage=stage, flights=flights, models=project.models_using("flights"), on_step=lambda _: None).run(days)
        idle_mb = cloud.memory_mb()
        answers = measure_answers(cloud, stage, project, flights)
        burst = measure_burst(cloud, stage, flights, days[-1] + timedelta(days=1))
    finally:
        cloud.stop()
    found = {"after_training_mb": idle_mb, "answers": asdict(answers), "burst": asdict(burst)}
    (RESULTS / "local_cloud.json").write_text(json.dumps(found, indent=2) + "\n")
    write_table(found, RESULTS / "local_cloud.md")
    print(json.dumps(found, indent=2))


def write_table(found: Mapping[str, Any], path: Path) -> None:
    """`found`: as the JSON has it."""
    answers, burst = found["answers"], found["burst"]
    path.write_text(
        "# The embedded cloud under load\n\n"
        "`python -m bench.local_cloud`, on two cores that also run the clients. Memory and processor's time are "
        "those of the cloud with all that it runs, without the clients.\n\n"
        "| | measured |\n|---|---|\n"
        f"| {CLIENTS} clients for {SECONDS:g} s: answers | {answers['requests']:,}, {answers['failed']} failed |\n"
        f"| … a second | {answers['per_second']:.0f} |\n"
        f"| … half within, 99 % within | {answers['p50_ms']:.0f} ms, {answers['p99_ms']:.0f} ms |\n"
        f"| … memory at its most | {answers['peak_mb']:.0f} MB |\n"
        f"| … processor's time for one, until all have landed | {answers['processor_ms_each']:.0f} ms |\n"
        f"| … batches that they landed as | {answers['prediction_batches']} |\n"
        f"| a burst of {burst['batches']} batches: judged a second | {burst['per_second']:.1f} |\n"
        f"| … processor's time for one, committed and decided upon | {burst['processor_ms_each']:.0f} ms |\n"
        f"| … memory at its most | {burst['peak_mb']:.0f} MB |\n"
    )


if __name__ == "__main__":
    main()

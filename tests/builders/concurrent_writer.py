"""A process that lands and commits one writer's batches, or keeps the table up for as long as it lives.

    python -m tests.builders.concurrent_writer ROOT BUCKET append WRITER BATCHES
    python -m tests.builders.concurrent_writer ROOT BUCKET maintenance

BUCKET is "-" for a store in a folder. A line for each thing that was done.
"""

import sys
import time
from datetime import timedelta
from itertools import count

import boto3
from deltalake.exceptions import DeltaError

from evertrain.adapters.store.batch_files import S3BatchFiles
from tests.builders.batches import FEATURES
from tests.builders.landed import features_frame, parquet
from tests.builders.models import NOW
from tests.builders.store import Store

ROWS = 3


def main(root: str, bucket: str, work: str, *options: str) -> None:
    files = None if bucket == "-" else S3BatchFiles(client=boto3.client("s3"), bucket=bucket)
    store = Store(root=root, files=files)
    if work == "append":
        append(store, *map(int, options))
    else:
        maintain(store)


def append(store: Store, writer: int, batches: int) -> None:
    """From its first batch on, whatever an earlier process did; every other one is delivered twice."""
    for number in range(batches):
        ids = [f"{writer}-{number}-{row}" for row in range(ROWS)]
        body = parquet(features_frame(day=1, rows=ROWS, trip_id=ids))
        for _ in range(1 + number % 2):
            store.add(FEATURES, body, ingested_at=NOW + timedelta(seconds=number))
        print(number, flush=True)


def maintain(store: Store) -> None:
    """The month is over every other time."""
    for number in count():
        now = NOW + timedelta(days=31 * (number % 2))
        try:
            done = store.maintenance(retention_hours=24, min_files_to_compact=4).maintain(
                FEATURES, retained_versions=(), now=now
            )
        except DeltaError as failed:
            print(f"the next one does it: {failed}", flush=True)
        else:
            print(done.merged if done else "no table yet", flush=True)
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])

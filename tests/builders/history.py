"""Histories to replay: rows with a label that follows from them, and with a change where one is asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from evertrain.replay.defaults import Columns, infer_model, with_default_policies
from evertrain.replay.history import History, Rhythm, read_history
from evertrain.replay.raw_rows import read_raw_rows

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def history_frame(*, batches: int = 60, rows: int = 60, changes_at: int | None = None, seed: int = 0) -> pd.DataFrame:
    """`batches` days of `rows` rows. From `changes_at` on, what spoke for the label speaks against it."""
    rng = np.random.default_rng(seed)
    count = batches * rows
    day = np.repeat(np.arange(batches), rows)
    wind, load = rng.normal(size=count), rng.normal(size=count)
    carrier = rng.choice(["UA", "DL", "B6"], count)
    sign = np.where((day >= changes_at) if changes_at is not None else False, -1.0, 1.0)
    late = rng.random(count) < 1 / (1 + np.exp(-sign * (2 * wind - load + (carrier == "DL"))))
    minute = day * 1440 + np.tile(np.arange(rows) * (1440 // rows), batches)
    times = pd.Timestamp(FIRST_DAY) + pd.to_timedelta(minute, unit="min")
    return pd.DataFrame(
        {
            "trip_id": [f"t{number}" for number in range(count)],
            "departed_at": times,
            "wind": wind,
            "load": load,
            "carrier": carrier,
            "late": late.astype(int),
        }
    )


def a_history(
    folder: Path,
    frame: pd.DataFrame | None = None,
    *,
    latency: timedelta = timedelta(days=2),
    batch: timedelta | None = timedelta(days=1),
    label_time: str | None = None,
    write: Callable[[pd.DataFrame, Path], None] | None = None,
) -> History:
    path = folder / "rows.csv"
    rows = history_frame() if frame is None else frame
    if write is None:
        rows.to_csv(path, index=False)
    else:
        write(rows, path)
    raw = read_raw_rows(path, infer_kinds=True)
    columns = Columns(label="late", event_time="departed_at", key="trip_id", label_time=label_time)
    inferred = infer_model(raw, columns, name="trips", latency=latency, metric=None)
    read = read_history(inferred.rows, inferred.spec, Rhythm(batch=batch), label_time=label_time)
    return with_default_policies(read)

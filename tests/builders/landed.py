"""Objects as they land: Parquet and CSV bytes of the group and model of `builders.models`."""

import io
from typing import Any

import numpy as np
import pandas as pd

from tests.builders.models import NOW, days
from tests.builders.training_frames import CARRIERS

FIRST_DAY = NOW - days(30)


def features_frame(*, day: int = 1, rows: int = 20, seed: int | None = None, **changes: Any) -> pd.DataFrame:
    """One day's trips, evenly over the day; `changes` replace columns."""
    rng = np.random.default_rng(day if seed is None else seed)
    start = pd.Timestamp(FIRST_DAY + days(day))
    frame = pd.DataFrame(
        {
            "trip_id": [f"{day}-{number}" for number in range(rows)],
            "departed_at": [start + pd.Timedelta(days=number / rows) for number in range(rows)],
            "distance": rng.integers(50, 3000, rows).astype(float),
            "wind": np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(2.0, 5.0, rows)),
            "carrier": rng.choice(CARRIERS, rows),
            "holiday": rng.random(rows) < 0.2,
        }
    )
    return frame.assign(**changes)


def landed_features(*, day: int = 1, rows: int = 20, seed: int | None = None, **changes: Any) -> bytes:
    return parquet(features_frame(day=day, rows=rows, seed=seed, **changes))


def landed_labels(*, day: int = 1, rows: int = 20, late: Any = None, as_csv: bool = False) -> bytes:
    frame = features_frame(day=day, rows=rows)
    labels = np.arange(rows) % 2 * 1.0 if late is None else late
    labelled = frame[["trip_id", "departed_at"]].assign(late=labels)
    return csv(labelled) if as_csv else parquet(labelled)


def parquet(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet(None, index=False)


def csv(frame: pd.DataFrame) -> bytes:
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False)
    return buffer.getvalue().encode()

"""Training rows of every kind, with missing values, for the model of `builders.models`."""

import numpy as np
import pandas as pd
import pyarrow as pa

from evertrain.conversion.frame import to_frame
from tests.builders.models import a_group

CARRIERS = ("AA", "B6", "DL", "UA")


def training_table(rows: int = 600, *, seed: int = 0, missing: float = 0.1) -> pa.Table:
    rng = np.random.default_rng(seed)
    wind = np.where(rng.random(rows) < missing, None, rng.gamma(2.0, 5.0, rows))
    return pa.table(
        {
            "distance": pa.array(rng.integers(50, 3000, rows).astype(float)),
            "wind": pa.array(list(wind), pa.float64()),
            "carrier": pa.array(rng.choice(CARRIERS, rows)),
            "holiday": pa.array(rng.random(rows) < 0.2),
        }
    )


def training_frame(rows: int = 600, *, seed: int = 0) -> pd.DataFrame:
    return to_frame(training_table(rows, seed=seed), a_group().columns)


def late(frame: pd.DataFrame, *, seed: int = 1) -> np.ndarray:
    """0 or 1, depending on every feature."""
    return (delay(frame, seed=seed) > np.median(delay(frame, seed=seed))).astype(float)


def lateness(frame: pd.DataFrame, *, seed: int = 1) -> np.ndarray:
    """0, 1 or 2: on time, late, very late; depending on every feature."""
    found = delay(frame, seed=seed)
    return np.digitize(found, np.quantile(found, [0.5, 0.8])).astype(float)


def delay(frame: pd.DataFrame, *, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    by_carrier = (
        frame["carrier"].map(dict(zip(CARRIERS, (0.0, 15.0, -10.0, 5.0), strict=True))).astype(float).fillna(0)
    )
    wind = frame["wind"].fillna(20.0)
    noise = rng.normal(0, 5, len(frame))
    return np.asarray(frame["distance"] / 200 + wind + by_carrier + 10 * frame["holiday"] + noise)

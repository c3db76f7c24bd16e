"""Plants of three species: rows whose label is one of several words."""

import numpy as np
import pandas as pd

SPECIES = ("setosa", "versicolor", "virginica")


def plants(*, days: int = 60, rows: int = 60, changes_at: int | None = None, seed: int = 0) -> pd.DataFrame:
    """`rows` a day. From day `changes_at` on, what spoke for a species speaks against it."""
    rng = np.random.default_rng(seed)
    count = days * rows
    day = np.repeat(np.arange(days), rows)
    width, length = rng.normal(size=count), rng.normal(size=count)
    region = rng.choice(["north", "south", "west"], count)
    sign = np.where(day >= changes_at, -1.0, 1.0) if changes_at is not None else np.ones(count)
    odds = np.stack([3 * sign * width, sign * (length - width) + (region == "west"), -2 * length], axis=1)
    shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    species = (rng.random(count)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    minute = day * 1440 + np.tile(np.arange(rows) * (1440 // rows), days)
    return pd.DataFrame(
        {
            "plant_id": [f"p{number}" for number in range(count)],
            "seen_at": pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(minute, unit="min"),
            "width": width.round(4),
            "length": np.where(rng.random(count) < 0.05, np.nan, length.round(4)),
            "region": region,
            "species": np.array(SPECIES)[np.minimum(species, 2)],
        }
    )

"""Loans: another data set than flights, as a file that somebody brings."""

import numpy as np
import pandas as pd

DAYS, ROWS = 60, 40


def loans(rows_per_day: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    count = DAYS * rows_per_day
    applied = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(count) * 24 / rows_per_day, unit="h")
    income = rng.gamma(3, 1_000, count)
    return pd.DataFrame(
        {
            "loan_id": [f"L{i}" for i in range(count)],
            "applied_at": applied,
            "income": income,
            "debt": np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count)),
            "region": rng.choice(["north", "south"], count),
            "children": rng.integers(0, 4, count),
            "note": [f"note {i}" for i in range(count)],
            "defaulted": (rng.random(count) < 1 / (1 + np.exp(income / 1_000 - 3))).astype(int),
        }
    )

"""scouter-ml (Rust): PSI."""

from typing import Any

import polars as pl
from scouter import Drifter, PsiDriftConfig
from timing import report


def prepare(before: str, after: str) -> Any:
    frames = [pl.read_parquet(path) for path in (before, after)]
    # It takes no nulls: what is missing is a number like any other.
    frames = [frame.with_columns(pl.col(pl.Float64).fill_null(-1.0)) for frame in frames]
    texts = [name for name, kind in frames[0].schema.items() if kind == pl.String]
    profile = Drifter().create_drift_profile(frames[0], PsiDriftConfig(categorical_features=texts))
    return profile, frames[1]


def work(prepared: Any) -> Any:
    profile, after = prepared
    return Drifter().compute_drift(after, profile)


report(prepare, work)

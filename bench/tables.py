"""The rows that every side gets: two Parquet files of a size, the second one a little moved."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LEVELS = np.array([f"level {number}" for number in range(30)])


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    rows: int
    features: int


SMALL = Size("S", 100_000, 35)
LARGE = Size("L", 1_000_000, 50)


def pair(size: Size, folder: Path) -> tuple[Path, Path]:
    """Before and after; made once and kept. The reference has at most a million rows, as a training window has."""
    paths = folder / f"{size.name}-before.parquet", folder / f"{size.name}-after.parquet"
    for seed, path in enumerate(paths):
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            rows = size.rows if seed else min(size.rows, 1_000_000)
            _write(Size(size.name, rows, size.features), path.with_suffix(".part"), seed=seed)
            path.with_suffix(".part").rename(path)
    return paths


def _write(size: Size, path: Path, *, seed: int) -> None:
    writer = None
    for start in range(0, size.rows, 1_000_000):
        part = Size(size.name, min(1_000_000, size.rows - start), size.features)
        rows = table(part, seed=seed + start, moved=0.05 * seed)
        writer = writer or pq.ParquetWriter(path, rows.schema)
        writer.write_table(rows, row_group_size=1 << 17)
    if writer is not None:
        writer.close()


def table(size: Size, *, seed: int, moved: float = 0.0) -> pa.Table:
    """Seven kinds of columns in turn: even, skewed, hours, mostly zero, heavy-tailed, with gaps, and text."""
    rng = np.random.default_rng(seed)
    rows = size.rows
    kinds = (
        lambda: rng.normal(moved, 1, rows),
        lambda: rng.gamma(2, 3, rows) * (1 + moved),
        lambda: rng.integers(0, 24, rows).astype(float),
        lambda: np.where(rng.random(rows) < 0.6, 0.0, rng.exponential(1 + moved, rows)),
        lambda: rng.standard_t(3, rows) + moved,
        lambda: pa.array(np.where(rng.random(rows) < 0.02, np.nan, rng.lognormal(moved, 1, rows)), from_pandas=True),
        lambda: LEVELS[np.minimum(rng.geometric(0.1 + moved / 10, rows) - 1, len(LEVELS) - 1)],
    )
    return pa.table({f"x{index}": kinds[index % len(kinds)]() for index in range(size.features)})

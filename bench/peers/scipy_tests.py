"""scipy and numpy feature by feature, as scripts do it: PSI, KL, Wasserstein, KS; chi-squared for text."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import stats
from timing import report


def prepare(before: str, after: str) -> Any:
    return [
        {
            name: rows[~np.isnan(rows)] if rows.dtype.kind == "f" else rows.astype(str)
            for name, rows in ((name, table[name].to_numpy()) for name in table.column_names)
        }
        for table in (pq.read_table(path) for path in (before, after))
    ]


def work(prepared: Any) -> Any:
    before, after = prepared
    return {
        name: (_numbers if rows.dtype.kind == "f" else _texts)(rows, after[name]) for name, rows in before.items()
    }


def _numbers(before: np.ndarray, after: np.ndarray) -> tuple[float, ...]:
    edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
    p, q = (np.bincount(np.searchsorted(edges, rows), minlength=10) + 0.5 for rows in (before, after))
    p, q = p / p.sum(), q / q.sum()
    psi = float(np.sum((q - p) * np.log(q / p)))
    ks = stats.ks_2samp(before, after, method="asymp")
    return psi, float(stats.entropy(q, p)), float(stats.wasserstein_distance(before, after)), float(ks.pvalue)


def _texts(before: np.ndarray, after: np.ndarray) -> tuple[float, ...]:
    levels, codes = np.unique(np.concatenate([before, after]), return_inverse=True)
    p, q = (np.bincount(part, minlength=len(levels)) for part in (codes[: len(before)], codes[len(before) :]))
    return (float(stats.chi2_contingency([p, q]).pvalue), float(stats.entropy(q + 0.5, p + 0.5)))


report(prepare, work)

"""Cuts an interval of a table into parts of about as many rows, from the log's statistics alone."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import numpy as np

from evertrain.adapters.store.delta.log import DataFile
from evertrain.domain.project.interval import Interval

_MICROSECOND = timedelta(microseconds=1)


def split_interval(files: Sequence[DataFile], rows: Interval, *, max_rows: int) -> list[Interval]:
    """Consecutive intervals that together cover `rows`, each estimated at `max_rows` rows at most.

    A file's rows are assumed to be spread evenly from its first to its last. Rows of one instant stay together.
    """
    if not files:
        return [rows]
    length = (rows.end - rows.start) // _MICROSECOND
    first = np.array([(file.event_time_min - rows.start) // _MICROSECOND for file in files], dtype=np.int64)
    after = np.array([(file.event_time_max - rows.start) // _MICROSECOND + 1 for file in files], dtype=np.int64)
    density = np.array([file.rows for file in files]) / (after - first)
    # How many rows lie before each moment: a line whose slope changes where a file begins or ends.
    moments = np.concatenate([np.clip(first, 0, length), np.clip(after, 0, length)])
    order = np.argsort(moments)
    moments = moments[order]
    slopes = np.cumsum(np.concatenate([density, -density])[order])
    before = np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(moments))])
    count = max(1, int(np.ceil(before[-1] / max_rows)))
    cuts = np.interp(before[-1] * np.arange(1, count) / count, before, moments).astype(np.int64)
    ends = [0, *(cut for cut in dict.fromkeys(cuts.tolist()) if 0 < cut < length), length]
    return [
        Interval(start=rows.start + begin * _MICROSECOND, end=rows.start + end * _MICROSECOND)
        for begin, end in pairwise(ends)
    ]

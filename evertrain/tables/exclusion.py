"""Rows of times that are left out, such as those of doubtful batches."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.project.interval import Interval


def without_times(table: pa.Table, excluded: Sequence[Interval]) -> pa.Table:
    """The table's rows whose `event_time` is in none of the intervals."""
    if not excluded or not table.num_rows:
        return table
    times = table[EVENT_TIME].to_numpy().astype("datetime64[us]")
    kept = np.ones(len(times), dtype=bool)
    for interval in excluded:
        start, end = (np.datetime64(each.replace(tzinfo=None), "us") for each in (interval.start, interval.end))
        kept &= (times < start) | (times >= end)
    return table.filter(pa.array(kept))

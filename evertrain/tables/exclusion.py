"""Rows of times that are left out, such as those of doubtful batches."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.project.interval import Interval


def without_times(table: pa.Table, excluded: Sequence[Interval]) -> pa.Table:
    """The table's rows whose `event_time` is in none of the intervals."""
    for interval in excluded:
        times = table[EVENT_TIME]
        start, end = (pa.scalar(each, type=times.type) for each in (interval.start, interval.end))
        table = table.filter(pc.or_(pc.less(times, start), pc.greater_equal(times, end)))
    return table

"""Training rows in blocks as long as what is judged: a batch of an hour differs from a month in another way than one
of a week does.
"""

from datetime import timedelta

import numpy as np
import numpy.typing as npt

Blocks = npt.NDArray[np.int64]
"""Shape (rows,): the block, such as the day, of each row. Blocks ascend in time."""

MIN_BLOCKS = 5
USUAL_BLOCK_ROWS = 100
"""Where it is not known how long a batch is."""

MIN_SHARE_OF_A_BLOCK = 0.5
"""A block with fewer rows than this share of the usual one, such as the last, says little of how far blocks lie."""

_DAY = timedelta(days=1)
_MOST_A_DAY = 96


def batch_blocks(event_times: npt.NDArray[np.datetime64], *, batch_length: timedelta | None = None) -> Blocks:
    """Whole days, as many as a batch is long; or equal parts of a day, where a day has several batches.

    `event_times`: shape (rows,). `batch_length`: how much time a batch usually spans, None where it is not known.
    Then, and where too few such blocks would come of it, a day, or as many days as have some hundred rows.

    >>> hours = np.arange(20 * 24).astype("datetime64[h]")
    >>> lengths = [timedelta(hours=hours) for hours in (48, 24, 12, 10_000)]
    >>> [np.unique(batch_blocks(hours, batch_length=length)).size for length in (*lengths, None)]
    [10, 20, 40, 5, 5]
    """
    micros = event_times.astype("datetime64[us]").astype(np.int64)
    days = micros // (_DAY // timedelta(microseconds=1))
    if not len(days):
        return days
    first = days.min()
    span = int(days.max() - first + 1)
    if batch_length is None:
        length = max(1, round(USUAL_BLOCK_ROWS * span / len(days)))
        return np.asarray((days - first) // length)
    a_day = min(_MOST_A_DAY, round(_DAY / batch_length))
    if a_day > 1:
        return np.asarray(micros // (_DAY // a_day // timedelta(microseconds=1)))
    length = max(1, round(batch_length / _DAY))
    return batch_blocks(event_times) if span // length < MIN_BLOCKS else np.asarray((days - first) // length)


def rows_of_blocks(blocks: Blocks) -> list[npt.NDArray[np.intp]]:
    """For each block with about as many rows as the others, in order of time, the indices of its rows, ascending."""
    order = np.argsort(blocks, kind="stable")
    _, starts, counts = np.unique(blocks[order], return_index=True, return_counts=True)
    least = MIN_SHARE_OF_A_BLOCK * np.median(counts) if len(counts) else 0
    return [rows for rows in np.split(order, starts[1:]) if len(rows) >= max(1, least)]

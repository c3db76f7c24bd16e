"""Training rows in blocks as large as what is judged: a batch of an hour differs from a month in another way than one
of a week does.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Blocks = npt.NDArray[np.int64]
"""Shape (rows,): the block, such as the day, of each row. Blocks ascend in time."""

MIN_BLOCKS = 5
USUAL_BLOCK_ROWS = 100
"""Where it is not known how large a batch is."""

MIN_SHARE_OF_A_BLOCK = 0.5
"""A block with fewer rows than this share of the usual one, such as the last, says little of how far blocks lie."""

_MICROSECONDS_A_DAY = 86_400_000_000
_MOST_A_DAY = 96


def batch_blocks(event_times: npt.NDArray[np.datetime64], *, batch_rows: int | None = None) -> Blocks:
    """Whole days, as many as a batch has; or equal parts of a day, where a day has several batches.

    `event_times`: shape (rows,). `batch_rows`: the usual number of rows of a batch, None where it is not known; then,
    and where too few such blocks would come of it, a day, or as many days as have some hundred rows.

    >>> hours = np.arange(20 * 24).astype("datetime64[h]")
    >>> [np.unique(batch_blocks(hours, batch_rows=rows)).size for rows in (48, 24, 12, 10_000, None)]
    [10, 20, 40, 5, 5]
    """
    micros = event_times.astype("datetime64[us]").astype(np.int64)
    days = micros // _MICROSECONDS_A_DAY
    if not len(days):
        return days
    first = days.min()
    span = int(days.max() - first + 1)
    rows_a_day = len(days) / span
    a_day = min(_MOST_A_DAY, round(rows_a_day / max(1, batch_rows))) if batch_rows else 1
    if a_day > 1:
        return np.asarray(micros // (_MICROSECONDS_A_DAY // a_day))
    length = max(1, round((batch_rows or USUAL_BLOCK_ROWS) / rows_a_day))
    if batch_rows and span // length < MIN_BLOCKS:
        return batch_blocks(event_times)
    return np.asarray((days - first) // length)


def block_masks(blocks: Blocks) -> Iterator[npt.NDArray[np.bool_]]:
    """For each block with about as many rows as the others, in order of time, which rows are in it: shape (rows,)."""
    found, counts = np.unique(blocks, return_counts=True)
    least = MIN_SHARE_OF_A_BLOCK * np.median(counts) if len(counts) else 0
    for block, rows in zip(found, counts, strict=True):
        if rows >= least:
            yield blocks == block

"""Hashes of what must be unique among rows: 64 bits of entity key and event time, equal in every process.

For labels, another 64 bits include the label: the same label may occur again, a different one may not.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.store.schema import PLAIN_TIMESTAMP
from evertrain.domain.landing.feeds import EVENT_TIME

RowKeys = npt.NDArray[np.uint64]

_BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that its powers never vanish."""


def hash_row_keys(table: pa.Table, key: str, *, label: str = "") -> RowKeys:
    """Shape (rows,), or with a label (rows, 2). Two different rows are alike with a chance of about 2⁻⁶⁴."""
    times = pc.cast(pc.cast(table[EVENT_TIME], PLAIN_TIMESTAMP), pa.int64()).combine_chunks()
    rows = _mix_bits(_hash_texts(table[key]) ^ _mix_bits(np.from_dlpack(times).view(np.uint64)))
    if not label:
        return rows
    values = np.from_dlpack(table[label].combine_chunks()).view(np.uint64)
    return np.column_stack([rows, _mix_bits(rows ^ _mix_bits(values))])


def count_duplicate_rows(keys: RowKeys) -> int:
    """How many rows were there before. Sorts in place."""
    keys.sort()
    return int(np.count_nonzero(keys[1:] == keys[:-1]))


def count_contradicting_labels(keys: RowKeys) -> int:
    """`keys`: shape (rows, 2). How many labels contradict an earlier label of the same row."""
    rows, labels = (np.array(column) for column in keys.T)
    return count_duplicate_rows(rows) - count_duplicate_rows(labels)


def _hash_texts(values: pa.ChunkedArray) -> RowKeys:
    """A polynomial of each text's bytes modulo 2⁶⁴, mixed with its length."""
    texts = pc.cast(values, pa.large_binary()).combine_chunks()
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if not len(texts) or offsets[0] == offsets[-1]:
        return np.zeros(len(texts), dtype=np.uint64)
    data = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    places = np.arange(len(data)) - np.repeat(starts, lengths)
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(int(lengths.max()) + 1, _BASE, dtype=np.uint64))
        terms = (data.astype(np.uint64) + np.uint64(1)) * powers[places]
        # An empty text has no first byte to sum from.
        filled = lengths > 0
        sums = np.zeros(len(texts), dtype=np.uint64)
        sums[filled] = np.add.reduceat(terms, starts[filled])
        return _mix_bits(sums + lengths.view(np.uint64))


def _mix_bits(values: RowKeys) -> RowKeys:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of the input moves half of the output's."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))

"""Rows by what must not be there twice: 64 bits of entity key and event time, the same in every process.

Of labels also 64 bits that tell the label too: the same one may be there again, another one may not.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.store.schema import PLAIN_TIMESTAMP
from evertrain.domain.landing.feeds import EVENT_TIME

Keys = npt.NDArray[np.uint64]

_BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that its powers never vanish."""


def keys_of(table: pa.Table, key: str, *, label: str = "") -> Keys:
    """Shape (rows,), or with a label (rows, 2). Two different rows are alike with a chance of about 2⁻⁶⁴."""
    times = pc.cast(pc.cast(table[EVENT_TIME], PLAIN_TIMESTAMP), pa.int64()).combine_chunks()
    rows = _mixed(_text_hashes(table[key]) ^ _mixed(np.from_dlpack(times).view(np.uint64)))
    if not label:
        return rows
    values = np.from_dlpack(table[label].combine_chunks()).view(np.uint64)
    return np.column_stack([rows, _mixed(rows ^ _mixed(values))])


def count_duplicate_rows(keys: Keys) -> int:
    """How many rows were there before. Sorts in place."""
    keys.sort()
    return int(np.count_nonzero(keys[1:] == keys[:-1]))


def count_contradicting_labels(keys: Keys) -> int:
    """Shape (rows, 2): how many labels are of a row that another label was of before."""
    rows, labels = (np.array(column) for column in keys.T)
    return count_duplicate_rows(rows) - count_duplicate_rows(labels)


def _text_hashes(values: pa.ChunkedArray) -> Keys:
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
        return _mixed(sums + lengths.view(np.uint64))


def _mixed(values: Keys) -> Keys:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of the input moves half of the output's."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))

"""The cells in which numbers are counted: the same for every batch, so that counts add.

A value is centred, scaled, and cast to float32; the upper 16 bits of that are sign, exponent and 7 bits of mantissa.
Some of these 65,536 keys share a cell: far from the centre and very near to it, fewer cells do. Cells are in order.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

CHUNK = 1 << 14
"""Values that are counted at a time: arrays in between fit in the cache, and memory does not grow with the batch."""

_MANTISSA_BITS = 7
_SIGN = 1 << 15
_INFINITE = 0x7F80
"""The key of infinity; above it, NaN."""

_CELLS_FROM_OCTAVE = ((-126, 1), (-16, 8), (-8, 128), (4, 32), (8, 4))
"""(exponent, cells): from this power of two on, in scales from the centre, each octave has so many cells.

All 128 where the bulk of a distribution lies; fewer far out, where cells hold little, and near the centre, where they
are narrow anyway. At most 4,700 cells in all, so that counts are small to store and quick to add.
"""


def _magnitudes() -> npt.NDArray[np.int64]:
    """For each key without its sign, shape (32768,): the cell's distance from the centre; NaN is -1."""
    key = np.arange(_SIGN)
    octave = (key >> _MANTISSA_BITS) - 127
    starts, widths = zip(*_CELLS_FROM_OCTAVE, strict=True)
    cells = np.array(widths)[np.maximum(np.searchsorted(starts, octave, side="right") - 1, 0)]
    within = (key & ((1 << _MANTISSA_BITS) - 1)) * cells >> _MANTISSA_BITS
    begins = np.r_[True, (octave[1:] != octave[:-1]) | (within[1:] != within[:-1])]
    begins[: 1 << _MANTISSA_BITS] = False  # zero, and what is too small for a normal float32, is one cell
    magnitude = np.cumsum(begins)
    magnitude[_INFINITE + 1 :] = -1
    return magnitude


def _cell_of_key() -> tuple[npt.NDArray[np.intp], int]:
    magnitude = _magnitudes()
    largest = int(magnitude.max())
    positive = np.where(magnitude < 0, 0, largest + 1 + magnitude)
    negative = np.where(magnitude < 0, 0, largest + 1 - magnitude)
    return np.concatenate([positive, negative]).astype(np.intp), 2 * largest + 2


_CELL, CELLS = _cell_of_key()
"""Cell 0 is missing (NaN), 1 minus infinity, CELLS - 1 infinity, the others ascend in between."""

LOWEST, HIGHEST = 1, CELLS - 1

_UPPER_HALF = 1 if np.little_endian else 0


def cell_of(values: Array, centre: float, scale: float) -> npt.NDArray[np.intp]:
    """The cell of each value, shape as `values`. `scale` > 0. What float32 cannot hold lies with the infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values - centre) * (1 / scale)
        keys = scaled.astype(np.float32).view(np.uint16)[_UPPER_HALF::2]
    return np.asarray(_CELL[keys])


def count(values: Array, centre: float, scale: float) -> Counts:
    """How many values lie in each cell, shape (CELLS,)."""
    counts = np.zeros(CELLS, dtype=np.int64)
    # The same steps as `cell_of`, into the same memory for each chunk: three times as fast.
    most = min(CHUNK, len(values))
    distances, scaled, cells = np.empty(most), np.empty(most, dtype=np.float32), np.empty(most, dtype=np.intp)
    keys = scaled.view(np.uint16)[_UPPER_HALF::2]
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(values), CHUNK):
            chunk = values[start : start + CHUNK]
            rows = len(chunk)
            np.subtract(chunk, centre, out=distances[:rows])
            np.multiply(distances[:rows], 1 / scale, out=distances[:rows])
            scaled[:rows] = distances[:rows]
            np.take(_CELL, keys[:rows], out=cells[:rows], mode="clip")
            counts += np.bincount(cells[:rows], minlength=CELLS)
    return counts


def _borders() -> Array:
    """Where the cells from zero's on begin, in scales from the centre, and where the last finite one ends."""
    keys = np.arange(_INFINITE, dtype=np.uint32)
    starts = (keys << 16).view(np.float32).astype(np.float64)
    first = np.unique(_CELL[:_INFINITE], return_index=True)[1]
    return np.append(starts[first], np.float64(np.finfo(np.float32).max))


def _lower_and_upper() -> tuple[Array, Array]:
    borders = _borders()
    # Below zero's cell, its mirror image; zero's own cell reaches to both sides.
    lower = np.concatenate([[np.nan, -np.inf], -borders[:1:-1], [-borders[1]], borders[1:-1], [np.inf]])
    upper = np.concatenate([[np.nan, -np.inf], -borders[-2:0:-1], borders[1:], [np.inf]])
    return lower, upper


_LOWER, _UPPER = _lower_and_upper()

with np.errstate(invalid="ignore"):
    MIDDLES: Array = _LOWER + (_UPPER - _LOWER) / 2
MIDDLES[[LOWEST, HIGHEST]] = -np.inf, np.inf
"""Where a cell's middle lies, in scales from the centre, shape (CELLS,); NaN for missing."""


def edges_of(cells: npt.NDArray[np.uint16]) -> tuple[Array, Array]:
    """Where cells begin and end, in scales from the centre, shapes as `cells`."""
    return _LOWER[cells], _UPPER[cells]

"""How a feature's values are cut into cells: decided once, from the reference.

With edges from the batch itself, PSI would not be comparable between batches, and counts would not add.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evertrain.statistics import float_cells

Counts = npt.NDArray[np.int64]
Places = npt.NDArray[np.uint16]
Numbers = npt.NDArray[np.float64]

ATOM_SHARE = 0.05
"""A value with at least this share, an atom, has a cell of its own: quantile bins would not show its changes."""

RARE_SHARE = 0.005
"""Levels with a smaller share are compared as one, so that the noise of many small cells does not add up."""

MAX_LEVELS = 1_000
"""Levels with cells of their own. A column with more is nearly a key; the rest is counted as unseen."""

BINS = 10
"""Quantile bins of the reference, for PSI, KL and JS."""

_STEPS = 256
"""Resolution, within a cell, of the mean position of the reference's values."""

_ROWS_FOR_SCALE, _MIN_ROWS_FOR_SCALE, _ROWS_FOR_STEPS = 20_000, 100, 100_000

_PRIOR_ROWS = 20.0
"""Pseudo-rows at a cell's middle, added before the mean position of its values is taken."""


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of text. `codes`: shape (rows,), the index of each row's level, or -1 where it is missing."""

    codes: npt.NDArray[np.int32]
    levels: tuple[str, ...]

    @classmethod
    def from_values(cls, values: Iterable[str | None]) -> "Categories":
        index: dict[str, int] = {}
        codes = [-1 if value is None else index.setdefault(value, len(index)) for value in values]
        return cls(codes=np.asarray(codes, dtype=np.int32), levels=tuple(index))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Categories":
        return Categories(codes=self.codes[rows], levels=self.levels)


Column = Numbers | Categories


@dataclass(frozen=True, kw_only=True)
class NumericLayout:
    """Counts: one for each of `float_cells`' cells, without the atoms; then one for each atom.

    `bins`: the first cell of each bin of PSI, but for the first bin. `used`: the cells in which the reference has
    values; `steps`: where in each of them they lie on average.
    """

    centre: float
    scale: float
    atoms: tuple[float, ...]
    bins: tuple[int, ...]
    used: npt.NDArray[np.uint16]
    steps: npt.NDArray[np.uint8]

    @property
    def size(self) -> int:
        return float_cells.CELLS + len(self.atoms)

    @property
    def is_discrete(self) -> bool:
        """Whether the reference has no values besides its atoms."""
        return len(self.used) == 0

    def count(self, values: Numbers) -> Counts:
        """The counts of these values, shape (size,). NaN is missing."""
        cells = float_cells.count(values, self.centre, self.scale)
        atoms = np.array([np.count_nonzero(values == atom) for atom in self.atoms], dtype=np.int64)
        np.subtract.at(cells, self._cells_of_atoms, atoms)
        return np.concatenate([cells, atoms])

    def places(self, values: Numbers) -> Places:
        """By which of the counts each value is counted, shape (rows,)."""
        found = np.empty(len(values), dtype=np.uint16)
        for start in range(0, len(values), float_cells.CHUNK):
            chunk = values[start : start + float_cells.CHUNK]
            places = float_cells.cell_of(chunk, self.centre, self.scale)
            for number, atom in enumerate(self.atoms):
                places[chunk == atom] = float_cells.CELLS + number
            found[start : start + float_cells.CHUNK] = places
        return found

    def binned(self, counts: Counts) -> Counts:
        """Missing, the atoms, then the bins between them: what PSI compares, shape (1 + atoms + bins,)."""
        between = np.add.reduceat(counts[: float_cells.CELLS], (float_cells.LOWEST, *self.bins))
        return np.concatenate([counts[:1], counts[float_cells.CELLS :], between])

    @cached_property
    def bin_names(self) -> tuple[str, ...]:
        """Names of the bins of `binned`, for people."""
        atoms = tuple(f"exactly {atom:.6g}" for atom in self.atoms)
        if not self.bins:
            return ("missing", *atoms, "another value" if atoms else "any value")
        lower, _ = float_cells.edges_of(np.asarray(self.bins, dtype=np.uint16))
        edges = [f"{edge:.4g}" for edge in self.centre + self.scale * lower]
        inner = (f"{low} to {high}" for low, high in pairwise(edges))
        return ("missing", *atoms, f"below {edges[0]}", *inner, f"above {edges[-1]}")

    def cells(self, counts: Counts) -> Counts:
        """The counts with each atom added to the cell that it lies in, shape (CELLS,)."""
        cells = counts[: float_cells.CELLS].copy()
        np.add.at(cells, self._cells_of_atoms, counts[float_cells.CELLS :])
        return cells

    def ascending(self, counts: Counts) -> Counts:
        """The counts of all cells and atoms in the order of their values; missing first."""
        return np.asarray(counts[self._order]) if self.atoms else counts

    @cached_property
    def positions(self) -> Numbers:
        """Positions of the cells of `ascending`, in the feature's unit; NaN for missing, infinities as they are."""
        return np.concatenate([self._cell_positions, self.atoms])[self._order]

    @cached_property
    def _cells_of_atoms(self) -> npt.NDArray[np.intp]:
        return float_cells.cell_of(np.asarray(self.atoms, dtype=np.float64), self.centre, self.scale)

    @cached_property
    def _cell_positions(self) -> Numbers:
        places = float_cells.MIDDLES.copy()
        lower, upper = float_cells.edges_of(self.used)
        places[self.used] = lower + (upper - lower) * (self.steps + 0.5) / _STEPS
        with np.errstate(over="ignore"):
            return np.asarray(self.centre + self.scale * places)

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        # An atom comes in its own cell, below or above the other values there. Missing, cell 0, stays first.
        cells = np.concatenate([np.arange(float_cells.CELLS), self._cells_of_atoms])
        places = np.concatenate([self._cell_positions, self.atoms])
        return np.lexsort((places, cells))


@dataclass(frozen=True, kw_only=True)
class CategoryLayout:
    """Counts: missing, unseen, then one for each level. The last `rare` levels are compared as one.

    `is_partial`: the reference had more levels than have cells, so an unseen one may be one of the rest.
    """

    levels: tuple[str, ...]
    rare: int
    is_partial: bool

    @property
    def size(self) -> int:
        return 2 + len(self.levels)

    def count(self, column: Categories) -> Counts:
        """The counts of this column, shape (size,)."""
        return np.bincount(self.places(column), minlength=self.size).astype(np.int64)

    def places(self, column: Categories) -> Places:
        """By which of the counts each row is counted, shape (rows,)."""
        places = np.array([0, *(self._index.get(level, 1) for level in column.levels)], dtype=np.uint16)
        return places[column.codes + 1]

    def binned(self, counts: Counts) -> Counts:
        """Missing, unseen, all rare levels as one, then the frequent ones."""
        last = self.size - self.rare
        unseen, rare = counts[1], counts[last:].sum()
        if self.is_partial:
            unseen, rare = 0, unseen + rare
        return np.concatenate([counts[:1], [unseen, rare], counts[2:last]])

    @cached_property
    def bin_names(self) -> tuple[str, ...]:
        """Names of the bins of `binned`, for people."""
        names = (level or '""' for level in self.levels[: len(self.levels) - self.rare])
        return ("missing", "never seen in training", "rare ones", *names)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {level: place for place, level in enumerate(self.levels, start=2)}


Layout = NumericLayout | CategoryLayout


def build_layout(column: Column) -> Layout:
    """The layout for a column of the reference."""
    return _category_layout(column) if isinstance(column, Categories) else _numeric_layout(column)


def _numeric_layout(values: Numbers) -> NumericLayout:
    finite = values[np.isfinite(values)]
    centre, scale = _location_and_scale(finite)
    cells = float_cells.count(finite, centre, scale)
    atoms, rows = _atoms(finite, centre, scale, cells)
    np.subtract.at(cells, float_cells.cell_of(atoms, centre, scale), rows)
    used = np.flatnonzero(cells[: float_cells.HIGHEST]).astype(np.uint16)
    used = used[used > float_cells.LOWEST]
    some = _sample(finite, _ROWS_FOR_STEPS)
    return NumericLayout(
        centre=centre,
        scale=scale,
        atoms=tuple(map(float, atoms)),
        bins=_bins(cells),
        used=used,
        steps=_steps(some[~np.isin(some, atoms)], centre, scale, used),
    )


def evenly_spaced_sample(rows: int, wanted: int) -> npt.NDArray[np.intp]:
    """Indices of about `wanted` of the rows, spread evenly: the golden ratio is in step with no period of theirs."""
    if rows <= wanted:
        return np.arange(rows)
    return (np.arange(wanted) * ((5**0.5 - 1) / 2) % 1 * rows).astype(np.intp)


def _sample(values: Numbers, rows: int) -> Numbers:
    return values if len(values) <= rows else values[evenly_spaced_sample(len(values), rows)]


def _steps(values: Numbers, centre: float, scale: float, used: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Mean position of the values within each used cell, drawn towards the middle where they are few."""
    if not len(used):
        return np.empty(0, dtype=np.uint8)
    cells = float_cells.cell_of(values, centre, scale)
    lower, upper = float_cells.edges_of(used)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.bincount(cells, weights=(values - centre) / scale, minlength=float_cells.CELLS)[used]
        rows = np.bincount(cells, minlength=float_cells.CELLS)[used]
        middle = lower + (upper - lower) / 2
        within = ((sums + _PRIOR_ROWS * middle) / (rows + _PRIOR_ROWS) - lower) / (upper - lower)
    return np.clip(np.nan_to_num(within, nan=0.5) * _STEPS, 0, _STEPS - 1).astype(np.uint8)


def _atoms(finite: Numbers, centre: float, scale: float, cells: Counts) -> tuple[Numbers, Counts]:
    """The frequent values, ascending, and the rows of each. Only a frequent cell can hold one."""
    enough = max(2.0, ATOM_SHARE * len(finite))
    heavy = cells >= enough
    if not heavy.any():
        return np.empty(0), np.empty(0, dtype=np.int64)
    distinct, rows = np.unique(finite[heavy[float_cells.cell_of(finite, centre, scale)]], return_counts=True)
    return distinct[rows >= enough], rows[rows >= enough]


def _location_and_scale(finite: Numbers) -> tuple[float, float]:
    """Centre and scale of the values that are not atoms: median and interquartile range.

    Only the resolution depends on them, so a sample is enough. Where the interquartile range is 0, the scale is the
    range, or else the centre.
    """
    rest = _without_heavy(_sample(finite, _ROWS_FOR_SCALE))
    if len(rest) < _MIN_ROWS_FOR_SCALE:
        rest = _without_heavy(finite)
    if not len(rest):
        rest = finite
    if not len(rest):
        return 0.0, 1.0
    low, centre, high = np.quantile(rest, [0.25, 0.5, 0.75], method="inverted_cdf")
    with np.errstate(over="ignore"):
        spreads = (high - low, rest.max() - rest.min(), abs(centre))
    # 1 / scale and all distances must stay finite.
    usable = (float(spread) for spread in spreads if np.isfinite(spread) and spread > np.finfo(np.float64).tiny)
    return float(centre), next(usable, 1.0)


def _without_heavy(values: Numbers) -> Numbers:
    _, index, rows = np.unique(values, return_inverse=True, return_counts=True)
    return values[(rows < max(2.0, ATOM_SHARE * len(values)))[index]]


def _bins(cells: Counts) -> tuple[int, ...]:
    """The cells that begin a new bin: those nearest to the quantiles of the values."""
    if not cells.any():
        return ()
    below = np.cumsum(cells)
    wanted = below[-1] * np.arange(1, BINS) / BINS
    after = np.searchsorted(below, wanted)
    # Of the borders before and after the cell that holds a quantile, the nearer one.
    before = np.where(after > 0, below[after - 1], 0)
    begins = np.where(wanted - before < below[after] - wanted, after, after + 1)
    inner = (begins > np.flatnonzero(cells)[0]) & (begins < float_cells.CELLS)
    return tuple(int(cell) for cell in np.unique(begins[inner]))


def _category_layout(column: Categories) -> CategoryLayout:
    rows = np.bincount(column.codes + 1, minlength=1 + len(column.levels))[1:]
    tally = {level: int(count) for level, count in zip(column.levels, rows, strict=True) if count}
    ordered = sorted(tally, key=lambda level: (-tally[level], level))
    kept = ordered[:MAX_LEVELS]
    few = RARE_SHARE * sum(tally.values())
    rare = sum(tally[level] < few for level in kept)
    return CategoryLayout(levels=tuple(kept), rare=rare, is_partial=len(ordered) > len(kept))

"""Cells into which a feature's values are counted: cut once, on the reference, and never again.

Edges come from the reference only, or PSI is not comparable between batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]

ATOM_SHARE = 0.05
"""A value that is this frequent has a cell of its own: quantile cells are blind to what happens to it."""

RARE_SHARE = 0.005
"""Levels that are rarer are counted together, so that noise in a hundred small cells does not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericCells:
    """Cell 0 is missing; then one cell for each atom; then the intervals between the edges, open to both sides."""

    atoms: tuple[float, ...]
    edges: tuple[float, ...]

    @property
    def count(self) -> int:
        return 1 + len(self.atoms) + len(self.edges) + 1

    def counts(self, values: Numbers) -> Counts:
        """Shape (cells,). NaN and infinities are missing."""
        finite = values[np.isfinite(values)]
        counts = np.zeros(self.count, dtype=np.int64)
        counts[0] = len(values) - len(finite)
        for index, atom in enumerate(self.atoms, start=1):
            here = finite == atom
            counts[index] = np.count_nonzero(here)
            finite = finite[~here]
        intervals = np.searchsorted(np.asarray(self.edges), finite, side="left")
        counts[1 + len(self.atoms) :] = np.bincount(intervals, minlength=len(self.edges) + 1)
        return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryCells:
    """Cell 0 is missing, cell 1 unseen, cell 2 all rare levels together; then one cell for each frequent level."""

    frequent: tuple[str, ...]
    rare: tuple[str, ...]

    @property
    def count(self) -> int:
        return 3 + len(self.frequent)

    def counts(self, values: Texts) -> Counts:
        """Shape (cells,). None is missing."""
        index = {level: 3 + position for position, level in enumerate(self.frequent)}
        index |= dict.fromkeys(self.rare, 2)
        counts = np.zeros(self.count, dtype=np.int64)
        for level, rows in _tally(values).items():
            counts[0 if level is None else index.get(level, 1)] += rows
        return counts


def cut_numbers(values: Numbers, *, cells: int) -> NumericCells:
    """About `cells` cells with equal shares of the reference, heavy single values apart."""
    finite = values[np.isfinite(values)]
    distinct, rows = np.unique(finite, return_counts=True)
    atoms = distinct[rows >= max(2, ATOM_SHARE * len(finite))]
    rest = finite[~np.isin(finite, atoms)]
    edges = np.unique(np.quantile(rest, np.linspace(0, 1, cells + 1)[1:-1])) if len(rest) else np.empty(0)
    return NumericCells(atoms=tuple(map(float, atoms)), edges=tuple(map(float, edges)))


def cut_categories(values: Texts) -> CategoryCells:
    tally = {level: rows for level, rows in _tally(values).items() if level is not None}
    total = sum(tally.values())
    ordered = sorted(tally, key=lambda level: (-tally[level], level))
    frequent = [level for level in ordered if tally[level] >= RARE_SHARE * total]
    return CategoryCells(frequent=tuple(frequent), rare=tuple(sorted(set(ordered) - set(frequent))))


def _tally(values: Sequence[str | None] | Texts) -> dict[str | None, int]:
    tally: dict[str | None, int] = {}
    for value in values:
        tally[value] = tally.get(value, 0) + 1
    return tally

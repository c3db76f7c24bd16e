"""The leaves of many small trees over columns, all trees at once and without a branch; larger ones are walked down in
`columnar_trees`.

Of each tree a row has a number whose bits are the leaves, from left to right. A node that sends it to the right takes
away the bits of what lies on the left, and the lowest bit that is left is its leaf. Which bits a feature takes away
follows from where its value lies among all thresholds, so that is looked up once for a row and a feature. Source:
QuickScorer, Lucchese et al., SIGIR 2015.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Bits = npt.NDArray[np.uint64]
Nodes = Mapping[str, npt.NDArray[Any]]
Sets = Sequence[frozenset[float]]

MAX_LEAVES = 64

TREES_AT_A_TIME, _ROWS = 128, 2_048
"""So many at a time: what lies in between fits in the cache."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """Of each node, shape (nodes,): the place of its `first` leaf in its tree, from left to right, and the `count` of
    those that it has. A leaf has itself."""

    first: Rows
    count: Rows


def leaves_below(nodes: Nodes, roots: Rows) -> Leaves:
    """`nodes`: of all trees; `roots`: of each tree."""
    feature, left, right = nodes["feature"], nodes["left"], nodes["right"]
    levels, at = [], roots
    while len(at := at[feature[at] != LEAF]):
        levels.append(at)
        at = np.concatenate([left[at], right[at]])
    count = np.ones(len(feature), dtype=np.intp)
    for at in reversed(levels):
        count[at] = count[left[at]] + count[right[at]]
    first = np.zeros(len(feature), dtype=np.intp)
    for at in levels:
        first[left[at]] = first[at]
        first[right[at]] = first[at] + count[left[at]]
    return Leaves(first, count)


def leaf_of_each_tree(
    nodes: Nodes, roots: Rows, sets: Sets, leaves: Leaves, vectors: Numbers
) -> Iterator[npt.NDArray[np.int32]]:
    """Of one tree after the other, none with more than MAX_LEAVES, the node of each row's leaf: shape (rows,).

    `vectors`: shape (inputs, rows).
    """
    for some in tables_of(nodes, roots, sets, leaves):
        yield from some.leaf_of_each(vectors)


def tables_of(nodes: Nodes, roots: Rows, sets: Sets, leaves: Leaves) -> "Iterator[SomeTrees]":
    """Of trees, none with more than MAX_LEAVES, TREES_AT_A_TIME after the other: many of them take much memory."""
    ends = [*roots[TREES_AT_A_TIME::TREES_AT_A_TIME].tolist(), len(nodes["feature"])]
    for start, end in zip(range(0, len(roots), TREES_AT_A_TIME), ends, strict=True):
        yield SomeTrees(nodes, roots[start : start + TREES_AT_A_TIME], end, sets, leaves)


class SomeTrees:
    """Neighbouring trees as tables of bits."""

    def __init__(self, nodes: Nodes, roots: Rows, end: int, sets: Sets, leaves: Leaves) -> None:
        """`end`: the node after their last one."""
        self._trees = len(roots)
        own = np.arange(roots[0], end)
        tree = np.searchsorted(roots, own, side="right") - 1
        is_leaf = nodes["feature"][own] == LEAF
        self._node_of_bit = np.zeros((self._trees, MAX_LEAVES), dtype=np.int32)
        self._node_of_bit[tree[is_leaf], leaves.first[own[is_leaf]]] = own[is_leaf]
        inner, tree = own[~is_leaf], tree[~is_leaf]
        on_left = nodes["left"][inner]
        count, first = leaves.count[on_left].astype(np.uint64), leaves.first[on_left].astype(np.uint64)
        kept = ~(((np.uint64(1) << count) - np.uint64(1)) << first)
        self._tables: dict[int, tuple[Numbers, Bits]] = {}
        for feature in np.unique(nodes["feature"][inner]).tolist():
            asks = nodes["feature"][inner] == feature
            self._tables[feature] = self._table(nodes, inner[asks], tree[asks], kept[asks], sets)

    def _table(self, nodes: Nodes, at: Rows, tree: Rows, kept: Bits, sets: Sets) -> tuple[Numbers, Bits]:
        """Points that part a feature's values, and the bits that are kept, shape (points + 2, trees): of what is at
        most the first point, of what is above each one, and in the last row of what is missing.

        `at`: the nodes that compare the feature. `tree`, `kept`: of each, its tree, and what it keeps of a row that
        it sends to the right.
        """
        threshold, flags = nodes["threshold"][at], nodes["flags"][at]
        by_category, missing_right = flags & BY_CATEGORY != 0, flags & MISSING_LEFT == 0
        chosen = [sets[int(number)] for number in threshold[by_category]]
        levels = np.fromiter(chain.from_iterable(chosen), dtype=np.float64)
        # A level is what lies above the number before it, and is at most it.
        points = np.unique(np.concatenate([threshold[~by_category], levels, np.nextafter(levels, -np.inf)]))
        table = np.full((len(points) + 2, self._trees), ~np.uint64(0))
        of_values = table[:-1]
        right_from = np.searchsorted(points, threshold[~by_category]) + 1
        np.bitwise_and.at(of_values, (right_from, tree[~by_category]), kept[~by_category])
        np.bitwise_and.accumulate(of_values, axis=0, out=of_values)
        if chosen:
            of_sets = np.repeat(kept[by_category, None], len(of_values), axis=1)
            goes_left = np.repeat(np.arange(len(chosen)), [len(some) for some in chosen]), points.searchsorted(levels)
            of_sets[goes_left] = ~np.uint64(0)
            trees, starts = np.unique(tree[by_category], return_index=True)
            of_values[:, trees] &= np.bitwise_and.reduceat(of_sets, starts, axis=0).T
        np.bitwise_and.at(table[-1], tree[missing_right], kept[missing_right])
        return points, table

    def leaf_of_each(self, vectors: Numbers) -> npt.NDArray[np.int32]:
        """Shape (trees, rows)."""
        found = np.empty((self._trees, vectors.shape[1]), dtype=np.int32)
        for start in range(0, vectors.shape[1], _ROWS):
            some = vectors[:, start : start + _ROWS]
            bits = np.full((some.shape[1], self._trees), ~np.uint64(0))
            for feature, (points, table) in self._tables.items():
                cells = np.searchsorted(points, some[feature])
                cells[np.isnan(some[feature])] = len(points) + 1
                bits &= table.take(cells, axis=0)
            lowest = (bits & (~bits + np.uint64(1))).astype(np.float64)
            place = (lowest.view(np.int64) >> 52) - 1023  # of a power of two, the exponent
            found[:, start : start + _ROWS] = self._node_of_bit[np.arange(self._trees), place].T
        return found

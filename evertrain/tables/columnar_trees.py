"""Sums of decision trees over columns; `scoring.operations.trees` says what a tree is."""

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT
from evertrain.scoring.steps import Step
from evertrain.tables.small_trees import (
    MAX_LEAVES,
    TREES_AT_A_TIME,
    Nodes,
    Numbers,
    Rows,
    Sets,
    SomeTrees,
    leaves_below,
    tables_of,
)

_ROWS_A_NODE = 16
"""With fewer rows than that for each node of a tree, all rows go down a level at a time: numpy's calls cost more than
what they do for the few rows of a node."""


class SumOfTrees:
    """What is the same for all rows is made once. `step`: its parameters."""

    def __init__(self, step: Mapping[str, Any]) -> None:
        self._nodes = {name: np.asarray(step[name]) for name in ("feature", "threshold", "left", "right", "flags")}
        self._roots, self._sets = np.asarray(step["roots"]), step["categories"]
        self._starts, self._divisor = np.asarray(step["starts"], dtype=np.float64), step["divisor"]
        self._adds_to, given = step["adds_to"], step["leaf_values"]
        self._leaf_values = None if given is None else np.asarray(given).reshape(-1, len(self._starts))
        self._leaves = leaves_below(self._nodes, self._roots)
        self._are_small = self._leaves.count.max(initial=0) <= MAX_LEAVES
        is_kept = self._are_small and len(self._roots) <= TREES_AT_A_TIME
        self._kept = list(self._tables()) if is_kept else None

    def of(self, vectors: Numbers) -> Numbers:
        """Shape (outputs, rows): the start of each output, plus its trees' leaves, by the divisor.

        `vectors`: shape (inputs, rows).
        """
        totals = np.repeat(self._starts[:, None], vectors.shape[1], axis=1)
        for number, leaf in enumerate(self._leaf_of_each_tree(vectors)):
            if self._leaf_values is None:
                totals[self._adds_to[number]] += self._nodes["threshold"][leaf]
            else:
                totals += self._leaf_values[self._nodes["left"][leaf]].T
        return np.asarray(totals / self._divisor)

    def _tables(self) -> Iterable[SomeTrees]:
        return tables_of(self._nodes, self._roots, self._sets, self._leaves)

    def _leaf_of_each_tree(self, vectors: Numbers) -> Iterable[npt.NDArray[np.integer[Any]]]:
        """Of one tree after the other, shape (rows,): the node of each row's leaf."""
        if self._are_small:
            for some in self._tables() if self._kept is None else self._kept:
                yield from some.leaf_of_each(vectors)
            return
        ends = [*self._roots[1:].tolist(), len(self._nodes["feature"])]
        for root, end in zip(self._roots.tolist(), ends, strict=True):
            find = _leaf_by_node if vectors.shape[1] >= _ROWS_A_NODE * (end - root) else _leaf_by_level
            yield find(self._nodes, self._sets, vectors, root)


def sum_of_trees(step: Step) -> SumOfTrees:
    """As long as the step is there, it is read once."""
    if step not in _READ:
        _READ[step] = SumOfTrees(step.parameters)
    return _READ[step]


_READ: WeakKeyDictionary[Step, SumOfTrees] = WeakKeyDictionary()


def _leaf_by_node(nodes: Nodes, sets: Sets, vectors: Numbers, root: int) -> Rows:
    """Shape (rows,), the node of each row's leaf. At each node, the rows that came there part."""
    found = np.full(vectors.shape[1], root, dtype=np.intp)
    waiting = [(root, np.arange(vectors.shape[1]))]
    while waiting:
        node, rows = waiting.pop()
        feature = nodes["feature"][node]
        if feature == LEAF:
            found[rows] = node
            continue
        left = _goes_left(vectors[feature][rows], nodes["threshold"][node], int(nodes["flags"][node]), sets)
        for child, some in ((nodes["left"][node], rows[left]), (nodes["right"][node], rows[~left])):
            if len(some):
                waiting.append((int(child), some))
    return found


def _goes_left(x: Numbers, threshold: float, flags: int, sets: Sets) -> npt.NDArray[np.bool_]:
    left = are_among(x, sets[int(threshold)]) if flags & BY_CATEGORY else x <= threshold
    return left | np.isnan(x) if flags & MISSING_LEFT else left


def _leaf_by_level(nodes: Nodes, sets: Sets, vectors: Numbers, root: int) -> Rows:
    """The same. All rows take one step down at a time."""
    at = np.full(vectors.shape[1], root, dtype=np.intp)
    rows = np.arange(vectors.shape[1])
    while True:
        here = at[rows]
        feature = nodes["feature"][here]
        inner = feature != LEAF
        if not inner.all():
            rows, here, feature = rows[inner], here[inner], feature[inner]
        if not len(rows):
            return at
        x, flags, threshold = vectors[feature, rows], nodes["flags"][here], nodes["threshold"][here]
        left = x <= threshold
        if by_category := np.flatnonzero(flags & BY_CATEGORY).tolist():
            chosen = threshold[by_category]
            for number in np.unique(chosen):
                some = np.asarray(by_category)[chosen == number]
                left[some] = are_among(x[some], sets[int(number)])
        left |= np.isnan(x) & ((flags & MISSING_LEFT) != 0)
        at[rows] = np.where(left, nodes["left"][here], nodes["right"][here])


def are_among(values: Numbers, levels: frozenset[float]) -> npt.NDArray[np.bool_]:
    """Which values are in the set; NaN is not. Of so few, numpy's `isin` takes four times as long."""
    if not levels:
        return np.zeros(len(values), dtype=bool)
    known = np.sort(np.fromiter(levels, dtype=np.float64))
    return np.asarray(known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values)

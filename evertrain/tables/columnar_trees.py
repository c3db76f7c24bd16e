"""Sums of decision trees over columns; `scoring.operations.trees` says what a tree is."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT
from evertrain.tables.small_trees import MAX_LEAVES, Nodes, Numbers, Rows, Sets, leaf_of_each_tree, leaves_below

_ROWS_A_NODE = 16
"""With fewer rows than that for each node of a tree, all rows go down a level at a time: numpy's calls cost more than
what they do for the few rows of a node."""


def sum_of_trees(step: Mapping[str, Any], vectors: Numbers) -> Numbers:
    """Shape (outputs, rows): the start of each output, plus its trees' leaves, by the divisor.

    `vectors`: shape (inputs, rows). `step`: its parameters.
    """
    rows = vectors.shape[1]
    nodes = {name: np.asarray(step[name]) for name in ("feature", "threshold", "left", "right", "flags")}
    roots = np.asarray(step["roots"])
    totals = np.repeat(np.asarray(step["starts"], dtype=np.float64)[:, None], rows, axis=1)
    of_leaves = None if step["leaf_values"] is None else np.asarray(step["leaf_values"]).reshape(-1, len(totals))
    for number, leaf in enumerate(_leaf_of_each_tree(nodes, roots, step["categories"], vectors)):
        if of_leaves is None:
            totals[step["adds_to"][number]] += nodes["threshold"][leaf]
        else:
            totals += of_leaves[nodes["left"][leaf]].T
    return np.asarray(totals / step["divisor"])


def _leaf_of_each_tree(
    nodes: Nodes, roots: Rows, sets: Sets, vectors: Numbers
) -> Iterable[npt.NDArray[np.integer[Any]]]:
    """Of one tree after the other, shape (rows,): the node of each row's leaf."""
    leaves = leaves_below(nodes, roots)
    if leaves.count.max(initial=0) <= MAX_LEAVES:
        yield from leaf_of_each_tree(nodes, roots, sets, leaves, vectors)
        return
    ends = [*roots[1:].tolist(), len(nodes["feature"])]
    for root, end in zip(roots.tolist(), ends, strict=True):
        find = _leaf_by_node if vectors.shape[1] >= _ROWS_A_NODE * (end - root) else _leaf_by_level
        yield find(nodes, sets, vectors, root)


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

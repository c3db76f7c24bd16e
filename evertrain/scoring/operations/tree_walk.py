"""The way of a row down its trees, node by node. It defines to which leaf a row comes.

The nodes of all trees are one table, a column each, and a tree is the number of its root:

    feature     i4   the place of what is compared among the step's inputs; LEAF for a leaf
    threshold   f8   at most this goes left. Of a split by category: which of `categories`. Of a leaf: its value
    left, right i4   the children's nodes. Of a leaf of several values: left is its row of `leaf_values`
    flags       u1   MISSING_LEFT: what is missing goes left, else right. BY_CATEGORY: left goes what is in the list
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from evertrain.scoring.steps import Array

LEAF = -1
MISSING_LEFT, BY_CATEGORY = 1, 2
_LISTS_UP_TO = 100_000
"""Nodes. Lists are read faster than packed arrays while the processor's caches hold what they point to, and above
take twice as long."""

Vector = Sequence[float]
Walk = Callable[[Vector, Iterable[int]], list[int]]
"""From a row's numbers, and a node of each tree, to the leaves below them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    feature: Sequence[int]
    threshold: Sequence[float]
    left: Sequence[int]
    right: Sequence[int]
    flags: Sequence[int]
    categories: Sequence[frozenset[float]]
    roots: Sequence[int]

    @classmethod
    def of(cls, columns: Mapping[str, Array], *, categories: Sequence[frozenset[float]], roots: Array) -> "Nodes":
        as_lists = len(columns["feature"]) <= _LISTS_UP_TO
        found: dict[str, Any] = {name: each.tolist() if as_lists else each for name, each in columns.items()}
        return cls(**found, categories=categories, roots=roots.tolist())


def is_depth_first(nodes: Nodes) -> bool:
    """Whether on each node above others the left one of them follows."""
    columns = zip(count(1), nodes.feature, nodes.left, strict=False)
    return all(left == following for following, index, left in columns if index != LEAF)


def walk_down(nodes: Nodes, *, left_is_next: bool = False) -> Walk:
    """`left_is_next`: as `is_depth_first` tells. Fewer columns are read then, so that more of them stay in caches."""
    feature, threshold, flags, categories = nodes.feature, nodes.threshold, nodes.flags, nodes.categories
    left, right = nodes.left, nodes.right

    def walk(vector: Vector, starts: Iterable[int]) -> list[int]:
        leaves = []
        # Where nothing is missing, flags need not be read either. A sum with a NaN is NaN.
        are_flags_read = bool(categories) or math.isnan(sum(vector))
        for start in starts:
            node = start
            if are_flags_read:
                while (index := feature[node]) >= 0:
                    x, flag = vector[index], flags[node]
                    # NaN is neither above nor at most anything, so it goes where the comparison is not true.
                    if not flag:
                        node = left[node] if x <= threshold[node] else right[node]
                    elif flag == MISSING_LEFT:
                        node = right[node] if x > threshold[node] else left[node]
                    elif x != x:  # noqa: PLR0124  # NaN
                        node = left[node] if flag & MISSING_LEFT else right[node]
                    else:
                        node = left[node] if x in categories[int(threshold[node])] else right[node]
            elif left_is_next:
                while (index := feature[node]) >= 0:
                    node = node + 1 if vector[index] <= threshold[node] else right[node]
            else:
                while (index := feature[node]) >= 0:
                    node = left[node] if vector[index] <= threshold[node] else right[node]
            leaves.append(node)
        return leaves

    return walk

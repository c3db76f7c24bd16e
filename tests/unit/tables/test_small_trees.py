"""Looked up by bits, each row comes to the leaf that it comes to node by node."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT
from evertrain.tables.small_trees import MAX_LEAVES, leaf_of_each_tree, leaves_below

INPUTS = 3
SETS = [frozenset({0.0, 2.0}), frozenset({1.0}), frozenset(), frozenset({0.0, 1.0, 2.0, 3.0})]
THRESHOLDS = [-np.inf, -1.5, -0.0, 1.0, 2.0, 2.5, np.inf]
VALUES = [*THRESHOLDS, np.nextafter(1.0, np.inf), np.nextafter(1.0, -np.inf), 3.0, 7.0, np.nan]


def grown(rng: np.random.Generator, leaves: list[int]) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.intp]]:
    """Random trees with so many leaves each; a node's children come after it."""
    nodes: list[list[float]] = []
    roots = []
    for wanted in leaves:
        roots.append(len(nodes))
        nodes.append([LEAF, 0, 0, 0, 0])
        open_ = [len(nodes) - 1]
        for _ in range(wanted - 1):
            at = open_.pop(rng.integers(len(open_)))
            by_category = rng.random() < 0.4
            threshold = rng.integers(len(SETS)) if by_category else rng.choice(THRESHOLDS)
            flags = BY_CATEGORY * by_category + MISSING_LEFT * (rng.random() < 0.5)
            children = [len(nodes), len(nodes) + 1]
            nodes += [[LEAF, 0, 0, 0, 0], [LEAF, 0, 0, 0, 0]]
            nodes[at] = [rng.integers(INPUTS), threshold, *rng.permutation(children), flags]
            open_ += children
    types = {"feature": "i4", "threshold": "f8", "left": "i4", "right": "i4", "flags": "u1"}
    columns = zip(*nodes, strict=True)
    return {name: np.array(each, dtype=types[name]) for name, each in zip(types, columns, strict=True)}, np.array(
        roots
    )


def walked(nodes: dict[str, npt.NDArray[Any]], root: int, row: npt.NDArray[np.float64]) -> int:
    at = root
    while (feature := nodes["feature"][at]) != LEAF:
        x, threshold, flags = row[feature], nodes["threshold"][at], nodes["flags"][at]
        if np.isnan(x):
            left = bool(flags & MISSING_LEFT)
        else:
            left = x in SETS[int(threshold)] if flags & BY_CATEGORY else x <= threshold
        at = nodes["left" if left else "right"][at]
    return int(at)


def check(seed: int, leaves: list[int], rows: int = 200) -> None:
    rng = np.random.default_rng(seed)
    nodes, roots = grown(rng, leaves)
    vectors = rng.choice(VALUES, size=(INPUTS, rows))
    found = np.array(list(leaf_of_each_tree(nodes, roots, SETS, leaves_below(nodes, roots), vectors)))
    expected = [[walked(nodes, root, row) for row in vectors.T] for root in roots.tolist()]
    np.testing.assert_array_equal(found, expected)


@given(seed=st.integers(0, 10_000), leaves=st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_any_value_comes_to_the_same_leaf(seed: int, leaves: list[int]) -> None:
    check(seed, leaves, rows=40)


def test_a_tree_may_have_as_many_leaves_as_a_number_has_bits() -> None:
    check(1, [MAX_LEAVES, 2, MAX_LEAVES])


@pytest.mark.parametrize("trees", [128, 129])
def test_more_trees_than_are_looked_up_at_a_time_keep_their_order(trees: int) -> None:
    check(2, [3] * trees, rows=20)


def test_more_rows_than_are_looked_up_at_a_time_keep_their_order() -> None:
    check(3, [5, 9], rows=5_000)


def test_leaves_are_counted_from_left_to_right() -> None:
    """A root with a leaf on its left, and a node with two leaves on its right."""
    nodes = {
        "feature": np.array([0, LEAF, 1, LEAF, LEAF]),
        "left": np.array([1, 0, 3, 0, 0]),
        "right": np.array([2, 0, 4, 0, 0]),
    }
    found = leaves_below(nodes, np.array([0]))
    assert found.count.tolist() == [3, 1, 2, 1, 1]
    assert found.first.tolist() == [0, 0, 1, 1, 2]

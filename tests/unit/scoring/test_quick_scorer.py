"""Feature by feature a row comes to the leaves that it comes to node by node, of any trees and for any values."""

import math
import struct
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertrain.scoring import FlatModel
from evertrain.scoring.container import pack
from evertrain.scoring.operations import quick_scorer as module
from evertrain.scoring.operations.quick_scorer import MAX_EXITS, quick_scorer
from evertrain.scoring.operations.tree_walk import (
    BY_CATEGORY,
    LEAF,
    MISSING_LEFT,
    Nodes,
    Vector,
    is_depth_first,
    walk_down,
)
from evertrain.scoring.operations.trees import WALKED_ROWS

FEATURES = 3
THRESHOLDS = (-2.5, -0.0, 0.0, 1.0, 1.5, math.nextafter(1.5, 2.0), 3e38, -1.7976931348623157e308)
CODES = (0.0, 1.0, 2.0, 3.0)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # of trees, not of secrets


@dataclass
class Node:
    feature: int = LEAF
    threshold: float = 0.0
    flags: int = 0
    children: "tuple[Node, Node] | None" = None


def a_tree(rng: Random, leaves: int, *, categories: int) -> Node:
    """Of any shape: one leaf after the other is split."""
    root = Node(threshold=rng.uniform(-1, 1))
    ends = [root]
    while len(ends) < leaves:
        node = ends.pop(rng.randrange(len(ends)))
        by_category = categories > 0 and rng.random() < 0.3
        node.feature = rng.randrange(FEATURES)
        node.threshold = (
            float(rng.randrange(categories)) if by_category else rng.choice([*THRESHOLDS, rng.gauss(0, 2)])
        )
        node.flags = BY_CATEGORY * by_category | rng.choice([0, MISSING_LEFT])
        node.children = (Node(threshold=rng.uniform(-1, 1)), Node(threshold=rng.uniform(-1, 1)))
        ends += node.children
    return root


def in_order(root: Node, *, depth_first: bool) -> list[Node]:
    """The nodes of a tree, parents before their children."""
    found, waiting = [], deque([root])
    while waiting:
        node = waiting.popleft()
        found.append(node)
        if node.children is not None and depth_first:
            waiting.extendleft(reversed(node.children))
        elif node.children is not None:
            waiting.extend(node.children)
    return found


def columns_of(trees: Sequence[Node], *, depth_first: bool) -> tuple[dict[str, "array[Any]"], "array[int]"]:
    listed = [in_order(root, depth_first=depth_first) for root in trees]
    nodes = [node for each in listed for node in each]
    place = {id(node): number for number, node in enumerate(nodes)}
    children = [[place[id(child)] for child in node.children] if node.children else [0, 0] for node in nodes]
    columns: dict[str, array[Any]] = {
        "feature": array("i", [node.feature for node in nodes]),
        "threshold": array("d", [node.threshold for node in nodes]),
        "left": array("i", [left for left, _ in children]),
        "right": array("i", [right for _, right in children]),
        "flags": array("B", [node.flags for node in nodes]),
    }
    return columns, array("i", [place[id(root)] for root in trees])


def sets_of(rng: Random, count: int) -> list[frozenset[float]]:
    return [frozenset(rng.sample(CODES, rng.randrange(len(CODES) + 1))) for _ in range(count)]


def an_ensemble(
    seed: int, *, trees: int = 60, leaves: int = 31, categories: int = 5, depth_first: bool = True
) -> Nodes:
    rng = seeded(seed)
    roots = [a_tree(rng, rng.randint(1, leaves), categories=categories) for _ in range(trees)]
    columns, places = columns_of(roots, depth_first=depth_first)
    return Nodes.of(columns, categories=sets_of(rng, categories), roots=places)


def some_rows(seed: int, nodes: Nodes, *, rows: int = 40) -> list[list[float]]:
    """Of values at thresholds, just above and below them, and of all that is no usual number."""
    rng = seeded(seed)
    thresholds = [value for value, index in zip(nodes.threshold, nodes.feature, strict=True) if index != LEAF]
    values = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -1.0, 0.5, 99.0, *CODES]
    for threshold in rng.choices(thresholds or [0.0], k=60):
        values += [threshold, math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf)]
    return [rng.choices(values, k=FEATURES) for _ in range(rows)]


def leaf_of(nodes: Nodes, root: int, vector: Vector) -> int:
    """As the format says."""
    if nodes.feature[root] == LEAF:
        return root
    x, threshold, flags = vector[nodes.feature[root]], nodes.threshold[root], nodes.flags[root]
    if math.isnan(x):
        is_left = bool(flags & MISSING_LEFT)
    else:
        is_left = x in nodes.categories[int(threshold)] if flags & BY_CATEGORY else x <= threshold
    return leaf_of(nodes, (nodes.left if is_left else nodes.right)[root], vector)


def assert_same_leaves(nodes: Nodes, rows: Sequence[Vector]) -> None:
    scorer = quick_scorer(nodes)
    assert scorer is not None
    exits = scorer.telling(int)
    walks = [walk_down(nodes, left_is_next=each) for each in {False, is_depth_first(nodes)}]
    for row in rows:
        expected = [leaf_of(nodes, root, row) for root in nodes.roots]
        assert all(walk(row, nodes.roots) == expected for walk in walks)
        found = list(exits(row))
        assert all(walk(row, found) == expected for walk in walks)
        assert found == expected or not scorer.are_leaves


seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, leaves=st.integers(4, MAX_EXITS), categories=st.sampled_from([0, 5]), depth_first=st.booleans())
def test_a_row_comes_to_the_same_leaves(seed: int, leaves: int, categories: int, depth_first: bool) -> None:
    nodes = an_ensemble(seed, leaves=leaves, categories=categories, depth_first=depth_first)
    assert_same_leaves(nodes, some_rows(seed, nodes))


@given(seed=seeds, depth_first=st.booleans())
def test_trees_of_more_leaves_than_a_word_has_bits_are_walked_from_their_exits(seed: int, depth_first: bool) -> None:
    nodes = an_ensemble(seed, trees=20, leaves=4 * MAX_EXITS, depth_first=depth_first)
    assert_same_leaves(nodes, some_rows(seed, nodes, rows=20))


@pytest.mark.parametrize("leaves", [8, 9, 16, 17, 32, 33, 64, 65])
def test_every_length_of_a_word_has_room_for_as_many_leaves(leaves: int) -> None:
    rng = seeded(leaves)
    columns, roots = columns_of([a_tree(rng, leaves, categories=0) for _ in range(30)], depth_first=True)
    nodes = Nodes.of(columns, categories=[], roots=roots)
    assert_same_leaves(nodes, some_rows(leaves, nodes, rows=200))


@given(seed=seeds)
def test_what_has_no_room_at_once_is_found_in_groups(seed: int) -> None:
    nodes = an_ensemble(seed, trees=200, leaves=20, categories=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_BYTES", 100_000)
        scorer = quick_scorer(nodes)
        assert scorer is not None
        assert len(scorer.groups) > 1
        assert_same_leaves(nodes, some_rows(seed, nodes, rows=10))


@pytest.mark.parametrize("nodes", [an_ensemble(1, trees=1), an_ensemble(2, leaves=1)], ids=["one tree", "leaves"])
def test_few_nodes_are_walked(nodes: Nodes) -> None:
    assert quick_scorer(nodes) is None


@pytest.mark.parametrize(("limit", "value"), [("MAX_TREES", 50), ("MAX_BYTES", 1_000), ("MAX_CATEGORY_STEPS", 10)])
def test_what_takes_too_much_to_prepare_is_walked(limit: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, limit, value)
    assert quick_scorer(an_ensemble(3)) is None


def test_nodes_of_two_parents_are_walked() -> None:
    """2 ** 20 ways lead down such a tree of 21 nodes."""
    depth, trees = 20, 30
    columns = {
        "feature": array("i", [*[0] * depth, LEAF] * trees),
        "threshold": array("d", [0.0] * (depth + 1) * trees),
        "left": array("i", [*range(1, (depth + 1) * trees + 1)]),
        "right": array("i", [*range(1, (depth + 1) * trees + 1)]),
        "flags": array("B", [0] * (depth + 1) * trees),
    }
    roots = array("i", range(0, (depth + 1) * trees, depth + 1))
    assert quick_scorer(Nodes.of(columns, categories=[], roots=roots)) is None


@given(seed=seeds, outputs=st.integers(1, 3), of_vectors=st.booleans(), leaves=st.sampled_from([4, 31, 200]))
def test_predictions_stay_the_same_to_the_last_bit_once_it_is_prepared(
    seed: int, outputs: int, of_vectors: bool, leaves: int
) -> None:
    rng = seeded(seed)
    trees = [a_tree(rng, rng.randint(2, leaves), categories=0) for _ in range(40)]
    artifact = an_artifact(rng, trees, outputs=outputs, of_vectors=of_vectors)
    columns, roots = columns_of(trees, depth_first=True)
    rows = [
        {f"f{number}": None if math.isnan(value) else value for number, value in enumerate(row)}
        for row in some_rows(seed, Nodes.of(columns, categories=[], roots=roots), rows=WALKED_ROWS - 1)
    ]
    prepared = FlatModel.from_bytes(artifact)
    prepared.prepare()
    model = FlatModel.from_bytes(artifact)
    walked = model.predict(rows)
    assert bits_of(prepared.predict(rows)) == bits_of(walked)
    assert bits_of(model.predict(rows)) == bits_of(walked), "by now it has prepared itself"


def bits_of(predictions: Sequence[Any]) -> list[bytes]:
    return [
        struct.pack(f"{len(each)}d", *each) for each in (p if isinstance(p, tuple) else (p,) for p in predictions)
    ]


def an_artifact(rng: Random, trees: Sequence[Node], *, outputs: int, of_vectors: bool) -> bytes:
    """Of the sums themselves; of 3, as of three classes."""
    columns, roots = columns_of(trees, depth_first=True)
    leaves = [number for number, index in enumerate(columns["feature"]) if index == LEAF]
    arrays = {**columns, "roots": roots, "categories": array("i"), "category_ends": array("i")}
    if of_vectors:
        for row, leaf in enumerate(leaves):
            arrays["left"][leaf] = row
        arrays["leaf_values"] = array("d", [rng.uniform(-1, 1) for _ in range(len(leaves) * outputs)])
    else:
        arrays["adds_to"] = array("i", [rng.randrange(outputs) for _ in trees])
    numbers = {"operation": "number", "inputs": list(range(FEATURES))}
    sums = {
        "operation": "trees",
        "inputs": list(range(FEATURES, 2 * FEATURES)),
        "starts": [rng.uniform(-1, 1) for _ in range(outputs)],
        "divisor": rng.choice([1.0, 7.0]),
        **{name: number for number, name in enumerate(arrays)},
    }
    answers = list(range(2 * FEATURES, 2 * FEATURES + outputs))
    header = {
        "format": "evertrain-flat",
        "version": 2,
        "model": "trips",
        "task": "classification" if outputs == 3 else "regression",
        "features": [{"name": f"f{number}", "kind": "numeric", "nullable": True} for number in range(FEATURES)],
        "steps": [numbers, sums],
        "answer": answers if outputs == 3 else answers[-1],
        "classes": ["a", "b", "c"] if outputs == 3 else [],
        "tolerance": 1e-9,
    }
    return pack(header, list(arrays.values()))

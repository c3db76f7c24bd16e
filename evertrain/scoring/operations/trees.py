"""Sums of decision trees over packed nodes: `tree_walk` says what a node is, and its way down is the definition.

A process answers its first rows that way, and by then prepares what `quick_scorer` needs, for the rest: they come to
the same leaves, whose values are added in the same order, so that predictions stay the same to the last bit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import add
from typing import Any

from evertrain.scoring.operations.quick_scorer import Exits, quick_scorer
from evertrain.scoring.operations.tree_walk import (
    BY_CATEGORY,
    LEAF,
    MISSING_LEFT,
    Nodes,
    Vector,
    is_depth_first,
    walk_down,
)
from evertrain.scoring.steps import Array, Entry, Kind, Slots, Step, numbers_out

MAX_NODES = 2_000_000
"""Of all trees of a step: half a gigabyte of a forest in scikit-learn."""
MAX_TREES = 20_000
"""Above, a prediction in Python would take longer than a caller waits."""
WALKED_ROWS = 20
"""Answered before QuickScorer is prepared, which takes as long as it saves in some hundreds of rows: a cold start is
the slowest answer anyway."""


def trees(entry: Entry) -> Step:
    """For each output its start plus the leaves of its trees, by `divisor`.

    `adds_to`: of each tree, to which output it adds its value; or where its leaves have a value for each output,
    `leaf_values` has a row for each leaf, and `adds_to` is left out. `leaf_covers`, which explanations need and
    predictions do not: of each leaf, in the order of nodes, how many training rows it had, or by what they weighed.
    """
    inputs, starts, divisor = entry.inputs(Kind.NUMBER), entry.numbers("starts"), entry.number("divisor")
    entry.require(divisor != 0, "divisor: it is 0")
    roots = entry.array("roots", "i")
    entry.require(len(roots) <= MAX_TREES, f"more than {MAX_TREES} trees")
    nodes = _read_nodes(entry, len(inputs), roots)
    sets = _read_categories(entry)
    entry.require(
        max(nodes["flags"], default=0) < BY_CATEGORY
        or all(
            0 <= threshold < len(sets) and threshold == int(threshold)
            for threshold, flag in zip(nodes["threshold"], nodes["flags"], strict=True)
            if flag & BY_CATEGORY
        ),
        "a split by category without categories",
    )
    width = len(starts)
    parameters: dict[str, Any] = {**nodes, "roots": roots, "starts": starts, "divisor": divisor, "categories": sets}
    parameters["leaf_covers"] = _read_covers(entry, nodes["feature"])
    if entry.has("leaf_values"):
        leaf_values = entry.array("leaf_values", "d")
        rows = len(leaf_values) // width if width else 0
        leaves = [left for feature, left in zip(nodes["feature"], nodes["left"], strict=True) if feature == LEAF]
        entry.require(all(0 <= leaf < rows for leaf in leaves), "a leaf without values")
        parameters |= {"leaf_values": leaf_values, "adds_to": None}
    else:
        adds_to = entry.array("adds_to", "i", len(roots))
        entry.require(all(0 <= output < width for output in adds_to), "adds_to: one is not there")
        parameters |= {"leaf_values": None, "adds_to": adds_to}
    found = _Leaves(Nodes.of(nodes, categories=sets, roots=roots), parameters["leaf_values"], width)
    run = _sum_of(found, inputs, parameters)
    return replace(numbers_out(entry, inputs, width, run, **parameters), prepare=found.prepare)


class _Leaves:
    """To which leaves a row comes."""

    def __init__(self, nodes: Nodes, leaf_values: "Array | None", width: int) -> None:
        self._nodes, self._walk, self._walked = nodes, walk_down(nodes), 0
        self._quick: Exits | None = None
        self._content: Callable[[int], Any] = nodes.threshold.__getitem__
        if leaf_values is not None:
            left = nodes.left
            self._content = lambda node: leaf_values[left[node] * width : (left[node] + 1) * width]

    def of(self, vector: Vector) -> Iterable[Any]:
        """Of a row's numbers: of each tree, in their order, the leaf's value, or its row of `leaf_values`."""
        if self._quick is not None:
            return self._quick(vector)
        self._walked += 1
        if self._walked == WALKED_ROWS:
            self.prepare()
        return map(self._content, self._walk(vector, self._nodes.roots))

    def prepare(self) -> None:
        walk, content, scorer = self._walk, self._content, quick_scorer(self._nodes)
        if scorer is None:
            return
        if scorer.are_leaves:
            self._quick = scorer.telling(content)
            return
        if is_depth_first(self._nodes):
            walk = walk_down(self._nodes, left_is_next=True)
        exits = scorer.telling(int)
        self._quick = lambda vector: map(content, walk(vector, exits(vector)))


def _sum_of(found: _Leaves, inputs: Sequence[int], parameters: Mapping[str, Any]) -> Callable[[Slots], None]:
    starts: list[float] = parameters["starts"]
    adds_to: Array | None = parameters["adds_to"]
    divisor: float = parameters["divisor"]

    def total_of_values(vector: Vector) -> list[float]:
        (total,) = starts
        # Not `sum`, which from Python 3.12 on is more exact than additions one by one.
        for value in found.of(vector):
            total += value
        return [total]

    def totals_of_values(vector: Vector) -> list[float]:
        totals = starts[:]
        for value, output in zip(found.of(vector), adds_to or (), strict=True):
            totals[output] += value
        return totals

    def totals_of_vectors(vector: Vector) -> list[float]:
        totals = starts
        for values in found.of(vector):
            totals = list(map(add, totals, values))
        return totals

    totals_of = totals_of_vectors if adds_to is None else total_of_values if len(starts) == 1 else totals_of_values

    def run(slots: Slots) -> None:
        totals = totals_of([slots[i] for i in inputs])
        slots.extend(totals if divisor == 1.0 else [total / divisor for total in totals])

    return run


def _read_nodes(entry: Entry, width: int, roots: Array) -> dict[str, Array]:
    feature = entry.array("feature", "i")
    size = len(feature)
    entry.require(size <= MAX_NODES, f"more than {MAX_NODES} nodes")
    threshold, flags = entry.array("threshold", "d", size), entry.array("flags", "B", size)
    left, right = entry.array("left", "i", size), entry.array("right", "i", size)
    entry.require(max(flags, default=0) <= (MISSING_LEFT | BY_CATEGORY), "flags: one is unknown")
    entry.require(min(feature, default=LEAF) >= LEAF, "a feature below that of a leaf")
    entry.require(max(feature, default=LEAF) < width, "a node compares an input that is not there")
    # Trees share no node, and a child after its parent can't lead back to it: a row passes each node once at most.
    ends = [*roots[1:], size]
    entry.require(not size or (len(roots) > 0 and roots[0] == 0), "roots: nodes before the first tree")
    entry.require(all(a < b for a, b in zip(roots, ends, strict=True)), "roots: not in order")
    entry.require(
        all(
            index == LEAF or (node < to_left < end and node < to_right < end)
            for root, end in zip(roots, ends, strict=True)
            for node, index, to_left, to_right in zip(
                range(root, end), feature[root:end], left[root:end], right[root:end], strict=True
            )
        ),
        "a node has a child before it, or one that is not in its tree",
    )
    return {"feature": feature, "threshold": threshold, "left": left, "right": right, "flags": flags}


def _read_covers(entry: Entry, feature: Array) -> "Array | None":
    if not entry.has("leaf_covers"):
        return None
    covers = entry.array("leaf_covers", "f", feature.count(LEAF))
    entry.require(min(covers, default=1.0) > 0, "leaf_covers: one is not above 0")
    return covers


def _read_categories(entry: Entry) -> list[frozenset[float]]:
    """`category_ends`: where in `categories` each list ends."""
    codes, ends = entry.array("categories", "i"), entry.array("category_ends", "i")
    bounds = [0, *ends]
    entry.require(
        bounds[-1] == len(codes) and all(a <= b for a, b in pairwise(bounds)), "category_ends: not in order"
    )
    return [frozenset(map(float, codes[start:end])) for start, end in pairwise(bounds)]

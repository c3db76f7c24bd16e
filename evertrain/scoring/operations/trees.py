"""Sums of decision trees over packed nodes.

The nodes of all trees are one table, a column each, and a tree is the number of its root:

    feature     i4   the place of what is compared among the step's inputs; LEAF for a leaf
    threshold   f8   at most this goes left. Of a split by category: which of `categories`. Of a leaf: its value
    left, right i4   the children's nodes. Of a leaf of several values: left is its row of `leaf_values`
    flags       u1   MISSING_LEFT: what is missing goes left, else right. BY_CATEGORY: left goes what is in the list
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from evertrain.scoring.steps import Array, Entry, Kind, Slots, Step, numbers_out

LEAF = -1
MISSING_LEFT, BY_CATEGORY = 1, 2
MAX_NODES = 2_000_000
"""Of all trees of a step: half a gigabyte of a forest in scikit-learn."""
MAX_TREES = 20_000
"""Above, a prediction in Python would take longer than a caller waits."""
_LISTS_UP_TO = 200_000
"""Nodes. Lists are read faster than packed arrays, and take three times their memory."""


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
        all(
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
        return numbers_out(entry, inputs, width, _vector_leaves(inputs, parameters), **parameters)
    adds_to = entry.array("adds_to", "i", len(roots))
    entry.require(all(0 <= output < width for output in adds_to), "adds_to: one is not there")
    parameters |= {"leaf_values": None, "adds_to": adds_to}
    return numbers_out(entry, inputs, width, _scalar_leaves(inputs, parameters), **parameters)


def _scalar_leaves(inputs: Sequence[int], parameters: Mapping[str, Any]) -> Callable[[Slots], None]:
    feature, threshold, left, right, flags = _columns(parameters)
    sets, starts, divisor = (parameters[name] for name in ("categories", "starts", "divisor"))
    pairs = list(zip(parameters["roots"], parameters["adds_to"], strict=True))

    def run(slots: Slots) -> None:
        vector = [slots[i] for i in inputs]
        totals = starts[:]
        # The way down is written out here and in `_vector_leaves`: a call for each tree would cost a sixth.
        for root, output in pairs:
            node = root
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
                    node = left[node] if x in sets[int(threshold[node])] else right[node]
            totals[output] += threshold[node]
        slots.extend(totals if divisor == 1.0 else [total / divisor for total in totals])

    return run


def _vector_leaves(inputs: Sequence[int], parameters: Mapping[str, Any]) -> Callable[[Slots], None]:
    feature, threshold, left, right, flags = _columns(parameters)
    sets, starts, divisor = (parameters[name] for name in ("categories", "starts", "divisor"))
    roots, leaf_values, width = parameters["roots"], parameters["leaf_values"], len(starts)

    def run(slots: Slots) -> None:
        vector = [slots[i] for i in inputs]
        totals = starts[:]
        for root in roots:
            node = root
            while (index := feature[node]) >= 0:
                x, flag = vector[index], flags[node]
                if not flag:
                    node = left[node] if x <= threshold[node] else right[node]
                elif flag == MISSING_LEFT:
                    node = right[node] if x > threshold[node] else left[node]
                elif x != x:  # noqa: PLR0124  # NaN
                    node = left[node] if flag & MISSING_LEFT else right[node]
                else:
                    node = left[node] if x in sets[int(threshold[node])] else right[node]
            start = left[node] * width
            totals = [total + value for total, value in zip(totals, leaf_values[start : start + width], strict=True)]
        slots.extend(totals if divisor == 1.0 else [total / divisor for total in totals])

    return run


def _columns(parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    columns = [parameters[name] for name in ("feature", "threshold", "left", "right", "flags")]
    if len(columns[0]) > _LISTS_UP_TO:
        return columns
    return [column.tolist() for column in columns]


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
            feature[node] == LEAF or (node < left[node] < end and node < right[node] < end)
            for root, end in zip(roots, ends, strict=True)
            for node in range(root, end)
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

"""To which leaf a row comes in each of many trees, found feature by feature instead of node by node.

Lucchese, Nardini, Orlando, Perego, Tonellotto & Venturini, "QuickScorer: a fast algorithm to rank documents with
additive ensembles of regression trees", SIGIR 2015, in Python's long integers. Each tree has a word of an integer,
and each of its exits a bit there, the leftmost the lowest. A node that sends a row to the right rules out the exits
on its left; the lowest bit that no node rules out is the exit. What all nodes of a feature rule out together follows
from the rank of its value among their thresholds, so a row costs a search and an OR for each feature.

An exit is a leaf or, in a tree of more leaves than a word has bits, a node to walk down from: `tree_walk`, which also
says what nodes are.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import chain
from math import log2
from operator import getitem, itemgetter
from typing import Any

from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT, Nodes, Vector

MAX_EXITS = 64
"""Of a tree: the bits of the longest word."""
MAX_TREES = 5_000
"""What is to be read of more would make a caller wait."""
MAX_BYTES = 16 * 2**20
"""Of all masks. Above, trees are taken in groups, each with masks of its own."""
MAX_CATEGORY_STEPS = 500_000
"""Nodes times categories, to make the masks of these: a tenth of a second."""
_NODES_OF_A_SEARCH, _NODES_OF_A_GROUP = 3, 16
"""How many nodes a row walks past in the time of a search and an OR, and of what is the same for any group."""
_TYPECODES = {8: "B", 16: "H", 32: "I", 64: "Q"}
"""Of words, by their bits."""

Exits = Callable[[Vector], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class QuickScorer:
    """`are_leaves`: no exit is a node to walk on from."""

    groups: "Sequence[_Group]"
    are_leaves: bool

    def telling(self, content: Callable[[int], Any]) -> Exits:
        """From a row's numbers to what `content` tells of the node of each tree's exit, in the order of trees."""
        of_groups = [group.telling(content) for group in self.groups]
        if len(of_groups) == 1:
            return of_groups[0]
        return lambda vector: chain.from_iterable([exits(vector) for exits in of_groups])


def quick_scorer(nodes: Nodes) -> QuickScorer | None:
    """None where the walk is better: for few nodes, or many features for few trees."""
    if len(nodes.roots) > MAX_TREES:
        return None
    ends = [*nodes.roots[1:], len(nodes.feature)]
    trees = [_read_tree(nodes, root, end) for root, end in zip(nodes.roots, ends, strict=True)]
    if any(len(tree.exits) > MAX_EXITS for tree in trees):
        return None  # A node that has two parents: read, but never written.
    at_once = _trees_at_once(trees)
    if at_once == 0 or not _have_room_for_categories(trees, nodes.categories):
        return None
    groups = [_Group(trees[start : start + at_once], nodes.categories) for start in range(0, len(trees), at_once)]
    return QuickScorer(groups, all(nodes.feature[node] == LEAF for tree in trees for node in tree.exits))


_Split = tuple[int, float, int, int]
"""A node above exits: feature, threshold, flags, and the bits of the exits on its left."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """Down to its exits, which are nodes, from left to right."""

    exits: Sequence[int]
    splits: Sequence[_Split]


def _read_tree(nodes: Nodes, root: int, end: int) -> _Tree:
    feature, left, right = nodes.feature, nodes.left, nodes.right
    within = None if end - root < 2 * MAX_EXITS else _most_passed(nodes, root, end)
    exits: list[int] = []
    splits: list[_Split] = []
    waiting = [(root, -1)]
    while waiting and len(exits) <= MAX_EXITS:
        node, first = waiting.pop()
        if first >= 0:
            bits = (1 << len(exits)) - (1 << first)
            splits.append((feature[node], nodes.threshold[node], nodes.flags[node], bits))
        elif feature[node] == LEAF or (within is not None and node not in within):
            exits.append(node)
        else:
            # A node comes again when what is on its left is done.
            waiting += ((right[node], -1), (node, len(exits)), (left[node], -1))
    return _Tree(exits, splits)


def _most_passed(nodes: Nodes, root: int, end: int) -> set[int]:
    """The nodes above MAX_EXITS exits: those that rows are most likely to pass, having the most leaves below."""
    feature, left, right = (column[root:end] for column in (nodes.feature, nodes.left, nodes.right))
    leaves = [1.0] * (end - root)
    for node in range(end - root - 1, -1, -1):
        if feature[node] != LEAF:
            leaves[node] = leaves[left[node] - root] + leaves[right[node] - root]
    within: set[int] = set()
    heap = [(-leaves[0], 0)]
    while heap and len(within) < MAX_EXITS - 1:
        _, node = heappop(heap)
        if feature[node] == LEAF:
            break
        within.add(node + root)
        for child in (left[node] - root, right[node] - root):
            heappush(heap, (-leaves[child], child))
    return within


def _trees_at_once(trees: Sequence[_Tree]) -> int:
    """As many as the masks have room for; 0 where the walk is better."""
    compared = [(feature, threshold) for tree in trees for feature, threshold, _, _ in tree.splits]
    word, different = _bits_of_a_word(trees) // 8, len(set(compared))
    at_once = len(trees) if word * len(trees) * different <= MAX_BYTES else MAX_BYTES // (word * len(compared))
    if at_once == 0:
        return 0
    groups = -(-len(trees) // at_once)
    searches = groups * len({feature for feature, _ in compared})
    walked = sum(log2(len(tree.exits)) for tree in trees)
    return at_once if searches * _NODES_OF_A_SEARCH + groups * _NODES_OF_A_GROUP < walked else 0


def _have_room_for_categories(trees: Sequence[_Tree], categories: Sequence[frozenset[float]]) -> bool:
    sets: dict[int, list[frozenset[float]]] = {}
    for tree in trees:
        for feature, number, flags, _ in tree.splits:
            if flags & BY_CATEGORY:
                sets.setdefault(feature, []).append(categories[int(number)])
    known = {feature: len(frozenset[float]().union(*each)) for feature, each in sets.items()}
    steps = sum(known[feature] * len(each) for feature, each in sets.items())
    size = sum(known.values()) * len(trees) * _bits_of_a_word(trees) // 8
    return size <= MAX_BYTES and steps <= MAX_CATEGORY_STEPS


def _bits_of_a_word(trees: Sequence[_Tree]) -> int:
    most = max((len(tree.exits) for tree in trees), default=1)
    return next(bits for bits in _TYPECODES if most <= bits)


class _Group:
    """Some of the trees, whose words are one integer."""

    def __init__(self, trees: Sequence[_Tree], categories: Sequence[frozenset[float]]) -> None:
        self._trees, self._bits = trees, _bits_of_a_word(trees)
        by_threshold: dict[int, list[_Placed]] = {}
        by_category: dict[int, list[_Placed]] = {}
        for place, tree in enumerate(trees):
            for feature, threshold, flags, bits in tree.splits:
                of_features = by_category if flags & BY_CATEGORY else by_threshold
                if feature not in of_features:
                    of_features[feature] = []
                of_features[feature].append((threshold, place, bits, flags))
        self._searches = [self._search(feature, splits) for feature, splits in by_threshold.items()]
        self._lookups = [self._lookup(feature, splits, categories) for feature, splits in by_category.items()]

    def _search(self, feature: int, splits: list["_Placed"]) -> "_Search":
        splits.sort(key=itemgetter(0))
        thresholds: list[float] = []
        masks: list[int] = []
        out = self._words(0)
        for threshold, place, bits, _ in splits:
            if not thresholds or threshold != thresholds[-1]:
                thresholds.append(threshold)
                masks.append(_as_integer(out))
            out[place] |= bits
        masks.append(_as_integer(out))
        return feature, thresholds, masks, self._missing(splits)

    def _lookup(self, feature: int, splits: list["_Placed"], categories: Sequence[frozenset[float]]) -> "_Lookup":
        sets = [categories[int(number)] for number, _, _, _ in splits]
        known = frozenset[float]().union(*sets)
        out = {code: self._words(0) for code in known}
        for (_, place, bits, _), codes in zip(splits, sets, strict=True):
            for code in known - codes:
                out[code][place] |= bits
        masks = {code: _as_integer(words) for code, words in out.items()}
        return feature, masks.get, self._mask(splits), self._missing(splits)

    def _missing(self, splits: Iterable["_Placed"]) -> int:
        return self._mask([split for split in splits if not split[3] & MISSING_LEFT])

    def _mask(self, to_the_right: Iterable["_Placed"]) -> int:
        """What such nodes rule out."""
        out = self._words(0)
        for _, place, bits, _ in to_the_right:
            out[place] |= bits
        return _as_integer(out)

    def _words(self, word: int) -> "array[int]":
        return array(_TYPECODES[self._bits], [word]) * len(self._trees)

    def telling(self, content: Callable[[int], Any]) -> Exits:
        searches, lookups, bits = self._searches, self._lookups, self._bits
        ones, halves, quarters, eighths = (
            _as_integer(self._words(((1 << bits) - 1) // each)) for each in ((1 << bits) - 1, 3, 5, 17)
        )
        size, step = len(self._trees) * bits // 8, bits // 8
        # The byte of each word that its count ends in.
        low = slice(0 if sys.byteorder == "little" else step - 1, None, step)
        # Places are counted from 1.
        told = [[None, *map(content, tree.exits)] for tree in self._trees]

        def exits(vector: Vector) -> Iterator[Any]:
            out = 0
            for feature, thresholds, masks, missing in searches:
                x = vector[feature]
                # As many thresholds are below x as nodes send it to the right.
                out |= masks[bisect_left(thresholds, x)] if x == x else missing  # noqa: PLR0124  # NaN
            for feature, get, unknown, missing in lookups:
                x = vector[feature]
                out |= get(x, unknown) if x == x else missing  # noqa: PLR0124  # NaN
            # Of each word the bits up to the lowest that is 0; then how many they are, in all words at once: within
            # 2, 4, 8 bits, and over the bytes.
            count = out ^ (out + ones)
            count -= (count >> 1) & halves
            count = (count & quarters) + ((count >> 2) & quarters)
            count = (count + (count >> 4)) & eighths
            if bits > 8:
                count += count >> 8
                if bits > 16:
                    count += count >> 16
                    if bits > 32:
                        count += count >> 32
            return map(getitem, told, count.to_bytes(size, sys.byteorder)[low])

        return exits


_Placed = tuple[float, int, int, int]
"""A node: threshold, its tree's place in the group, the bits of the exits on its left, flags."""
_Search = tuple[int, Sequence[float], Sequence[int], int]
"""Of a feature: its thresholds in order; what is ruled out with 0, 1, 2, ... of them below; the same of NaN."""
_Lookup = tuple[int, Callable[[float, int], int], int, int]
"""Of a feature: what its category rules out, by `dict.get`; what any other one does; the same of NaN."""


def _as_integer(words: "array[int]") -> int:
    return int.from_bytes(words.tobytes(), sys.byteorder)

"""Shapley values of decision trees, of each feature, for one row.

The game is that of TreeSHAP by paths (Lundberg, Erion & Lee, "Consistent individualized feature attribution for tree
ensembles", 2018, Algorithm 1): where a feature is known the row goes its way, elsewhere it goes both ways by their
shares of the training rows. A feature is one player however many columns were made of it.

Computed otherwise than by their Algorithm 2. Let each feature be known with the probability q. The expected value of
the tree is then a polynomial of q, and a feature's Shapley value the integral over q from 0 to 1 of what knowing it
changes (Owen, "Multilinear extensions of games", Management Science 18, 1972). Gauss and Legendre's quadrature is
exact for it with half as many points as a path has features. Each node is passed twice, and nothing is unwound.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import add, mul, truediv
from typing import Any

from evertrain.scoring.explanations.attribution import Forest, NotExplainable
from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT

WORK_OF_AN_EDGE = 8
"""In points of quadrature."""
TOO_OLD = "it was trained before predictions could be explained; retrain it"
TOO_LARGE = "its trees are too many, or too large, to be explained within a request"
MAX_WORK = 8_000_000
"""Of a request: edges of all trees, times what each costs, for each row. A few seconds of what a function has."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """From a parent to a child. `parent` and `before` are numbers of edges, of which number 0 leads to the root.

    `node`: the child. `is_left`: it is the left one. `player`: the feature that decides. `before`: the edge above
    that it decides as well; 0 where there is none. `share`: of the rows that go this way wherever it decides on the
    path. `value`: of a leaf.
    """

    node: int
    parent: int
    is_left: bool
    player: int
    before: int
    share: float
    value: float | None


@dataclass(frozen=True, slots=True)
class _Tree:
    """`edges`: each parent before its children. `points`: of quadrature. `mean`: over the training rows."""

    edges: Sequence[_Edge]
    points: int
    mean: float


class ExplainedForest:
    """One step of trees, prepared. Raises NotExplainable: where the artifact has no covers of its leaves, or so many
    that a row would take too long."""

    def __init__(self, forest: Forest) -> None:
        parameters = forest.step.parameters
        if parameters["leaf_covers"] is None:
            raise NotExplainable(TOO_OLD)
        if len(parameters["feature"]) * WORK_OF_AN_EDGE > MAX_WORK:
            raise NotExplainable(TOO_LARGE)
        self._inputs, self._players = forest.step.inputs, forest.features
        self._feature, self._threshold, self._left, self._right, self._flags = (
            parameters[name] for name in ("feature", "threshold", "left", "right", "flags")
        )
        self._sets = parameters["categories"]
        covers = _covers(parameters)
        self._trees = [
            self._prepared(root, values, covers)
            for root, values in zip(parameters["roots"], _values_by_tree(forest), strict=True)
            if any(values.values())  # or it adds to other outputs, such as another class
        ]
        starts, divisor = parameters["starts"], parameters["divisor"]
        constant = math.fsum(weight * starts[output] / divisor for output, weight in forest.weights.items())
        self.base = constant + math.fsum(tree.mean for tree in self._trees)
        """What is predicted where nothing is known."""
        self.work = sum(len(tree.edges) * (WORK_OF_AN_EDGE + tree.points) for tree in self._trees)
        """Proportional to the time that a row takes."""

    def add_to(self, contributions: list[float], slots: Sequence[Any]) -> None:
        """Adds each feature's, in the order of the model's features."""
        vector = [slots[slot] for slot in self._inputs]
        for tree in self._trees:
            self._add_tree(tree, vector, contributions)

    def _add_tree(self, tree: _Tree, vector: Sequence[float], contributions: list[float]) -> None:
        known, weights = _quadrature(tree.points)
        unknown = [1.0 - q for q in known]
        # By edge: whether the row is among those that go this way, as far as its player decides; that player's
        # factor of the polynomial; the product of all players' factors; and whether the row goes left from there.
        root, *edges = tree.edges
        is_in, factors, products = [True], [weights], [weights]
        goes_left = [root.value is None and self._goes_left(root.node, vector)]
        for edge in edges:
            inside = is_in[edge.before] and goes_left[edge.parent] == edge.is_left
            share = edge.share
            if inside:
                own = [q + u * share for q, u in zip(known, unknown, strict=True)]
            else:
                own = [u * share for u in unknown]
            product = map(mul, products[edge.parent], own)
            products.append(list(map(truediv, product, factors[edge.before]) if edge.before else product))
            factors.append(own)
            is_in.append(inside)
            goes_left.append(edge.value is None and self._goes_left(edge.node, vector))
        self._add_upwards(tree, is_in, factors, products, contributions)

    def _add_upwards(
        self,
        tree: _Tree,
        is_in: Sequence[bool],
        factors: Sequence[list[float]],
        products: Sequence[list[float]],
        contributions: list[float],
    ) -> None:
        """From the leaves to the root: the polynomials of all leaves below an edge are added up."""
        edges = tree.edges
        below: list[list[float] | None] = [None] * len(edges)
        for number in range(len(edges) - 1, 0, -1):
            edge, total = edges[number], below[number]
            if edge.value is not None:
                value = edge.value
                total = [value * each for each in products[number]]
            assert total is not None  # noqa: S101  # children come after their parents
            gained = (is_in[number] - edge.share) * sum(map(truediv, total, factors[number]))
            if before := edge.before:
                gained -= (is_in[before] - edges[before].share) * sum(map(truediv, total, factors[before]))
            contributions[edge.player] += gained
            other = below[edge.parent]
            below[edge.parent] = total if other is None else list(map(add, total, other))

    def _goes_left(self, node: int, vector: Sequence[float]) -> bool:
        x, flag = vector[self._feature[node]], self._flags[node]
        if x != x:  # noqa: PLR0124  # NaN
            return bool(flag & MISSING_LEFT)
        if flag & BY_CATEGORY:
            return x in self._sets[int(self._threshold[node])]
        return bool(x <= self._threshold[node])

    def _prepared(self, root: int, values: Mapping[int, float], covers: Sequence[float]) -> _Tree:
        feature, players = self._feature, self._players
        edges = [_Edge(root, -1, False, -1, 0, 1.0, values.get(root))]
        nearest: dict[int, int] = {}  # of each player the last edge on the path to here
        seen, deepest = {root}, 0
        waiting: list[tuple[int, int, bool]] = []  # a node with its parent's edge; or an edge that is left behind

        def wait_for_children(node: int, edge: int) -> None:
            if feature[node] != LEAF:
                waiting.extend([(self._right[node], edge, False), (self._left[node], edge, True)])

        wait_for_children(root, 0)
        while waiting:
            node, parent, is_left = waiting.pop()
            if node < 0:
                left_behind = edges[parent]
                if left_behind.before:
                    nearest[left_behind.player] = left_behind.before
                else:
                    del nearest[left_behind.player]
                continue
            if node in seen:
                raise NotExplainable("its artifact's trees are no trees: a node has two parents")
            seen.add(node)
            above = edges[parent].node
            player = players[feature[above]]
            before = nearest.get(player, 0)
            share = covers[node] / covers[above] * edges[before].share
            nearest[player] = len(edges)
            deepest = max(deepest, len(nearest))
            waiting.append((-1, len(edges), False))
            wait_for_children(node, len(edges))
            edges.append(_Edge(node, parent, is_left, player, before, share, values.get(node)))
        mean = math.fsum(values[node] * covers[node] for node in values if node in seen) / covers[root]
        return _Tree(edges, max(1, (deepest + 1) // 2), mean)


def _covers(parameters: Mapping[str, Any]) -> list[float]:
    """Of every node: a node has the training rows of its leaves. Shares of them multiply to those of the leaf on each
    path, so no product of shares is smaller than a leaf's part of the tree."""
    feature, left, right = (parameters[name] for name in ("feature", "left", "right"))
    covers = [0.0] * len(feature)
    leaves = iter(reversed(parameters["leaf_covers"]))
    for node in range(len(feature) - 1, -1, -1):
        covers[node] = next(leaves) if feature[node] == LEAF else covers[left[node]] + covers[right[node]]
    return covers


def _values_by_tree(forest: Forest) -> list[dict[int, float]]:
    """Of each tree's leaves what they add to the weighted outputs."""
    parameters = forest.step.parameters
    feature, threshold, left = (parameters[name] for name in ("feature", "threshold", "left"))
    roots, width, divisor = parameters["roots"], len(parameters["starts"]), parameters["divisor"]
    leaf_values, adds_to = parameters["leaf_values"], parameters["adds_to"]
    weights = [forest.weights.get(output, 0.0) / divisor for output in range(width)]
    found: list[dict[int, float]] = []
    for number, (root, end) in enumerate(zip(roots, [*roots[1:], len(feature)], strict=True)):
        if leaf_values is None and weights[adds_to[number]] == 0.0:
            found.append({})
            continue
        leaves = [node for node in range(root, end) if feature[node] == LEAF]
        if leaf_values is None:
            weight = weights[adds_to[number]]
            found.append({node: weight * threshold[node] for node in leaves})
        else:
            rows = ((node, leaf_values[left[node] * width : (left[node] + 1) * width]) for node in leaves)
            found.append({node: sum(map(mul, weights, row)) for node, row in rows})
    return found


@cache
def _quadrature(points: int) -> tuple[list[float], list[float]]:
    """Gauss and Legendre's points within 0 and 1, and their weights: exact for polynomials up to 2 * points - 1.

    Roots of the Legendre polynomial by Newton's method.
    >>> points, weights = _quadrature(3)
    >>> round(sum(w * x**5 for x, w in zip(points, weights)), 12) == round(1 / 6, 12)
    True
    """
    found, weights = [], []
    for index in range(points):
        x = math.cos(math.pi * (index + 0.75) / (points + 0.5))
        for _ in range(100):
            value, slope = _legendre(points, x)
            step = value / slope
            x -= step
            if abs(step) < 1e-16:
                break
        slope = _legendre(points, x)[1]
        found.append(0.5 * (1.0 - x))
        weights.append(1.0 / ((1.0 - x * x) * slope * slope))
    return found, weights


def _legendre(degree: int, x: float) -> tuple[float, float]:
    """The polynomial and its derivative, within -1 and 1."""
    before, value = 1.0, x
    for n in range(2, degree + 1):
        before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
    return value, degree * (x * value - before) / (x * x - 1.0)

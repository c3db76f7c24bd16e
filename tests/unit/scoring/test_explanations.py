"""Explanations add up to the prediction, and of trees they are the Shapley values of their features."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertrain.domain.project.prediction import Prediction
from evertrain.scoring import FlatModel, InvalidArtifact
from evertrain.scoring.container import pack
from evertrain.scoring.explanations import Explained, Explainer, Explanation, NotExplainable, Scale
from evertrain.scoring.explanations.tree_shap import _quadrature

NAMES = ("a", "b", "c", "d")
CLASSES = ("x", "y", "z")
LEAF, MISSING_LEFT, BY_CATEGORY = -1, 1, 2
COLUMNS = (0, 1, 2, 3, 0, 1)
"""The feature of each column that trees compare: the numbers, then `a` clipped, and whether `b` is missing."""


@dataclass
class Forest:
    """Written as an artifact, and explained by the definition."""

    nodes: list[dict[str, Any]]
    roots: list[int]
    categories: list[list[int]]
    adds_to: list[int]
    starts: tuple[float, ...] = (0.5,)
    divisor: float = 1.0

    def artifact(self, *, link: str = "identity", covers: list[float] | None = None) -> bytes:
        leaf_covers = covers or [each["cover"] for each in self.nodes if each["feature"] == LEAF]
        codes = [code for each in self.categories for code in each]
        ends = [sum(map(len, self.categories[: number + 1])) for number in range(len(self.categories))]
        columns = {
            "feature": array("i", [each["feature"] for each in self.nodes]),
            "threshold": array("d", [each["threshold"] for each in self.nodes]),
            "left": array("i", [each["left"] for each in self.nodes]),
            "right": array("i", [each["right"] for each in self.nodes]),
            "flags": array("B", [each["flags"] for each in self.nodes]),
            "roots": array("i", self.roots),
            "adds_to": array("i", self.adds_to),
            "categories": array("i", codes),
            "category_ends": array("i", ends),
            "leaf_covers": array("f", leaf_covers),
        }
        numbers = {name: number for number, name in enumerate(columns)}
        scores = 10
        steps = [
            {"operation": "number", "inputs": [0, 1, 2, 3]},
            {"operation": "at_least", "inputs": [4], "values": [1.5]},
            {"operation": "is_missing", "inputs": [1]},
            {"operation": "trees", "inputs": [4, 5, 6, 7, 8, 9], "starts": list(self.starts), "divisor": self.divisor}
            | numbers,
        ]
        count = len(self.starts)
        answer: Any = scores + 1
        classes: list[str] = []
        if count > 1:
            steps.append({"operation": "softmax", "inputs": [*range(scores, scores + count)]})
            answer = [*range(scores + count, scores + 2 * count)] if count > 2 else scores + 3
            classes = list(CLASSES) if count > 2 else []
        else:
            steps.append({"operation": "function", "inputs": [scores], "name": link})
        return pack(header(steps, answer=answer, classes=classes), list(columns.values()))

    def shapley_values(self, row: dict[str, Any], *, output: int | None = None) -> tuple[float, list[float]]:
        """By all subsets of features, of one output; else of the last output less the first of two."""
        signs = [-1.0, 1.0] if len(self.starts) == 2 else [1.0]
        if output is not None:
            signs = [float(number == output) for number in range(len(self.starts))]
        worth = {
            known: self._expected(row, frozenset(known), signs)
            for size in range(len(NAMES) + 1)
            for known in combinations(range(len(NAMES)), size)
        }
        count, values = len(NAMES), []
        for player in range(count):
            total = 0.0
            for known, without in worth.items():
                if player not in known:
                    weight = math.factorial(len(known)) * math.factorial(count - len(known) - 1)
                    total += weight / math.factorial(count) * (worth[tuple(sorted((*known, player)))] - without)
            values.append(total)
        return worth[()], values

    def _expected(self, row: dict[str, Any], known: frozenset[int], signs: list[float]) -> float:
        given = [math.nan if row[name] is None else float(row[name]) for name in NAMES]
        clipped = given[0] if math.isnan(given[0]) else max(given[0], 1.5)
        vector = [*given, clipped, float(math.isnan(given[1]))]
        total = sum(sign * start for sign, start in zip(signs, self.starts, strict=True))
        for root, output in zip(self.roots, self.adds_to, strict=True):
            total += signs[output] * self._below(root, vector, known)
        return total / self.divisor

    def _below(self, node: int, vector: list[float], known: frozenset[int]) -> float:
        each = self.nodes[node]
        if each["feature"] == LEAF:
            return float(each["threshold"])
        x = vector[each["feature"]]
        if math.isnan(x):
            goes_left = bool(each["flags"] & MISSING_LEFT)
        elif each["flags"] & BY_CATEGORY:
            goes_left = x in self.categories[int(each["threshold"])]
        else:
            goes_left = x <= each["threshold"]
        left, right = (self._below(each[side], vector, known) for side in ("left", "right"))
        if COLUMNS[each["feature"]] in known:
            return left if goes_left else right
        of_left, of_right = (self._cover(each[side]) for side in ("left", "right"))
        return (of_left * left + of_right * right) / (of_left + of_right)

    def _cover(self, node: int) -> float:
        each = self.nodes[node]
        if each["feature"] == LEAF:
            return float(each["cover"])
        return self._cover(each["left"]) + self._cover(each["right"])


def header(
    steps: list[Any], *, answer: Any, task: str = "regression", means: Any = None, classes: Sequence[str] = ()
) -> dict[str, Any]:
    features = [{"name": name, "kind": "numeric", "nullable": True, "example": None} for name in NAMES]
    return {
        "format": "evertrain-flat",
        "version": 2,
        "model": "trips",
        "task": "classification" if classes else task,
        "features": features,
        "steps": steps,
        "answer": answer,
        "classes": list(classes),
        "tolerance": 1e-9,
    } | ({"means": means} if means else {})


@st.composite
def forests(draw: st.DrawFn, starts: Sequence[tuple[float, ...]] = ((0.5,), (0.25, -1.0))) -> Forest:
    """Of any shape: the same feature again on a path, splits by category, what is missing either way."""
    found = Forest([], [], [], [], starts=draw(st.sampled_from(starts)))
    found.divisor = draw(st.sampled_from([1.0, 4.0]))
    for _ in range(draw(st.integers(1, 3))):
        found.roots.append(len(found.nodes))
        found.adds_to.append(draw(st.integers(0, len(found.starts) - 1)))
        waiting = [(-1, "", draw(st.integers(0, 6)))]
        while waiting:
            parent, side, depth = waiting.pop(0)
            number = len(found.nodes)
            if parent >= 0:
                found.nodes[parent][side] = number
            node = {"feature": LEAF, "threshold": draw(st.integers(-8, 8)) / 4, "left": 0, "right": 0, "flags": 0}
            if depth == 0 or (parent >= 0 and draw(st.booleans())):
                node["cover"] = draw(st.sampled_from([1.0, 2.0, 7.0, 100.0, 0.5]))
            else:
                node["feature"] = draw(st.integers(0, len(COLUMNS) - 1))
                node["threshold"] = float(draw(st.integers(0, 3)))
                node["flags"] = draw(st.integers(0, 3))
                if node["flags"] & BY_CATEGORY:
                    found.categories.append(sorted(draw(st.sets(st.integers(0, 3)))))
                    node["threshold"] = float(len(found.categories) - 1)
                waiting += [(number, "left", depth - 1), (number, "right", depth - 1)]
            found.nodes.append(node)
    return found


ROWS = st.fixed_dictionaries({name: st.sampled_from([None, 0, 1, 2, 3, 2.5]) for name in NAMES})


@given(forests(), ROWS)
@settings(max_examples=300, deadline=None)
def test_a_forest_s_contributions_are_its_shapley_values(forest: Forest, row: dict[str, Any]) -> None:
    model = FlatModel.from_bytes(forest.artifact())
    explainer = Explainer(model)
    (explanation,) = explainer.explain([row])
    base, values = forest.shapley_values(row)
    assert explanation.base == pytest.approx(base, abs=1e-12)
    assert list(explanation.contributions.values()) == pytest.approx(values, abs=1e-12)
    assert answer_of(explanation, explainer.scale) == pytest.approx(model.predict([row])[0], abs=1e-12)


def answer_of(explained: Explained, scale: Scale) -> Prediction:
    """What base and contributions add up to, as the model answers."""
    if isinstance(explained, Mapping):
        totals = [each.base + math.fsum(each.contributions.values()) for each in explained.values()]
        if scale is Scale.LOGIT:
            totals = [math.exp(each - max(totals)) for each in totals]
            totals = [each / math.fsum(totals) for each in totals]
        return tuple(totals)
    total = explained.base + math.fsum(explained.contributions.values())
    inverse = {Scale.LOG_ODDS: lambda x: 1 / (1 + math.exp(-x)), Scale.LOG: math.exp, Scale.LOG1P: math.expm1}
    return inverse.get(scale, lambda x: x)(total)


def chain(length: int, *, players: int = len(NAMES)) -> Forest:
    """A tree that is one path: every second node a leaf."""
    nodes = []
    for number in range(length):
        feature = number % players
        nodes.append(
            {"feature": feature, "threshold": 1.0, "left": 2 * number + 1, "right": 2 * number + 2, "flags": 0}
        )
        nodes.append({"feature": LEAF, "threshold": 0.5, "left": 0, "right": 0, "flags": 0, "cover": 1.0})
    nodes.append({"feature": LEAF, "threshold": 2.0, "left": 0, "right": 0, "flags": 0, "cover": 1e-30})
    return Forest(nodes, [0], [], [0])


def test_a_path_of_ten_thousand_nodes_is_explained() -> None:
    model = FlatModel.from_bytes(chain(10_000).artifact())
    row = {"a": 2, "b": 2, "c": 2, "d": 2}
    (explanation,) = Explainer(model).explain([row])
    assert answer_of(explanation, Scale.NUMBER) == pytest.approx(2.5)


@pytest.mark.parametrize("points", [1, 2, 5, 20, 60])
def test_the_quadrature_is_exact_for_polynomials(points: int) -> None:
    known, weights = _quadrature(points)
    highest = 2 * points - 1
    np.testing.assert_allclose([w for w in weights if w <= 0], [])
    for degree in (0, 1, highest // 2, highest):
        found = math.fsum(w * q**degree for q, w in zip(known, weights, strict=True))
        assert found == pytest.approx(1 / (degree + 1), rel=1e-12)


@pytest.mark.parametrize(
    ("covers", "expected_message"),
    [([1.0], "leaf_covers: 1 values"), ([1.0, 0.0], "leaf_covers: one is not above 0"), ([1.0, math.nan], "finite")],
)
def test_covers_that_are_none_are_refused_with_the_artifact(covers: list[float], expected_message: str) -> None:
    with pytest.raises(InvalidArtifact, match=expected_message):
        FlatModel.from_bytes(chain(1).artifact(covers=covers))


@pytest.mark.parametrize(
    "means",
    [
        {"slots": [4], "values": []},
        {"slots": [99], "values": [1.0]},
        {"slots": [0], "values": [1.0]},
        {"slots": [4], "values": [True]},
        {"slots": [4]},
        [4],
    ],
)
def test_means_that_are_none_are_refused_with_the_artifact(means: Any) -> None:
    steps = [{"operation": "number", "inputs": [0]}]
    with pytest.raises(InvalidArtifact):
        FlatModel.from_bytes(pack(header(steps, answer=4, means=means), []))


def test_a_node_with_two_parents_is_not_explained_for_ever() -> None:
    """It would have twice as many paths with each level."""
    nodes = [
        {"feature": 0, "threshold": 1.0, "left": number + 1, "right": number + 1, "flags": 0} for number in range(60)
    ]
    nodes.append({"feature": LEAF, "threshold": 2.0, "left": 0, "right": 0, "flags": 0, "cover": 1.0})
    model = FlatModel.from_bytes(Forest(nodes, [0], [], [0]).artifact())
    assert model.predict([dict.fromkeys(NAMES)]) == [2.5]
    with pytest.raises(NotExplainable, match="a node has two parents"):
        Explainer(model)


def test_trees_that_would_take_too_long_are_not_explained() -> None:
    found = Explainer(FlatModel.from_bytes(chain(20_000).artifact()))
    assert 1 < found.rows_at_once < 100
    with pytest.raises(NotExplainable, match="too many, or too large"):
        Explainer(FlatModel.from_bytes(chain(600_000).artifact()))


def test_a_model_without_covers_is_told_to_be_retrained() -> None:
    model = FlatModel.from_bytes(chain(3).artifact())
    steps = tuple(replace(step, parameters={**step.parameters, "leaf_covers": None}) for step in model.steps)
    with pytest.raises(NotExplainable, match="trained before predictions could be explained; retrain it"):
        Explainer(replace(model, steps=steps))


def a_sum(weights: list[float], *, means: Any, link: str = "identity", task: str = "regression") -> FlatModel:
    steps = [
        {"operation": "number", "inputs": [0, 1, 2, 3]},
        {"operation": "linear", "inputs": [4, 5, 6, 7], "weights": 0, "intercepts": [3.0]},
        {"operation": "function", "inputs": [8], "name": link},
    ]
    return FlatModel.from_bytes(pack(header(steps, answer=9, task=task, means=means), [array("d", weights)]))


MEANS = {"slots": [4, 5, 6, 7], "values": [1.0, 2.0, 3.0, 4.0]}
ROW = {"a": 2.0, "b": 2.0, "c": 0.0, "d": 5.0}


@pytest.mark.parametrize(
    ("link", "task", "scale"),
    [
        ("identity", "regression", Scale.NUMBER),
        ("identity", "classification", Scale.PROBABILITY),
        ("logistic", "classification", Scale.LOG_ODDS),
        ("exp", "regression", Scale.LOG),
        ("expm1", "regression", Scale.LOG1P),
    ],
)
def test_a_sum_s_contributions_are_weights_by_distances_from_means(link: str, task: str, scale: Scale) -> None:
    model = a_sum([1.0, 5.0, -2.0, 0.0], means=MEANS, link=link, task=task)
    explainer = Explainer(model)
    (explanation,) = explainer.explain([ROW])
    assert explainer.scale is scale
    assert explanation == Explanation(8.0, {"a": 1.0, "b": 0.0, "c": 6.0, "d": 0.0})
    assert answer_of(explanation, scale) == pytest.approx(model.predict([ROW])[0])


def test_a_sum_without_means_is_told_to_be_retrained() -> None:
    with pytest.raises(NotExplainable, match="retrain it"):
        Explainer(a_sum([1.0, 5.0, -2.0, 1.0], means=None))


def test_a_column_of_several_features_has_no_explanation() -> None:
    steps = [
        {"operation": "number", "inputs": [0, 1, 2, 3]},
        {"operation": "products", "inputs": [4, 5], "terms": [[4, 5], [6, 6]]},
        {"operation": "linear", "inputs": [8, 9], "weights": 0, "intercepts": [3.0]},
    ]
    mixed = FlatModel.from_bytes(pack(header(steps, answer=10), [array("d", [1.0, 1.0])]))
    with pytest.raises(NotExplainable, match="trips computes a column of a, b together"):
        Explainer(mixed)
    means = {"slots": [9], "values": [4.0]}
    of_one = FlatModel.from_bytes(pack(header(steps, answer=10, means=means), [array("d", [0.0, 1.0])]))
    (explanation,) = Explainer(of_one).explain([{"a": 1, "b": 1, "c": 3, "d": 1}])
    assert explanation == Explanation(7.0, {"a": 0.0, "b": 0.0, "c": 5.0, "d": 0.0})


def test_an_answer_that_is_no_sum_has_no_explanation() -> None:
    steps = [
        {"operation": "number", "inputs": [0, 1, 2, 3]},
        {"operation": "linear", "inputs": [4, 5, 6, 7], "weights": 0, "intercepts": [3.0]},
        {"operation": "function", "inputs": [8], "name": "relu"},
    ]
    with pytest.raises(NotExplainable, match="a prediction of trips is no sum over its features"):
        Explainer(FlatModel.from_bytes(pack(header(steps, answer=9), [array("d", [1.0] * 4)])))

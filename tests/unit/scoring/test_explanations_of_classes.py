"""Of several classes each has contributions of its own, which add up to its part of the prediction."""

from array import array
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from evertrain.scoring import FlatModel
from evertrain.scoring.container import pack
from evertrain.scoring.explanations import Explainer, Explanation, NotExplainable, Scale, explainer
from tests.unit.scoring.test_explanations import (
    CLASSES,
    MEANS,
    NAMES,
    ROW,
    ROWS,
    Forest,
    answer_of,
    chain,
    forests,
    header,
)


@given(forests(starts=[(0.5, 0.25, -1.0)]), ROWS)
@settings(max_examples=200, deadline=None)
def test_of_several_classes_each_one_s_contributions_are_its_shapley_values(
    forest: Forest, row: dict[str, Any]
) -> None:
    model = FlatModel.from_bytes(forest.artifact())
    explainer = Explainer(model)
    (explained,) = explainer.explain([row])
    assert explainer.scale is Scale.LOGIT
    assert isinstance(explained, Mapping)
    assert tuple(explained) == CLASSES
    for output, explanation in enumerate(explained.values()):
        base, values = forest.shapley_values(row, output=output)
        assert explanation.base == pytest.approx(base, abs=1e-12)
        assert list(explanation.contributions.values()) == pytest.approx(values, abs=1e-12)
    assert answer_of(explained, explainer.scale) == pytest.approx(model.predict([row])[0], abs=1e-12)


def test_of_several_classes_a_sum_s_contributions_are_those_of_each_one_s_weights() -> None:
    steps = [
        {"operation": "number", "inputs": [0, 1, 2, 3]},
        {"operation": "linear", "inputs": [4, 5, 6, 7], "weights": 0, "intercepts": [3.0, 0.0, -1.0]},
        {"operation": "softmax", "inputs": [8, 9, 10]},
    ]
    weights = array("d", [1.0, 5.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    document = header(steps, answer=[11, 12, 13], classes=CLASSES, means=MEANS)
    model = FlatModel.from_bytes(pack(document, [weights]))
    explainer = Explainer(model)
    (explained,) = explainer.explain([ROW])
    nothing = dict.fromkeys(NAMES, 0.0)
    assert explained == {
        "x": Explanation(8.0, nothing | {"a": 1.0, "c": 6.0}),
        "y": Explanation(0.0, nothing),
        "z": Explanation(7.0, nothing | {"d": 2.0}),
    }
    assert answer_of(explained, explainer.scale) == pytest.approx(model.predict([ROW])[0])


def test_trees_of_too_many_classes_are_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each class alone would take its time."""
    monkeypatch.setattr(explainer, "MAX_WORK", 5_000)
    model = FlatModel.from_bytes(chain(50).artifact())
    most = Explainer(model).rows_at_once
    assert 3 < most < 100

    def of(count: int) -> FlatModel:
        classes = tuple(f"class {number}" for number in range(count))
        return replace(model, classes=classes, answer=(model.answer,) * count)

    assert Explainer(of(most)).rows_at_once == 1
    with pytest.raises(NotExplainable, match="too many, or too large"):
        Explainer(of(most + 1))

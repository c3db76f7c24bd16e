"""An artifact is read whole or refused."""

import gzip
import json
import math

import pytest

from evertrain.scoring import FlatModel, InvalidArtifact

DOCUMENT = {
    "format": "evertrain-flat",
    "version": 1,
    "model": "trips",
    "task": "regression",
    "features": [{"name": "distance", "kind": "numeric", "nullable": False}],
    "encoders": [{"feature": "distance", "kind": "number", "shift": 100.0, "scale": 50.0}],
    "total": {"kind": "linear", "weights": [2.0], "intercept": 1.0},
    "link": "identity",
}


def packed(**changes: object) -> bytes:
    return gzip.compress(json.dumps(DOCUMENT | changes).encode(), mtime=0)


def test_a_weighted_sum_by_hand() -> None:
    model = FlatModel.from_bytes(packed())
    assert model.predict([{"distance": 200.0}, {"distance": 100}]) == [5.0, 1.0]
    assert model.feature_names == ("distance",)


def test_a_tree_by_hand() -> None:
    tree = {
        "feature": [0, -1, -1],
        "threshold": [10.0, 0.0, 0.0],
        "levels": [None, None, None],
        "missing": [False, False, False],
        "left": [1, 0, 0],
        "right": [2, 0, 0],
        "value": [0.0, -1.0, 2.0],
    }
    total = {"kind": "trees", "start": 0.5, "trees": [tree, tree]}
    encoders = [{"feature": "distance", "kind": "number"}]
    model = FlatModel.from_bytes(packed(total=total, encoders=encoders))
    assert model.predict([{"distance": value} for value in (10.0, 10.1, None)]) == [-1.5, 4.5, 4.5]


def test_a_logistic_link_bears_totals_of_any_size() -> None:
    model = FlatModel.from_bytes(packed(link="logistic"))
    low, high = model.predict([{"distance": -1e6}, {"distance": 1e6}])
    assert (low, high) == (0.0, 1.0)


def test_an_exponential_link_grows_to_infinity_without_an_error() -> None:
    model = FlatModel.from_bytes(packed(link="exponential"))
    assert model.predict([{"distance": 100.0}, {"distance": 1e6}]) == [math.e, math.inf]


def test_a_category_s_example_is_one_that_training_saw() -> None:
    features = [{"name": name, "kind": "categorical", "nullable": True} for name in ("carrier", "airport", "unused")]
    encoders = [
        {"feature": "carrier", "kind": "code", "levels": [None, "UA"]},
        {"feature": "airport", "kind": "is", "level": "JFK"},
    ]
    total = {"kind": "linear", "weights": [1.0, 1.0], "intercept": 0.0}
    model = FlatModel.from_bytes(packed(features=features, encoders=encoders, total=total))
    assert [feature.example for feature in model.features] == ["UA", "JFK", "text"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        packed()[:40],
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b"{", mtime=0),
        packed(version=2),
        packed(format="pickle"),
        packed(link="tangent"),
        packed(total={"kind": "linear", "weights": [2.0]}),
        packed(encoders=[{"feature": "distance", "kind": "exec"}]),
        packed(features=[{"name": "distance", "kind": "colour", "nullable": False}]),
    ],
)
def test_what_is_no_artifact_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArtifact):
        FlatModel.from_bytes(data)

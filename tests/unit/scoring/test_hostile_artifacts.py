"""Whatever is in an artifact of the first version, reading it ends in InvalidArtifact; no flood fills the memory."""

import copy
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evertrain.scoring import FlatModel, InvalidArtifact
from evertrain.scoring.container import MAGIC

Change = Callable[[dict[str, Any]], object]


def document() -> dict[str, Any]:
    tree = {
        "feature": [0, 1, -1, -1, -1],
        "threshold": [10.0, 0.0, 0.0, 0.0, 0.0],
        "levels": [None, [0, 2], None, None, None],
        "missing": [False, True, False, False, False],
        "left": [1, 2, 0, 0, 0],
        "right": [4, 3, 0, 0, 0],
        "value": [0.0, 0.0, -1.0, 2.0, 3.0],
    }
    return {
        "format": "evertrain-flat",
        "version": 1,
        "model": "trips",
        "task": "regression",
        "features": [
            {"name": "distance", "kind": "numeric", "nullable": False},
            {"name": "carrier", "kind": "categorical", "nullable": True},
        ],
        "encoders": [
            {"feature": "distance", "kind": "number", "shift": 100.0, "scale": 50.0},
            {"feature": "carrier", "kind": "code", "levels": ["UA", "DL", "AA"]},
        ],
        "total": {"kind": "trees", "start": 0.5, "trees": [tree, copy.deepcopy(tree)]},
        "link": "identity",
    }


def linear() -> dict[str, Any]:
    return document() | {"total": {"kind": "linear", "weights": [2.0, 1.0], "intercept": 1.0}}


def in_tree(name: str, node: int, value: object) -> Change:
    return lambda doc: doc["total"]["trees"][1][name].__setitem__(node, value)


def in_encoder(number: int, **changes: object) -> Change:
    return lambda doc: doc["encoders"][number].update(changes)


def in_feature(number: int, **changes: object) -> Change:
    return lambda doc: doc["features"][number].update(changes)


def in_total(**changes: object) -> Change:
    return lambda doc: doc["total"].update(changes)


TREES: dict[str, Change] = {
    "a node that is its own child": in_tree("left", 0, 0),
    "two nodes that are each other's child": in_tree("right", 1, 0),
    "a child behind the last node": in_tree("right", 0, 5),
    "a negative child": in_tree("left", 0, -1),
    "a child that is no integer": in_tree("left", 0, 1.0),
    "a child that is true": in_tree("left", 0, True),
    "a feature without an encoder": in_tree("feature", 0, 2),
    "a negative feature that is no leaf": in_tree("feature", 0, -2),
    "a feature as text": in_tree("feature", 0, "0"),
    "a threshold as text": in_tree("threshold", 0, "10"),
    "a threshold above every float": in_tree("threshold", 0, 10**400),
    "a value of a leaf that is null": in_tree("value", 2, None),
    "missing that is a number": in_tree("missing", 0, 1),
    "levels that are text": in_tree("levels", 1, "02"),
    "levels with a list inside": in_tree("levels", 1, [[0]]),
    "a list that is shorter": lambda doc: doc["total"]["trees"][0]["value"].pop(),
    "a tree without nodes": lambda doc: [each.clear() for each in doc["total"]["trees"][0].values()],
    "a tree that lacks a list": lambda doc: doc["total"]["trees"][0].pop("missing"),
    "a tree that is a list": in_total(trees=[[]]),
    "trees that are an object": in_total(trees={"0": 1}),
    "a start that is null": in_total(start=None),
    "a total that is text": lambda doc: doc.update(total="trees"),
    "a total of an unknown kind": in_total(kind="forest"),
    "encoders that are text": lambda doc: doc.update(encoders="distance"),
    "an encoder of no feature": in_encoder(0, feature="speed"),
    "an encoder that divides by zero": in_encoder(0, scale=0),
    "an encoder with a text to subtract": in_encoder(0, shift="100"),
    "text encoded as a number": in_encoder(1, kind="number"),
    "a level that is a list": in_encoder(1, levels=[["UA"]]),
    "an encoder that is null": lambda doc: doc["encoders"].append(None),
    "a feature twice": in_feature(1, name="distance"),
    "a name that is a number": in_feature(0, name=7),
    "nullable that is text": in_feature(0, nullable="false"),
    "a model that is null": lambda doc: doc.update(model=None),
    "a link that is a list": lambda doc: doc.update(link=["identity"]),
}


def read(doc: dict[str, Any]) -> FlatModel:
    return FlatModel.from_bytes(gzip.compress(json.dumps(doc).encode(), compresslevel=1))


def test_without_a_change_it_is_an_artifact() -> None:
    assert read(document()).predict([{"distance": 0.0, "carrier": "DL"}]) == [4.5]
    assert read(linear()).feature_names == ("distance", "carrier")


@pytest.mark.parametrize("change", TREES.values(), ids=TREES)
def test_a_hostile_structure_is_refused(change: Change) -> None:
    changed = document()
    change(changed)
    with pytest.raises(InvalidArtifact):
        read(changed)


@pytest.mark.parametrize("weights", [[2.0], [2.0, 1.0, 0.0], [2.0, "1"], [2.0, None], "21", None])
def test_weights_that_do_not_fit_the_encoders_are_refused(weights: object) -> None:
    changed = linear()
    changed["total"]["weights"] = weights
    with pytest.raises(InvalidArtifact):
        read(changed)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    text = json.dumps(linear()).replace('"intercept": 1.0', f'"intercept": {number}')
    with pytest.raises(InvalidArtifact):
        FlatModel.from_bytes(gzip.compress(text.encode()))


def test_what_is_cut_off_or_followed_by_something_is_refused() -> None:
    whole = gzip.compress(json.dumps(document()).encode())
    for data in (whole[:-1], whole[:-8], whole + b"\0", whole + whole, whole[:20] + b"\0" + whole[21:]):
        with pytest.raises(InvalidArtifact):
            FlatModel.from_bytes(data)


FLOODS = {
    "nodes": f"{MAGIC!r} + bytes(8) + bytes(2**29)",
    "zeros": "bytes(2 * 2**30)",
    "lists": "b'[' + b'[],' * 5_000_000 + b'[]]'",
    "objects": "b'[' + b'{},' * 5_000_000 + b'{}]'",
    "numbers": "b'[' + b'1.5,' * 4_000_000 + b'1]'",
    "texts": "b'[' + b'\"ab\",' * 3_000_000 + b'1]'",
    "depth": "b'[' * 5_000_000",
    "wide characters": "('\"' + chr(0x1F600) * 4_000_000 + '\"').encode()",
}


STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="the kernel keeps no peak of a process alone")
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_refused_before_it_fills_the_memory(flood: str, tmp_path: Path) -> None:
    """In a process of its own. Not `ru_maxrss`, which begins with that of the process that started it."""
    path = tmp_path / "artifact"
    making = f"import gzip; open({str(path)!r}, 'wb').write(gzip.compress({flood}, compresslevel=1))"
    subprocess.run([sys.executable, "-c", making], check=True)
    reading = (
        "from evertrain.scoring import FlatModel, InvalidArtifact\n"
        "try:\n"
        f"    FlatModel.from_bytes(open({str(path)!r}, 'rb').read())\n"
        "except InvalidArtifact:\n"
        f"    print(open({str(STATUS)!r}).read())\n"
    )
    done = subprocess.run([sys.executable, "-c", reading], check=True, capture_output=True, text=True)
    (peak_kb,) = (int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("VmHWM:"))
    assert 0 < peak_kb < 300_000

"""Whatever is in an artifact of the second version, reading it ends in InvalidArtifact, before a row is predicted."""

import gzip
import math
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from evertrain.scoring import FlatModel, InvalidArtifact
from evertrain.scoring.container import MAGIC, pack
from evertrain.scoring.operations.trees import MAX_NODES

Header = dict[str, Any]
Arrays = list["array[Any]"]


def artifact() -> tuple[Header, Arrays]:
    """Two trees that are alike, a weighted sum of what they say, and some other steps."""
    arrays: Arrays = [
        array("i", [0, 1, -1, -1, -1] * 2),
        array("d", [1.0, 0.0, -1.0, 2.0, 3.0] * 2),
        array("i", [1, 2, 0, 0, 0, 6, 7, 0, 0, 0]),
        array("i", [4, 3, 0, 0, 0, 9, 8, 0, 0, 0]),
        array("B", [0, 3, 0, 0, 0] * 2),
        array("i", [0, 5]),
        array("i", [0, 0]),
        array("i", [0, 2]),
        array("i", [2]),
        array("d", [2.0, -1.0]),
    ]
    tree_arrays = (
        "feature",
        "threshold",
        "left",
        "right",
        "flags",
        "roots",
        "adds_to",
        "categories",
        "category_ends",
    )
    codes = {"levels": ["UA", "DL", "AA"], "values": [0.0, 1.0, 2.0], "unknown": None, "missing": None}
    one_hot = {"levels": ["UA"], "columns": [0], "width": 1, "unknown": -1, "missing": -1}
    steps: list[dict[str, Any]] = [
        {"operation": "number", "inputs": [0]},
        {"operation": "code", "inputs": [1], **codes},
        {
            "operation": "trees",
            "inputs": [2, 3],
            "starts": [0.5],
            "divisor": 2.0,
            **{name: number for number, name in enumerate(tree_arrays)},
        },
        {"operation": "linear", "inputs": [2, 4], "weights": 9, "intercepts": [1.0]},
        {"operation": "products", "inputs": [], "terms": [[2, 2], []]},
        {"operation": "bins", "inputs": [2], "edges": [[1.0, 2.0]]},
        {"operation": "interpolate", "inputs": [2], "xs": [0.0, 1.0], "ys": [1.0, 2.0]},
        {"operation": "one_hot", "inputs": [1], **one_hot},
        {"operation": "divide", "inputs": [5], "values": [2.0]},
        {"operation": "fill_text", "inputs": [1], "values": ["UA"]},
        {"operation": "function", "inputs": [10], "name": "exp"},
    ]
    header = {
        "format": "evertrain-flat",
        "version": 2,
        "model": "trips",
        "task": "regression",
        "features": [
            {"name": "distance", "kind": "numeric", "nullable": False},
            {"name": "carrier", "kind": "categorical", "nullable": True},
        ],
        "steps": steps,
        "answer": 5,
        "classes": [],
        "tolerance": 1e-9,
    }
    return header, arrays


def test_without_a_change_it_is_an_artifact() -> None:
    model = FlatModel.from_bytes(pack(*artifact()))
    rows = [
        {"distance": x, "carrier": carrier} for x, carrier in ((0.0, "DL"), (0.0, "AA"), (0.0, None), (9.0, None))
    ]
    # A half and each tree's leaf, halved, is taken from 2 * distance + 1.
    assert model.predict(rows) == [1.0 - 2.25, 1.0 + 0.75, 1.0 + 0.75, 19.0 - 3.25]


Change = Callable[[Header], object]


def in_step(number: int, **changes: object) -> Change:
    return lambda header: header["steps"][number].update(changes)


HEADERS: dict[str, Change] = {
    "another version": lambda header: header.update(version=3),
    "the first version": lambda header: header.update(version=1),
    "no steps": lambda header: header.update(steps=[]),
    "steps that are text": lambda header: header.update(steps="number"),
    "an unknown operation": in_step(0, operation="exec"),
    "an operation that is a list": in_step(0, operation=["number"]),
    "a slot that is not there yet": in_step(0, inputs=[2]),
    "a negative slot": in_step(0, inputs=[-1]),
    "a slot that is true": in_step(0, inputs=[True]),
    "text as a number": in_step(0, inputs=[1]),
    "a raw value as a number": in_step(3, inputs=[0, 4]),
    "a level twice": in_step(1, levels=["UA", "UA", "AA"]),
    "a level that is a list": in_step(1, levels=[["UA"], "DL", "AA"]),
    "a level that is null": in_step(1, levels=[None, "DL", "AA"]),
    "fewer values than levels": in_step(1, values=[0.0]),
    "a value that is text": in_step(1, values=[0.0, 1.0, "2"]),
    "starts that are null": in_step(2, starts=None),
    "a tree of an output that is not there": in_step(2, starts=[]),
    "a divisor of 0": in_step(2, divisor=0),
    "an array that is not there": in_step(2, threshold=10),
    "a negative array": in_step(2, threshold=-1),
    "an array of another type": in_step(2, threshold=0),
    "an array of another length": in_step(2, threshold=9),
    "weights that do not fit": in_step(3, intercepts=[1.0, 2.0]),
    "an intercept above every float": in_step(3, intercepts=[10**400]),
    "a product of what is not there": in_step(4, terms=[[99]]),
    "a product of text": in_step(4, terms=[[1]]),
    "terms that are no lists": in_step(4, terms=[2]),
    "edges that fall": in_step(5, edges=[[2.0, 1.0]]),
    "edges for another number of inputs": in_step(5, edges=[]),
    "a curve that turns back": in_step(6, xs=[1.0, 1.0]),
    "a curve without points": in_step(6, xs=[], ys=[]),
    "a column outside the width": in_step(7, columns=[1]),
    "more columns than levels": in_step(7, width=10**9),
    "a division by 0": in_step(8, values=[0.0]),
    "filled with a number": in_step(9, values=[1.0]),
    "an unknown function": in_step(10, name="eval"),
    "an answer that is not there": lambda header: header.update(answer=99),
    "an answer that is raw": lambda header: header.update(answer=0),
    "no answer": lambda header: header.update(answer=None),
    "one class": lambda header: header.update(classes=["a"]),
    "three classes": lambda header: header.update(classes=["a", "b", "c"]),
    "classes that are text": lambda header: header.update(classes="ab"),
    "classes that are numbers": lambda header: header.update(classes=[0, 1]),
    "a number's example": lambda header: header["features"][0].update(example=["html"]),
    "an array that another step has": in_step(3, weights=1),
    "a tolerance that is text": lambda header: header.update(tolerance="no"),
    "a tolerance that tolerates all": lambda header: header.update(tolerance=1.0),
    "a tolerance below zero": lambda header: header.update(tolerance=-1e-9),
    "an example that is a number": lambda header: header["features"][1].update(example=7),
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_a_hostile_header_is_refused(change: Change) -> None:
    header, arrays = artifact()
    change(header)
    with pytest.raises(InvalidArtifact):
        FlatModel.from_bytes(pack(header, arrays))


ARRAYS: dict[str, Callable[[Arrays], object]] = {
    "a node that is its own child": lambda arrays: arrays[2].__setitem__(0, 0),
    "two nodes that are each other's child": lambda arrays: arrays[3].__setitem__(1, 0),
    "a child behind the last node": lambda arrays: arrays[3].__setitem__(5, 10),
    "a child in another tree": lambda arrays: arrays[3].__setitem__(0, 5),
    "two trees that are one": lambda arrays: arrays[5].__setitem__(1, 0),
    "nodes before the first tree": lambda arrays: arrays[5].__setitem__(0, 1),
    "trees in the wrong order": lambda arrays: arrays[5].reverse(),
    "a negative child": lambda arrays: arrays[2].__setitem__(0, -1),
    "an input that is not there": lambda arrays: arrays[0].__setitem__(0, 2),
    "a negative input that is no leaf": lambda arrays: arrays[0].__setitem__(0, -2),
    "a threshold that is no number": lambda arrays: arrays[1].__setitem__(0, math.nan),
    "an infinite leaf": lambda arrays: arrays[1].__setitem__(2, math.inf),
    "an unknown flag": lambda arrays: arrays[4].__setitem__(0, 4),
    "categories that are not there": lambda arrays: arrays[1].__setitem__(1, 1.0),
    "categories by a fraction": lambda arrays: arrays[1].__setitem__(1, 0.5),
    "categories that end late": lambda arrays: arrays[8].__setitem__(0, 3),
    "a root that is not there": lambda arrays: arrays[5].__setitem__(1, 10),
    "an output that is not there": lambda arrays: arrays[6].__setitem__(0, 1),
    "a list that is shorter": lambda arrays: arrays[2].pop(),
    "more nodes than an endpoint bears": lambda arrays: [
        each.extend([0] * (MAX_NODES + 1 - len(each))) for each in arrays[:5]
    ],
}


@pytest.mark.parametrize("change", ARRAYS.values(), ids=ARRAYS)
def test_a_hostile_array_is_refused(change: Callable[[Arrays], object]) -> None:
    header, arrays = artifact()
    change(arrays)
    with pytest.raises(InvalidArtifact):
        FlatModel.from_bytes(pack(header, arrays))


START = len(MAGIC) + 8
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "it is cut off": lambda data: data[:-8],
    "something follows it": lambda data: data + bytes(8),
    "nothing but its beginning": lambda data: data[: len(MAGIC)],
    "a header longer than memory": lambda data: MAGIC + (2**62).to_bytes(8, "little") + data[START:],
    "a header of no length": lambda data: MAGIC + bytes(8) + data[START:],
    "an array that is longer": lambda data: data.replace(b'["f8",10]', b'["f8",12]'),
    "an array of an unknown type": lambda data: data.replace(b'["f8",10]', b'["f2",10]'),
    "an array of negative length": lambda data: data.replace(b'["f8",10]', b'["f8",-10]').replace(
        b'"trips"', b'"trip"'
    ),
    "another beginning": lambda data: data.replace(b"flat2", b"flat3"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_layout_is_refused(damage: Callable[[bytes], bytes]) -> None:
    whole = gzip.decompress(pack(*artifact()))
    damaged = damage(whole)
    assert damaged != whole
    with pytest.raises(InvalidArtifact):
        FlatModel.from_bytes(gzip.compress(damaged))

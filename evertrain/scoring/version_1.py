"""Artifacts of the first version, which deployed models still have, as of the second.

They were one JSON document: an encoder for each number of a vector, trees or a weighted sum over it, and a link.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from evertrain.scoring.container import Header
from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT
from evertrain.scoring.steps import Array

Entry = dict[str, Any]

_LINKS = {"identity": "identity", "logistic": "logistic", "exponential": "exp"}


def as_version_2(document: Header) -> tuple[Header, Sequence[Array]]:
    """Header and arrays; what is wrong in them is found where they are read. Raises what `unpack` raises."""
    features = [dict(feature) for feature in document["features"]]
    slots = {feature["name"]: slot for slot, feature in enumerate(features)}
    builder = _Builder(len(features))
    vector = [builder.encode(entry, slots[entry["feature"]]) for entry in document["encoders"]]
    for feature in features:
        feature["example"] = _example(feature["name"], document["encoders"])
    total = document["total"]
    if total["kind"] == "linear":
        if len(total["weights"]) != len(vector):
            raise ValueError("not one weight for each encoder")
        weights = builder.array("d", [_number(weight) for weight in total["weights"]])
        answer = builder.add("linear", vector, weights=weights, intercepts=[total["intercept"]])
    elif total["kind"] == "trees":
        answer = builder.add("trees", vector, **_trees(total, builder))
    else:
        raise ValueError("total is of an unknown kind")
    answer = builder.add("function", [answer], name=_LINKS[document["link"]])
    header = {
        "model": document["model"],
        "task": document["task"],
        "features": features,
        "steps": builder.steps,
        "answer": answer,
        "classes": [],
        "tolerance": 1e-9,
    }
    return header, builder.arrays


class _Builder:
    def __init__(self, features: int) -> None:
        self.steps: list[Entry] = []
        self.arrays: list[Array] = []
        self._next = features

    def add(self, operation: str, inputs: Sequence[int], **parameters: Any) -> int:
        """The slot of its one output."""
        self.steps.append({"operation": operation, "inputs": list(inputs), **parameters})
        self._next += 1
        return self._next - 1

    def array(self, typecode: str, values: Sequence[Any]) -> int:
        self.arrays.append(array(typecode, values))
        return len(self.arrays) - 1

    def encode(self, entry: Mapping[str, Any], slot: int) -> int:
        match entry:
            case {"kind": "number"}:
                return self._encode_number(entry, slot)
            case {"kind": "code", "levels": list(levels)}:
                known = {level: code for code, level in enumerate(levels) if level is not None}
                return self.add(
                    "code", [slot], levels=list(known), values=list(known.values()), unknown=None, missing=None
                )
            case {"kind": "is", "level": None}:
                return self.add("one_hot", [slot], levels=[], columns=[], width=1, unknown=-1, missing=0)
            case {"kind": "is", "level": level}:
                return self.add("one_hot", [slot], levels=[level], columns=[0], width=1, unknown=-1, missing=-1)
        raise ValueError(f"encoder {entry.get('kind')!r:.40}")

    def _encode_number(self, entry: Mapping[str, Any], slot: int) -> int:
        encoded = self.add("number", [slot])
        for name, operation in (("fill", "fill"), ("shift", "subtract"), ("scale", "divide")):
            if entry.get(name) is not None:
                encoded = self.add(operation, [encoded], values=[entry[name]])
        return encoded


def _trees(total: Mapping[str, Any], builder: _Builder) -> Entry:
    columns: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "flags")}
    roots: list[int] = []
    codes: list[int] = []
    ends: list[int] = []
    for tree in total["trees"]:
        start = len(columns["feature"])
        roots.append(start)
        nodes = zip(
            *(tree[name] for name in ("feature", "threshold", "levels", "missing", "left", "right", "value")),
            strict=True,
        )
        for feature, threshold, levels, missing, left, right, value in nodes:
            is_leaf = feature == LEAF
            by_category = levels is not None and not is_leaf
            if by_category:
                codes += [_integer(code) for code in levels]
                ends.append(len(codes))
            if not isinstance(missing, bool):
                raise ValueError("missing is neither true nor false")
            columns["feature"].append(_integer(feature))
            split = float(len(ends) - 1) if by_category else _number(threshold)
            columns["threshold"].append(_number(value) if is_leaf else split)
            columns["left"].append(start + _integer(left))
            columns["right"].append(start + _integer(right))
            columns["flags"].append(0 if is_leaf else MISSING_LEFT * missing + BY_CATEGORY * by_category)
        if len(columns["feature"]) == start:
            raise ValueError("a tree has no nodes")
    typecodes = {"threshold": "d", "flags": "B"}
    return {
        **{name: builder.array(typecodes.get(name, "i"), values) for name, values in columns.items()},
        "roots": builder.array("i", roots),
        "adds_to": builder.array("i", [0] * len(roots)),
        "categories": builder.array("i", codes),
        "category_ends": builder.array("i", ends),
        "starts": [total["start"]],
        "divisor": 1.0,
    }


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError("text, or true, where a number must be")
    return float(value)


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("no integer where one must be")
    return value


def _example(name: str, encoders: Sequence[Mapping[str, Any]]) -> str | None:
    """A level that training saw."""
    levels = (
        level
        for encoder in encoders
        if encoder["feature"] == name
        for level in encoder.get("levels", [encoder.get("level")])
    )
    return next((level for level in levels if isinstance(level, str)), None)

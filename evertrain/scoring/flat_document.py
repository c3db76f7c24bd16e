"""The document of a flat artifact: its size and its structure are checked before a model is made of it.

An artifact may come from anybody who can write to the bucket. It must not run for ever, fill the memory, or fail
while a row is predicted.
"""

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from evertrain.domain.project.feature_group import FeatureKind

FORMAT, VERSION = "evertrain-flat", 1
LEAF = -1
"""The feature index of a node without children."""
MAX_DOCUMENT_BYTES = 16 * 2**20
"""Decompressed. The trees of 1,000 iterations with 31 leaves take 4 MB."""
MAX_NODES = 250_000
"""Of all trees together. Above, a prediction in Python would take longer than a caller waits."""
_MAX_CONTAINERS = 200_000
_MAX_QUOTES = 800_000
"""Lists, objects and texts are many times larger in memory than as JSON."""
_MAX_TREE_LEVELS = 256
"""Of a split by category: scikit-learn's trees have no more bins."""

Document = Mapping[str, Any]
_GZIP = 16 + zlib.MAX_WBITS
_TREE_LISTS = ("feature", "threshold", "levels", "missing", "left", "right", "value")


def read_document(data: bytes) -> Document:
    """Raises ValueError, or KeyError for what is missing; zlib.error; RecursionError."""
    text = _decompress(data)
    if text.count(b"[") + text.count(b"{") > _MAX_CONTAINERS or text.count(b'"') > _MAX_QUOTES:
        raise ValueError("it has more lists, objects or texts than any model")
    document = json.loads(text, parse_constant=_refuse_constant)
    _require(isinstance(document, dict), "it is no object")
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        raise ValueError(f"not of format {FORMAT} {VERSION}")
    _validate(document)
    return document  # type: ignore[no-any-return]


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=_GZIP)
    text = stream.decompress(data, MAX_DOCUMENT_BYTES + 1)
    _require(len(text) <= MAX_DOCUMENT_BYTES, f"it is larger than {MAX_DOCUMENT_BYTES} bytes when decompressed")
    _require(stream.eof and not stream.unused_data, "it is cut off, or something follows it")
    return text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _validate(document: Document) -> None:
    _require(isinstance(document["model"], str), "model is no text")
    kinds: dict[str, FeatureKind] = {}
    for feature in _objects(document["features"], "features"):
        name = feature["name"]
        _require(isinstance(name, str) and name not in kinds, "a feature has no name, or another one's")
        _require(isinstance(feature["nullable"], bool), f"{name}: nullable is neither true nor false")
        kinds[name] = FeatureKind(feature["kind"])
    encoders = _objects(document["encoders"], "encoders")
    for encoder in encoders:
        _validate_encoder(encoder, kinds)
    total = document["total"]
    _require(isinstance(total, dict), "total is no object")
    if total["kind"] == "linear":
        _require_numbers([total["intercept"]], "intercept")
        _require(len(_list(total["weights"], "weights")) == len(encoders), "not one weight for each encoder")
        _require_numbers(total["weights"], "weights")
    elif total["kind"] == "trees":
        _require_numbers([total["start"]], "start")
        _validate_trees(_objects(total["trees"], "trees"), encoders)
    else:
        raise ValueError("total is of an unknown kind")


def _validate_encoder(encoder: Document, kinds: Mapping[str, FeatureKind]) -> None:
    name = encoder["feature"]
    _require(isinstance(name, str) and name in kinds, "an encoder is of no feature")
    match encoder["kind"]:
        case "number":
            _require(kinds[name] is not FeatureKind.CATEGORICAL, f"{name}: text is encoded as a number")
            given = [encoder[field] for field in ("fill", "shift", "scale") if encoder.get(field) is not None]
            _require_numbers(given, f"{name}: fill, shift or scale")
            _require(encoder.get("scale") != 0, f"{name}: scale is 0")
        case "code":
            _require(all(map(_is_level, _list(encoder["levels"], name))), f"{name}: a level is no text and no number")
        case "is":
            _require(_is_level(encoder["level"]), f"{name}: the level is no text and no number")
        case _:
            raise ValueError(f"{name}: its encoder is of an unknown kind")


def _validate_trees(trees: Sequence[Document], encoders: Sequence[Document]) -> None:
    nodes = 0
    for number, tree in enumerate(trees):
        lists = [_list(tree[name], f"tree {number}: {name}") for name in _TREE_LISTS]
        nodes += len(lists[0])
        _require(nodes <= MAX_NODES, f"the trees have more than {MAX_NODES} nodes")
        _require(len(lists[0]) > 0, f"tree {number} has no nodes")
        _require(len({len(each) for each in lists}) == 1, f"tree {number}: its lists differ in length")
        _validate_tree(lists, number, len(encoders))


def _validate_tree(lists: Sequence[list[Any]], number: int, width: int) -> None:
    features, thresholds, levels, missing, lefts, rights, values = lists
    _require_numbers(thresholds, f"tree {number}: threshold")
    _require_numbers(values, f"tree {number}: value")
    _require({bool}.issuperset(map(type, missing)), f"tree {number}: missing is neither true nor false")
    _require({int}.issuperset(map(type, [*features, *lefts, *rights])), f"tree {number}: an index is no integer")
    for codes in levels:
        if codes is not None:
            _require(
                len(_list(codes, f"tree {number}: levels")) <= _MAX_TREE_LEVELS, f"tree {number}: too many levels"
            )
            _require_numbers(codes, f"tree {number}: levels")
    size = len(features)
    for node, (feature, left, right) in enumerate(zip(features, lefts, rights, strict=True)):
        if feature == LEAF:
            continue
        _require(0 <= feature < width, f"tree {number}: node {node} asks for no encoder's value")
        # A child after its parent can't lead back to it: every way ends in a leaf.
        _require(node < left < size and node < right < size, f"tree {number}: node {node} has a child before it")


def _objects(value: Any, name: str) -> list[Document]:
    _require(all(isinstance(each, dict) for each in _list(value, name)), f"{name}: not objects only")
    return value  # type: ignore[no-any-return]


def _list(value: Any, name: str) -> list[Any]:
    _require(isinstance(value, list), f"{name} is no list")
    return value  # type: ignore[no-any-return]


def _is_level(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or (type(value) in (int, float) and math.isfinite(value))


def _require_numbers(values: Iterable[Any], name: str) -> None:
    """Finite ones: neither true, nor text, nor what overflows a float."""
    _require(
        all(type(value) in (int, float) and math.isfinite(value) for value in values), f"{name}: no finite number"
    )


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)

"""A flat model over many rows at once, column by column: the predictions of `scoring.FlatModel`, faster. Serving
answers row by row, and stays the definition."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.scoring import FlatModel
from evertrain.scoring.flat_document import LEAF

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


def predict_columns(model: FlatModel, table: pa.Table) -> Numbers:
    """Shape (rows,): what the model predicts for each row of the table, which has its features."""
    vectors = [
        _encode(table[name], encode, document)
        for (name, encode), document in zip(model.encoders, model.document["encoders"], strict=True)
    ]
    total = _TOTALS[model.document["total"]["kind"]](model.document["total"], vectors, table.num_rows)
    return np.array([model.link(each) for each in total.tolist()], dtype=np.float64)


def _encode(values: pa.ChunkedArray, encode: Callable[[object], float], document: Mapping[str, Any]) -> Numbers:
    """Shape (rows,). Each different value of a text or a flag once, by the model's own encoder."""
    if document["kind"] == "number" and pa.types.is_floating(values.type):
        numbers = np.asarray(pc.fill_null(values, np.nan).to_numpy(), dtype=np.float64)
        if (fill := document.get("fill")) is not None:
            numbers = np.where(np.isnan(numbers), float(fill), numbers)
        shift, scale = document.get("shift"), document.get("scale")
        if shift is None and scale is None:
            return numbers
        return (numbers - float(shift or 0.0)) / float(scale or 1.0)
    encoded = pc.dictionary_encode(values, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks().chunk(0)
    of_levels = np.array([encode(value) for value in encoded.dictionary.to_pylist()], dtype=np.float64)
    return np.asarray(of_levels[encoded.indices.to_numpy()], dtype=np.float64)


def _weighted_sum(document: Mapping[str, Any], vectors: Sequence[Numbers], rows: int) -> Numbers:
    total = np.full(rows, float(document["intercept"]))
    for values, weight in zip(vectors, document["weights"], strict=True):
        total += values * float(weight)
    return total


def _sum_of_trees(document: Mapping[str, Any], vectors: Sequence[Numbers], rows: int) -> Numbers:
    total = np.full(rows, float(document["start"]))
    everyone = np.arange(rows)
    for tree in document["trees"]:
        _add_tree(tree, vectors, total, everyone)
    return total


def _are_among(values: Numbers, levels: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Which values are in the list; NaN is not. Of so few, numpy's `isin` takes four times as long."""
    if not levels:
        return np.zeros(len(values), dtype=bool)
    known = np.sort(np.asarray(levels, dtype=np.float64))
    return np.asarray(known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values)


def _add_tree(tree: Mapping[str, Any], vectors: Sequence[Numbers], total: Numbers, everyone: Rows) -> None:
    """Adds each row's leaf to its total: at each node, the rows that came there part."""
    waiting = [(0, everyone)]
    while waiting:
        node, rows = waiting.pop()
        feature = tree["feature"][node]
        if feature == LEAF:
            total[rows] += tree["value"][node]
            continue
        values = vectors[feature][rows]
        levels = tree["levels"][node]
        left = values <= tree["threshold"][node] if levels is None else _are_among(values, levels)
        if tree["missing"][node]:
            left |= np.isnan(values)
        for child, some in ((tree["left"][node], rows[left]), (tree["right"][node], rows[~left])):
            if len(some):
                waiting.append((child, some))


_TOTALS: Mapping[str, Callable[[Mapping[str, Any], Sequence[Numbers], int], Numbers]] = {
    "trees": _sum_of_trees,
    "linear": _weighted_sum,
}

"""A flat model over many rows at once, column by column: the predictions of `scoring.FlatModel`, faster. Serving
answers row by row, and stays the definition."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.scoring import FlatModel
from evertrain.scoring.operations.arithmetic import (
    FUNCTIONS,
    QUANTILE_BOUNDS,
    box_cox_of,
    exponential,
    normal_deviate,
    yeo_johnson_of,
)
from evertrain.scoring.steps import Slots, Step
from evertrain.tables.columnar_trees import sum_of_trees

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of text: each different one, with None for what is missing, and which of them each row has."""

    levels: Sequence[object]
    codes: npt.NDArray[np.int64]


Column = Numbers | Texts


def predict_columns(model: FlatModel, table: pa.Table) -> Numbers:
    """What the model predicts for each row of the table, which has its features. Shape (rows,), or (rows, classes) of
    more than two classes."""
    columns: list[Column] = [_read(table[name]) for name in model.feature_names]
    # Floating-point exceptions are answers here, as they are in the steps themselves.
    with np.errstate(all="ignore"):
        for step in model.steps:
            columns += _apply(step, columns, table.num_rows)
    if isinstance(model.answer, tuple):
        return np.stack([_numbers(columns[slot]) for slot in model.answer], axis=1)
    return _numbers(columns[model.answer])


def _read(values: pa.ChunkedArray) -> Column:
    """Text as Texts; anything else as numbers, NaN where it is missing."""
    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind):
        numbers = pc.cast(pc.cast(values, pa.uint8()) if pa.types.is_boolean(kind) else values, pa.float64())
        return np.asarray(pc.fill_null(numbers, np.nan).to_numpy(), dtype=np.float64)
    encoded = pc.dictionary_encode(values, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks().chunk(0)
    return Texts(encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64))


def _apply(step: Step, columns: Sequence[Column], rows: int) -> Sequence[Column]:
    if step.operation in _OF_LEVELS:
        return _by_level(step, columns[step.inputs[0]])
    if step.operation == "fill_text":
        return [_filled_text(columns[slot], text) for slot, text in _each(step, "values")]
    if step.operation == "is_missing":
        return [_is_missing(columns[slot]) for slot in step.inputs]
    inputs = np.array([_numbers(columns[slot]) for slot in step.inputs]).reshape(len(step.inputs), rows)
    return list(_OPERATIONS[step.operation](step, inputs))


# --- of text, and of levels -------------------------------------------------------------------------------

_OF_LEVELS = ("code", "one_hot")


def _by_level(step: Step, column: Column) -> list[Column]:
    """Each different value once, by the step itself."""
    if isinstance(column, Texts):
        levels, codes = column.levels, column.codes
    else:
        found, codes = np.unique(column, return_inverse=True)
        levels = found.tolist()
    of_levels = np.array([_outputs_of(step, level) for level in levels], dtype=np.float64)
    return list(of_levels.reshape(len(levels), len(step.outputs)).T[:, codes])


def _outputs_of(step: Step, value: object) -> Slots:
    (slot,) = step.inputs
    slots: Slots = [None] * slot + [value]
    step.run(slots)
    return slots[slot + 1 :]


def _filled_text(column: Column, text: str) -> Texts:
    if not isinstance(column, Texts):
        raise TypeError("a number where text must be")
    return Texts([text if level is None else level for level in column.levels], column.codes)


def _is_missing(column: Column) -> Numbers:
    if isinstance(column, Texts):
        return np.array([level is None for level in column.levels], dtype=np.float64)[column.codes]
    return np.isnan(column).astype(np.float64)


def _numbers(column: Column) -> Numbers:
    if isinstance(column, Texts):
        raise TypeError("text where a number must be")
    return column


def _each(step: Step, name: str) -> list[tuple[int, str]]:
    return list(zip(step.inputs, step.parameters[name], strict=True))


# --- of numbers -------------------------------------------------------------------------------------

Apply = Callable[[Step, Numbers], Numbers]
"""From a step and its inputs, of shape (inputs, rows), to its outputs, of shape (outputs, rows)."""


def _alone(apply: Callable[[Numbers], Numbers]) -> Apply:
    return lambda _, x: apply(x)


def _with_values(apply: Callable[[Numbers, Numbers], Numbers]) -> Apply:
    return lambda step, x: apply(x, np.asarray(step.parameters["values"])[:, None])


def _by_definition(apply: Callable[[float], float]) -> Callable[[Numbers], Numbers]:
    """One by one: numpy's logarithms and exponentials differ in the last bit from the standard library's."""
    return lambda x: np.fromiter(map(apply, x.ravel().tolist()), dtype=np.float64, count=x.size).reshape(x.shape)


def _power(transform: Callable[[float, float], float]) -> Apply:
    def apply(step: Step, x: Numbers) -> Numbers:
        powers = np.broadcast_to(np.asarray(step.parameters["values"])[:, None], x.shape)
        found = map(transform, x.ravel().tolist(), powers.ravel().tolist())
        return np.fromiter(found, dtype=np.float64, count=x.size).reshape(x.shape)

    return apply


_FUNCTIONS: Mapping[str, Callable[[Numbers], Numbers]] = {
    **{name: _by_definition(apply) for name, apply in FUNCTIONS.items()},
    "identity": lambda x: x,
    "sqrt": np.sqrt,
    "square": np.square,
    "absolute": np.abs,
    "negative": np.negative,
    "relu": lambda x: np.where(x < 0, 0.0, x),
}


def _function(step: Step, x: Numbers) -> Numbers:
    return _FUNCTIONS[step.parameters["name"]](x)


def _bins(step: Step, x: Numbers) -> Numbers:
    edges = step.parameters["edges"]
    return np.array(
        [np.searchsorted(some, row, side="right") for row, some in zip(x, edges, strict=True)], dtype=np.float64
    )


def _interpolate(step: Step, x: Numbers) -> Numbers:
    return np.asarray(np.interp(x, step.parameters["xs"], step.parameters["ys"]))


def _quantile(step: Step, x: Numbers) -> Numbers:
    normal, references = step.parameters["normal"], np.asarray(step.parameters["references"])
    tolerance = QUANTILE_BOUNDS if normal else 0.0
    places = np.empty_like(x)
    for place, row, listed in zip(places, x, step.parameters["quantiles"], strict=True):
        points = np.asarray(listed)
        up, down = np.interp(row, points, references), np.interp(-row, -points[::-1], -references[::-1])
        place[:] = 0.5 * (up - down)
        place[(row >= points[-1]) | (row + tolerance > points[-1])] = 1.0
        place[(row <= points[0]) | (row - tolerance < points[0])] = 0.0
    return _by_definition(normal_deviate)(places) if normal else places


def _linear(step: Step, x: Numbers) -> Numbers:
    intercepts = step.parameters["intercepts"]
    weights = np.asarray(step.parameters["weights"]).reshape(len(intercepts), len(x))
    totals = np.repeat(np.asarray(intercepts)[:, None], x.shape[1], axis=1)
    for row, of_outputs in zip(x, weights.T, strict=True):
        totals += of_outputs[:, None] * row
    return totals


def _products(step: Step, x: Numbers) -> Numbers:
    row_of_slot = {slot: row for row, slot in enumerate(step.inputs)}
    terms = step.parameters["terms"]
    found = np.ones((len(terms), x.shape[1]))
    for row, term in enumerate(terms):
        for slot in term:
            found[row] *= x[row_of_slot[slot]]
    return found


def _softmax(scores: Numbers) -> Numbers:
    grown = _by_definition(exponential)(scores - scores.max(axis=0))
    return np.asarray(grown / grown.sum(axis=0))


def _share(x: Numbers) -> Numbers:
    total = x.sum(axis=0)
    return np.where(total != 0, x / np.where(total != 0, total, 1.0), 1.0 / len(x))


def _by_norm(step: Step, x: Numbers) -> Numbers:
    order = {"l1": 1, "l2": 2, "max": np.inf}[step.parameters["norm"]]
    length = np.linalg.norm(x, ord=order, axis=0)
    return np.asarray(x / np.where(length != 0, length, 1.0))


def _gaussian(step: Step, x: Numbers) -> Numbers:
    priors, norms, means, variances = (
        np.asarray(step.parameters[name]) for name in ("priors", "norms", "means", "variances")
    )
    of_classes = zip(priors, norms, means.reshape(-1, len(x), 1), variances.reshape(-1, len(x), 1), strict=True)
    return np.array([prior + (norm - 0.5 * np.sum((x - m) ** 2 / v, axis=0)) for prior, norm, m, v in of_classes])


def _weighted_median(step: Step, x: Numbers) -> Numbers:
    weights = np.asarray(step.parameters["weights"])
    order = np.argsort(x, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0) >= 0.5 * weights.sum()
    chosen = np.take_along_axis(order, reached.argmax(axis=0)[None, :], axis=0)
    return np.asarray(np.take_along_axis(x, chosen, axis=0))


_OPERATIONS: Mapping[str, Apply] = {
    "number": _alone(lambda x: x),
    "fill": _with_values(lambda x, values: np.where(np.isnan(x), values, x)),
    "add": _with_values(lambda x, values: x + values),
    "subtract": _with_values(lambda x, values: x - values),
    "multiply": _with_values(lambda x, values: x * values),
    "divide": _with_values(lambda x, values: x / values),
    "above": _with_values(lambda x, values: (x > values).astype(np.float64)),
    "at_least": _with_values(lambda x, values: np.where(x < values, values, x)),
    "at_most": _with_values(lambda x, values: np.where(x > values, values, x)),
    "yeo_johnson": _power(yeo_johnson_of),
    "box_cox": _power(box_cox_of),
    "float32": _alone(lambda x: x.astype(np.float32).astype(np.float64)),
    "function": _function,
    "bins": _bins,
    "interpolate": _interpolate,
    "quantile": _quantile,
    "linear": _linear,
    "products": _products,
    "softmax": _alone(_softmax),
    "share": _alone(_share),
    "by_norm": _by_norm,
    "gaussian": _gaussian,
    "weighted_median": _weighted_median,
    "trees": lambda step, x: sum_of_trees(step).of(x),
}

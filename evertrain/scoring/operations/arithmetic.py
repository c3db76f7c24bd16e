"""Numbers from numbers, each by itself."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import NormalDist

from evertrain.scoring.steps import Entry, Kind, Slots, Step, numbers_out


def fill(entry: Entry) -> Step:
    """Each number, or where it is missing its entry of `values`."""
    return _with_values(entry, lambda x, value: value if x != x else x)  # noqa: PLR0124  # NaN


def add(entry: Entry) -> Step:
    return _with_values(entry, lambda x, value: x + value)


def subtract(entry: Entry) -> Step:
    return _with_values(entry, lambda x, value: x - value)


def multiply(entry: Entry) -> Step:
    return _with_values(entry, lambda x, value: x * value)


def divide(entry: Entry) -> Step:
    entry.require(0.0 not in entry.numbers("values"), "values: it divides by 0")
    return _with_values(entry, lambda x, value: x / value)


def above(entry: Entry) -> Step:
    """1 where it is greater than its entry of `values`, else 0."""
    return _with_values(entry, lambda x, value: 1.0 if x > value else 0.0)


def at_least(entry: Entry) -> Step:
    """The greater one of it and its entry of `values`; what is missing stays missing."""
    return _with_values(entry, lambda x, value: value if x < value else x)


def at_most(entry: Entry) -> Step:
    return _with_values(entry, lambda x, value: value if x > value else x)


def yeo_johnson(entry: Entry) -> Step:
    """The power transformation of numbers of any sign; `values`: its lambdas. Yeo and Johnson, 2000."""
    return _with_values(entry, yeo_johnson_of)


def box_cox(entry: Entry) -> Step:
    """The power transformation of positive numbers; `values`: its lambdas. Source: Box and Cox, JRSS B 26, 1964."""
    return _with_values(entry, box_cox_of)


def float32(entry: Entry) -> Step:
    """Rounded to what 32 bits hold, as many trees read their rows."""
    inputs = entry.inputs(Kind.NUMBER)

    def run(slots: Slots) -> None:
        slots += array("f", [slots[i] for i in inputs]).tolist()

    return numbers_out(entry, inputs, len(inputs), run)


def function(entry: Entry) -> Step:
    """A function of each number by itself, by its name in numpy; outside its domain the answer is NaN, as there."""
    inputs, name = entry.inputs(Kind.NUMBER), entry.choice("name", FUNCTIONS)
    apply = FUNCTIONS[name]

    def run(slots: Slots) -> None:
        slots.extend([apply(slots[i]) for i in inputs])

    return numbers_out(entry, inputs, len(inputs), run, name=name)


def bins(entry: Entry) -> Step:
    """The number of edges that are at most as large. `edges`: a sorted list for each input."""
    inputs = entry.inputs(Kind.NUMBER)
    edges = _sorted_lists(entry, "edges", len(inputs))
    pairs = list(zip(inputs, edges, strict=True))

    def run(slots: Slots) -> None:
        # NaN is greater than any, as in numpy.
        slots.extend([float(len(some) if (x := slots[i]) != x else bisect_right(some, x)) for i, some in pairs])

    return numbers_out(entry, inputs, len(inputs), run, edges=edges)


def interpolate(entry: Entry) -> Step:
    """Between the points (`xs`, `ys`) of a curve, and its ends' values outside of them."""
    inputs = entry.inputs(Kind.NUMBER, count=1)
    xs, ys = _curve(entry)

    def run(slots: Slots) -> None:
        slots.append(interpolated(slots[inputs[0]], xs, ys))

    return numbers_out(entry, inputs, 1, run, xs=xs, ys=ys)


def quantile(entry: Entry) -> Step:
    """A number's place among the quantiles of training, from 0 to 1, or as a normal deviate.

    `quantiles`: a sorted list for each input; `references`: their places; `distribution`: uniform or normal. Between
    points the mean of the ways up and down, so that equal quantiles give their middle place: as in scikit-learn.
    """
    inputs = entry.inputs(Kind.NUMBER)
    quantiles = _sorted_lists(entry, "quantiles", len(inputs))
    (references,) = _sorted_lists(entry, "references", 1)
    entry.require(
        all(len(each) == len(references) > 0 for each in quantiles), "quantiles: not one for each reference"
    )
    normal = entry.choice("distribution", {"uniform": False, "normal": True}) == "normal"
    pairs = list(zip(inputs, quantiles, [_mirrored(each) for each in quantiles], strict=True))
    mirrored_references = _mirrored(references)

    def place(x: float, points: Sequence[float], mirrored: Sequence[float]) -> float:
        if x != x:  # noqa: PLR0124  # NaN
            return x
        up, down = interpolated(x, points, references), interpolated(-x, mirrored, mirrored_references)
        found = 0.5 * (up - down)
        if x >= points[-1] or (normal and x + QUANTILE_BOUNDS > points[-1]):
            found = 1.0
        if x <= points[0] or (normal and x - QUANTILE_BOUNDS < points[0]):
            found = 0.0
        return normal_deviate(found) if normal else found

    def run(slots: Slots) -> None:
        slots.extend([place(slots[i], points, mirrored) for i, points, mirrored in pairs])

    return numbers_out(entry, inputs, len(inputs), run, quantiles=quantiles, references=references, normal=normal)


QUANTILE_BOUNDS = 1e-7
"""So near to an end, a number is the end: scikit-learn's BOUNDS_THRESHOLD. Normal deviates are cut there, too."""
_SPACING = 2.0**-52
_LOWEST = NormalDist().inv_cdf(QUANTILE_BOUNDS - _SPACING)
_HIGHEST = NormalDist().inv_cdf(1 - (QUANTILE_BOUNDS - _SPACING))


def normal_deviate(place: float) -> float:
    """Of a place from 0 to 1; NaN stays NaN.

    >>> normal_deviate(0.5), round(normal_deviate(0.0), 2)
    (0.0, -5.2)
    """
    if place != place:  # noqa: PLR0124  # NaN
        return place
    if place <= 0.0:
        return _LOWEST
    if place >= 1.0:
        return _HIGHEST
    return min(max(NormalDist().inv_cdf(place), _LOWEST), _HIGHEST)


def interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """As numpy's `interp`; of equal points the last one counts.

    >>> interpolated(1.5, [1.0, 2.0], [10.0, 20.0]), interpolated(9.0, [1.0, 2.0], [10.0, 20.0])
    (15.0, 20.0)
    """
    if x != x:  # noqa: PLR0124  # NaN
        return x
    if x < xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    right = bisect_right(xs, x)
    left = right - 1
    slope = (ys[right] - ys[left]) / (xs[right] - xs[left])
    return slope * (x - xs[left]) + ys[left]


def yeo_johnson_of(x: float, power: float) -> float:
    if x != x:  # noqa: PLR0124  # NaN
        return x
    if x >= 0:
        return math.log1p(x) if abs(power) < _SPACING else _exponential_minus_1(power * math.log1p(x)) / power
    if abs(power - 2) > _SPACING:
        return -_exponential_minus_1((2 - power) * math.log1p(-x)) / (2 - power)
    return -math.log1p(-x)


def box_cox_of(x: float, power: float) -> float:
    if not x > 0:
        return math.nan
    logarithm = math.log(x)
    return logarithm if power == 0 else _exponential_minus_1(power * logarithm) / power


def exponential(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf  # as in numpy


def _exponential_minus_1(x: float) -> float:
    try:
        return math.expm1(x)
    except OverflowError:
        return math.inf


def logistic(x: float) -> float:
    # Two forms, so that no exponent overflows.
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


def _logarithm(of: Callable[[float], float], pole: float) -> Callable[[float], float]:
    def apply(x: float) -> float:
        if x > pole:
            return of(x)
        return -math.inf if x == pole else math.nan

    return apply


def _square(x: float) -> float:
    return x * x


def _identity(x: float) -> float:
    return x


FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "identity": _identity,
    "logistic": logistic,
    "exp": exponential,
    "expm1": _exponential_minus_1,
    "log": _logarithm(math.log, 0.0),
    "log2": _logarithm(math.log2, 0.0),
    "log10": _logarithm(math.log10, 0.0),
    "log1p": _logarithm(math.log1p, -1.0),
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "square": _square,
    "absolute": abs,
    "negative": lambda x: -x,
    "tanh": math.tanh,
    "relu": lambda x: 0.0 if x < 0 else x,
}


def _with_values(entry: Entry, apply: Callable[[float, float], float]) -> Step:
    """One of `values` for each input."""
    inputs = entry.inputs(Kind.NUMBER)
    values = entry.numbers("values", len(inputs))
    pairs = list(zip(inputs, values, strict=True))

    def run(slots: Slots) -> None:
        slots.extend([apply(slots[i], value) for i, value in pairs])

    return numbers_out(entry, inputs, len(inputs), run, values=values)


def _curve(entry: Entry) -> tuple[list[float], list[float]]:
    xs = entry.numbers("xs")
    entry.require(len(xs) > 0 and all(a < b for a, b in pairwise(xs)), "xs: not in order")
    return xs, entry.numbers("ys", len(xs))


def _sorted_lists(entry: Entry, name: str, count: int) -> list[list[float]]:
    lists = entry.sorted_lists(name)
    entry.require(len(lists) == count, f"{name}: {len(lists)} lists")
    return lists


def _mirrored(values: Sequence[float]) -> list[float]:
    return [-value for value in reversed(values)]

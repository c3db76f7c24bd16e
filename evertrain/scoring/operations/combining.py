"""Numbers from several numbers: sums, products, and what makes probabilities of scores."""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import itemgetter, mul

from evertrain.scoring.steps import Entry, Kind, Slots, Step, numbers_out


def linear(entry: Entry) -> Step:
    """`outputs` weighted sums of the inputs. `weights`: packed doubles, a row for each output; `intercepts`."""
    inputs = entry.inputs(Kind.NUMBER)
    intercepts = entry.numbers("intercepts")
    width = len(inputs)
    weights = entry.array("weights", "d", len(intercepts) * width)
    rows = [(weights[k * width : (k + 1) * width].tolist(), intercepts[k]) for k in range(len(intercepts))]

    def run(slots: Slots) -> None:
        vector = [slots[i] for i in inputs]
        slots.extend([sum(map(mul, vector, some), intercept) for some, intercept in rows])

    return numbers_out(entry, inputs, len(rows), run, weights=weights, intercepts=intercepts)


def products(entry: Entry) -> Step:
    """A product of slots for each of `terms`; of none it is 1."""
    terms = entry.slot_lists("terms")

    def run(slots: Slots) -> None:
        slots.extend([math.prod([slots[i] for i in term], start=1.0) for term in terms])

    return numbers_out(entry, tuple(sorted({i for term in terms for i in term})), len(terms), run, terms=terms)


def softmax(entry: Entry) -> Step:
    """Scores as probabilities that add up to 1."""
    inputs = _some(entry)

    def run(slots: Slots) -> None:
        scores = [slots[i] for i in inputs]
        highest = max(scores)
        grown = [math.exp(score - highest) for score in scores]
        total = sum(grown)
        slots.extend([each / total for each in grown])

    return numbers_out(entry, inputs, len(inputs), run)


def share(entry: Entry) -> Step:
    """Each by their sum; where that is 0, all alike."""
    inputs = _some(entry)
    alike = [1.0 / len(inputs)] * len(inputs)

    def run(slots: Slots) -> None:
        values = [slots[i] for i in inputs]
        total = sum(values)
        slots.extend([value / total for value in values] if total else alike)

    return numbers_out(entry, inputs, len(inputs), run)


def by_norm(entry: Entry) -> Step:
    """Each by the row's norm: `l1`, `l2` or `max`; where that is 0, as it is."""
    inputs, name = _some(entry), entry.choice("norm", NORMS)
    norm = NORMS[name]

    def run(slots: Slots) -> None:
        values = [slots[i] for i in inputs]
        length = norm(values) or 1.0
        slots.extend([value / length for value in values])

    return numbers_out(entry, inputs, len(inputs), run, norm=name)


def gaussian(entry: Entry) -> Step:
    """For each of several classes the logarithm of its density, each feature by itself normally distributed, plus
    `starts`. `means`, `variances`: packed doubles, a row for each class."""
    inputs, starts = entry.inputs(Kind.NUMBER), entry.numbers("starts")
    width = len(inputs)
    means, variances = (entry.array(name, "d", width * len(starts)) for name in ("means", "variances"))
    entry.require(min(variances, default=1.0) > 0, "variances: one is not above 0")
    classes = [
        (start, means[k * width : (k + 1) * width].tolist(), variances[k * width : (k + 1) * width].tolist())
        for k, start in enumerate(starts)
    ]

    def run(slots: Slots) -> None:
        vector = [slots[i] for i in inputs]
        slots.extend(
            [
                start - 0.5 * sum([(x - m) * (x - m) / v for x, m, v in zip(vector, mean, variance, strict=True)])
                for start, mean, variance in classes
            ]
        )

    return numbers_out(entry, inputs, len(starts), run, starts=starts, means=means, variances=variances)


def weighted_median(entry: Entry) -> Step:
    """The first input, in order of size, with which the `weights` reach half of their sum."""
    inputs = _some(entry)
    weights = entry.numbers("weights", len(inputs))
    entry.require(min(weights) >= 0 and sum(weights) > 0, "weights: one is below 0, or all are 0")
    half = 0.5 * sum(weights)

    def run(slots: Slots) -> None:
        pairs = sorted(zip([slots[i] for i in inputs], weights, strict=True), key=itemgetter(0))
        reached = accumulate(weight for _, weight in pairs)
        slots.append(
            next((value for (value, _), sum_ in zip(pairs, reached, strict=True) if sum_ >= half), pairs[-1][0])
        )

    return numbers_out(entry, inputs, 1, run, weights=weights)


def _some(entry: Entry) -> tuple[int, ...]:
    inputs = entry.inputs(Kind.NUMBER)
    entry.require(len(inputs) > 0, "it reads nothing")
    return inputs


def _l2(values: Sequence[float]) -> float:
    return math.sqrt(sum([value * value for value in values]))


NORMS: dict[str, Callable[[Sequence[float]], float]] = {
    "l1": lambda values: sum(map(abs, values)),
    "l2": _l2,
    "max": lambda values: max(map(abs, values)),
}

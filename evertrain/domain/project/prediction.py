"""What a model answers for a row, and the names that the classes of one of several have as columns."""

import re
from collections.abc import Mapping, Sequence
from math import inf, isnan, nan

from evertrain.domain.errors import list_names

Prediction = float | tuple[float, ...]
"""The probability of the last of two classes, or a number; of more classes the probability of each, in the order in
which `label.classes` names them."""

Answer = float | Mapping[str, float]
"""The same as the endpoint says it: of more than two classes each by its name, in their order."""

MAX_CLASSES = 50
"""Each has a column of probabilities."""


def describe_classes(classes: Sequence[str]) -> str:
    """What a label may be.

    >>> describe_classes(["no", "yes"]), describe_classes(["low", "middle", "high"])
    ('no or yes', 'one of high, low, middle')
    """
    return " or ".join(classes) if len(classes) <= 2 else f"one of {list_names(classes)}"


def by_class(prediction: Prediction, classes: Sequence[str]) -> Answer:
    """
    >>> by_class(0.25, ["no", "yes"]), by_class((0.5, 0.25, 0.25), ["low", "middle", "high"])
    (0.25, {'low': 0.5, 'middle': 0.25, 'high': 0.25})
    """
    if isinstance(prediction, tuple):
        return dict(zip(classes, prediction, strict=True))
    return prediction


def most_probable(answer: Answer) -> tuple[str | None, float]:
    """The class, the first of several that are as probable, and its probability; or a number that has no class.

    >>> most_probable({"low": 0.25, "middle": 0.5, "high": 0.25}), most_probable(0.25)
    (('middle', 0.5), (None, 0.25))
    """
    if not isinstance(answer, Mapping):
        return None, float(answer)
    name = max(answer, key=lambda each: answer[each])
    return name, float(answer[name])


def largest_difference(answer: Answer, expected: Prediction) -> float:
    """Infinite where they are not of as many classes.

    >>> largest_difference(0.5, 0.25), largest_difference({"no": 0.5, "yes": 0.5}, (0.25, 0.5))
    (0.25, 0.25)
    """
    ones = tuple(answer.values()) if isinstance(answer, Mapping) else (answer,)
    others = expected if isinstance(expected, tuple) else (expected,)
    if len(ones) != len(others):
        return inf
    differences = [abs(a - b) for a, b in zip(ones, others, strict=True)]
    return nan if any(map(isnan, differences)) else max(differences)


def probability_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """How a table names the probability of each: by its class, as far as names of columns go.

    >>> probability_columns(["setosa", "on time", "on-time"])
    ('probability_setosa', 'probability_on_time', 'probability_on_time_2')
    """
    found: list[str] = []
    for number, name in enumerate(classes):
        column = "probability_" + re.sub(r"\W+", "_", name, flags=re.ASCII).lower()
        while column in found:
            column += f"_{number}"
        found.append(column)
    return tuple(found)

"""A model's answer, or that of each class, as a sum over its features: of trees, and of columns of one feature each.

Found by going back from the answer: through the link, then through whatever is a weighted sum. What is no such sum
has no explanation, and is told in a sentence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evertrain.domain.errors import EvertrainError, list_names
from evertrain.domain.project.metric import Task
from evertrain.scoring.flat_model import FlatModel
from evertrain.scoring.operations.tree_walk import LEAF
from evertrain.scoring.steps import Step

Origin = frozenset[int]
"""The features, by number, that a column is made of."""


class NotExplainable(EvertrainError):
    """The model's predictions have no contributions of features; the text says why."""


class Scale(StrEnum):
    """On which contributions add up: that of the answer, or one that a link turns into the answer.

    `LOGIT`: of a class; the softmax of all classes' are the probabilities.
    """

    NUMBER = "number"
    PROBABILITY = "probability"
    LOG_ODDS = "log-odds"
    LOGIT = "logit"
    LOG = "log"
    LOG1P = "log1p"


_LINKS: Mapping[str, Scale] = {"logistic": Scale.LOG_ODDS, "exp": Scale.LOG, "expm1": Scale.LOG1P}

_EACH_BY_ITSELF = frozenset(
    {"number", "fill", "fill_text", "is_missing", "add", "subtract", "multiply", "divide", "above", "at_least"}
    | {"at_most", "yeo_johnson", "box_cox", "float32", "function", "bins", "interpolate", "quantile", "code"}
)
"""Operations whose k-th output is made of the k-th input alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """`weight` times a column that is made of one feature, or of none."""

    slot: int
    weight: float
    feature: int | None


@dataclass(frozen=True, slots=True)
class Forest:
    """The outputs of a step of trees, by their weights. `features`: that of each input which a tree compares."""

    step: Step
    weights: Mapping[int, float]
    features: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The answer, on `scale`, is the constant, and the columns, and the forests."""

    scale: Scale
    constant: float
    columns: tuple[Column, ...]
    forests: tuple[Forest, ...]


def attributions(model: FlatModel) -> tuple[Attribution, ...]:
    """Of the answer; of several classes that of each, on one scale. Raises NotExplainable."""
    producers = {
        len(model.features) + offset: (step, output)
        for offset, (step, output) in enumerate(
            (step, output) for step in model.steps for output in range(len(step.outputs))
        )
    }
    answers = model.answer if isinstance(model.answer, tuple) else (model.answer,)
    origins, holds_trees = _origins(model), _trees_within(model)
    return tuple(_attribution(answer, model, producers, origins, holds_trees) for answer in answers)


Producers = Mapping[int, tuple[Step, int]]


def _attribution(
    answer: int, model: FlatModel, producers: Producers, origins: Sequence[Origin], holds_trees: Sequence[bool]
) -> Attribution:
    natural = Scale.PROBABILITY if model.task is Task.CLASSIFICATION else Scale.NUMBER
    scale, constant, weights = natural, 0.0, {answer: 1.0}
    while True:
        if scale is natural and constant == 0.0 and list(weights.values()) == [1.0]:
            (slot,) = weights
            scale, weights = _without_link(slot, producers, scale, is_one_of_several=len(model.classes) > 2)
        slot = max((each for each in weights if _is_sum(each, producers, origins, holds_trees)), default=-1)
        if slot < 0:
            break
        constant += _expand(slot, weights, producers)
    return Attribution(
        scale=scale,
        constant=constant,
        columns=tuple(_columns(weights, producers, origins, model)),
        forests=tuple(_forests(weights, producers, origins, model)),
    )


def _operation(slot: int, producers: Producers) -> str:
    return producers[slot][0].operation if slot in producers else ""


def _without_link(
    slot: int, producers: Producers, scale: Scale, *, is_one_of_several: bool
) -> tuple[Scale, dict[int, float]]:
    """What the answer is a monotone function of: of two probabilities, the difference of their logarithms. Of several
    classes, what the softmax takes of each."""
    if slot not in producers:
        return scale, {slot: 1.0}
    step, output = producers[slot]
    if step.operation == "function" and step.parameters["name"] in _LINKS:
        return _LINKS[step.parameters["name"]], {step.inputs[output]: 1.0}
    if step.operation == "softmax" and is_one_of_several:
        return Scale.LOGIT, {step.inputs[output]: 1.0}
    if step.operation == "softmax" and len(set(step.inputs)) == len(step.inputs) == 2:
        return Scale.LOG_ODDS, {step.inputs[output]: 1.0, step.inputs[1 - output]: -1.0}
    return scale, {slot: 1.0}


def _is_sum(slot: int, producers: Producers, origins: Sequence[Origin], holds_trees: Sequence[bool]) -> bool:
    """Whether it is a weighted sum of other columns that has to be looked into. A column of one feature need not,
    unless trees are in it."""
    if len(origins[slot]) <= 1 and not holds_trees[slot]:
        return False
    step, _ = producers[slot]
    is_identity = step.operation == "function" and step.parameters["name"] == "identity"
    return is_identity or step.operation in ("add", "subtract", "multiply", "divide", "linear")


def _expand(slot: int, weights: dict[int, float], producers: Producers) -> float:
    """Puts what a column is the sum of in its place; returns what is constant of it."""
    weight = weights.pop(slot)
    step, output = producers[slot]
    constant, terms = 0.0, [(step.inputs[output], 1.0)] if step.operation != "linear" else []
    if step.operation == "linear":
        width = len(step.inputs)
        row = step.parameters["weights"][output * width : (output + 1) * width]
        constant, terms = step.parameters["intercepts"][output], list(zip(step.inputs, row, strict=True))
    elif step.operation != "function":
        value = step.parameters["values"][output]
        match step.operation:
            case "add":
                constant = value
            case "subtract":
                constant = -value
            case "multiply":
                terms = [(step.inputs[output], value)]
            case "divide":
                terms = [(step.inputs[output], 1.0 / value)]
    for each, factor in terms:
        weights[each] = weights.get(each, 0.0) + weight * factor
    return weight * constant


# --- what the sum is of -------------------------------------------------------------------------------


def _columns(
    weights: Mapping[int, float], producers: Producers, origins: Sequence[Origin], model: FlatModel
) -> Iterator[Column]:
    for slot, weight in sorted(weights.items()):
        if _operation(slot, producers) == "trees" or weight == 0.0:
            continue
        if len(origins[slot]) > 1:
            raise NotExplainable(_mixed(slot, producers, origins, model))
        yield Column(slot, weight, next(iter(origins[slot]), None))


def _forests(
    weights: Mapping[int, float], producers: Producers, origins: Sequence[Origin], model: FlatModel
) -> Iterator[Forest]:
    by_step: dict[int, tuple[Step, dict[int, float]]] = {}
    for slot, weight in sorted(weights.items()):
        if _operation(slot, producers) == "trees":
            step, output = producers[slot]
            by_step.setdefault(id(step), (step, {}))[1][output] = weight
    for step, outputs in by_step.values():
        compared = set(step.parameters["feature"]) - {LEAF}
        for index in sorted(compared):
            if len(origins[step.inputs[index]]) != 1:
                raise NotExplainable(_mixed(step.inputs[index], producers, origins, model))
        yield Forest(step, outputs, [next(iter(origins[slot]), 0) for slot in step.inputs])


def _mixed(slot: int, producers: Producers, origins: Sequence[Origin], model: FlatModel) -> str:
    names = list_names((model.features[feature].name for feature in origins[slot]), limit=4)
    operation = _operation(slot, producers)
    if operation in ("function", "softmax", "share", "interpolate", "gaussian", "weighted_median"):
        return f"a prediction of {model.model} is no sum over its features, so it has no contributions of each"
    return f"{model.model} computes a column of {names} together, so its predictions have no contributions of each"


def _origins(model: FlatModel) -> list[Origin]:
    """Of every slot."""
    origins: list[Origin] = [frozenset({number}) for number in range(len(model.features))]
    for step in model.steps:
        inputs = [origins[slot] for slot in step.inputs]
        if step.operation in _EACH_BY_ITSELF:
            origins += inputs
        elif step.operation == "products":
            origins += [
                frozenset[int]().union(*(origins[slot] for slot in term)) for term in step.parameters["terms"]
            ]
        else:
            origins += [frozenset[int]().union(*inputs)] * len(step.outputs)
    return origins


def _trees_within(model: FlatModel) -> list[bool]:
    """Of every slot whether trees come before it."""
    found = [False] * len(model.features)
    for step in model.steps:
        inputs = [found[slot] for slot in step.inputs]
        if step.operation in _EACH_BY_ITSELF:
            found += inputs
        else:
            found += [step.operation == "trees" or any(inputs)] * len(step.outputs)
    return found

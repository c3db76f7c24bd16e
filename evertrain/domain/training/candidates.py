"""What competes: each window with each combination of the estimator's parameters, in rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.policies import ParameterValue, SearchSpace
from evertrain.domain.training.windows import Window


class UnknownCandidate(EvertrainError):
    """The plan has no candidate of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A window with parameters for the estimator: what competes. `name`: `28d`, or `28d-2` where the window is tried
    with several."""

    name: str
    window: Window
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)

    def __str__(self) -> str:
        """As people are told of it: `28d`, or `28d, learning_rate=0.1`."""
        return ", ".join([self.window.name, *(f"{name}={value}" for name, value in self.parameters.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Some candidates, each trained on every `stride`th row of its window. The last round trains on all rows."""

    number: int
    stride: int
    candidates: tuple[str, ...]

    @property
    def is_last(self) -> bool:
        return self.stride == 1


def parameter_grid(search: SearchSpace) -> list[dict[str, ParameterValue]]:
    """
    >>> parameter_grid(SearchSpace(parameters={"depth": (2, 4), "rate": (0.1,)}))
    [{'depth': 2, 'rate': 0.1}, {'depth': 4, 'rate': 0.1}]
    """
    return [dict(zip(search.parameters, values, strict=True)) for values in product(*search.parameters.values())]


def make_candidates(windows: Sequence[Window], search: SearchSpace) -> tuple[Candidate, ...]:
    """Every window with every combination of parameters, the windows' order first."""
    combinations = parameter_grid(search)
    if len(combinations) == 1:
        return tuple(Candidate(name=window.name, window=window, parameters=combinations[0]) for window in windows)
    return tuple(
        Candidate(name=f"{window.name}-{number}", window=window, parameters=parameters)
        for window in windows
        for number, parameters in enumerate(combinations, 1)
    )

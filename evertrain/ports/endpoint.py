"""The prediction endpoint as the rollout sees it: published function versions, and an alias in front of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.prediction import Answer
from evertrain.scoring import Feature


class EndpointError(EvertrainError):
    """The endpoint refused, or answered other than a prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionResponse:
    """`milliseconds`: what predicting took, without loading the model and without the way."""

    model_version: str
    predictions: tuple[Answer, ...]
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Who answers callers: `function_version`, but for a `share` of their requests, drawn at random, that another
    one answers, the `canary`."""

    function_version: str
    canary: str | None = None
    share: float = 0.0

    def __str__(self) -> str:
        """
        >>> print(Live(function_version="3", canary="4", share=0.05))
        3, and 4 for 5%
        """
        return (
            f"{self.function_version}, and {self.canary} for {self.share:.0%}"
            if self.canary
            else self.function_version
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedVersion:
    """What a function version says of its model. `classes`: empty of a regression."""

    model_version: str
    features: tuple[Feature, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRows:
    """`predictions`: None of a row that was refused; why is in `errors`, by the row's place."""

    model_version: str
    predictions: tuple[Answer | None, ...]
    errors: Mapping[int, str]


class ScoringEndpoint(Protocol):
    """The prediction endpoint as files are answered by it. Each raises EndpointError."""

    def describe(self, model: str, *, qualifier: str) -> ServedVersion: ...

    def score(self, model: str, *, qualifier: str, rows: Sequence[Mapping[str, object]]) -> ScoredRows:
        """Each row by itself: one that is wrong leaves the others their predictions. Times are ages."""


class Endpoint(Protocol):
    def publish(self, model: str, *, version: str, artifact_uri: str, artifact_sha256: str) -> str:
        """A function version whose environment is pinned to the artifact; returns its number.

        Publishing the same model version again returns the number that it has, unless other code has been deployed.
        """

    def live(self, model: str) -> Live:
        """Where the alias points: at `$LATEST` before the first promotion."""

    def point_alias(self, model: str, live: Live) -> None:
        """A canary needs a published version beside it: `$LATEST` answers nobody in part."""

    def predict(
        self, model: str, *, qualifier: str, rows: Sequence[Mapping[str, object]], asked_at: datetime | None = None
    ) -> PredictionResponse:
        """Asks one function version, or the alias `live`. `asked_at`: of rows as a caller sends them, whose times are
        points in time; else they are ages. Raises EndpointError."""

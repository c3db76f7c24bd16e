"""The prediction endpoint as the rollout sees it: published function versions, and an alias in front of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from evertrain.domain.errors import EvertrainError


class EndpointError(EvertrainError):
    """The endpoint refused, or answered other than a prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionResponse:
    model_version: str
    predictions: tuple[float, ...]


class Endpoint(Protocol):
    def publish(self, model: str, *, version: str, artifact_uri: str, artifact_sha256: str) -> str:
        """A function version whose environment is pinned to the artifact; returns its number.

        Publishing the same model version again returns the number that it has.
        """

    def live_version(self, model: str) -> str:
        """The function version that the alias points at; `$LATEST` before the first promotion."""

    def point_alias(self, model: str, *, function_version: str) -> None: ...

    def predict(self, model: str, *, qualifier: str, rows: Sequence[Mapping[str, object]]) -> PredictionResponse:
        """Asks one function version, or the alias `live`. Raises EndpointError."""

"""A prediction endpoint in memory: versions pinned to stored artifacts, an alias, predictions by the artifact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.project.prediction import Answer, by_class
from evertrain.ports.artifacts import ArtifactStore
from evertrain.ports.endpoint import EndpointError, Live, PredictionResponse, ScoredRows, ServedVersion
from evertrain.ports.models import ReadModel
from evertrain.scoring import FlatModel, InvalidRow, ServableModel, validate_rows


@dataclass(frozen=True)
class _Pinned:
    version: str
    artifact_uri: str
    artifact_sha256: str
    code: str


class InMemoryEndpoint:
    """`broken`: qualifiers that fail when asked. `code`: what is deployed. Nobody draws: the alias is answered by the
    version it points at.
    """

    def __init__(
        self, *, artifacts: ArtifactStore, models: Sequence[str], read_model: ReadModel = FlatModel.from_bytes
    ) -> None:
        self._artifacts, self._read_model = artifacts, read_model
        self._published: dict[str, list[_Pinned]] = {model: [] for model in models}
        self._alias = dict.fromkeys(models, Live(function_version="$LATEST"))
        self.broken: set[str] = set()
        self.code = "1"

    def publish(self, model: str, *, version: str, artifact_uri: str, artifact_sha256: str) -> str:
        published = self._of(model)
        wanted = _Pinned(version, artifact_uri, artifact_sha256, self.code)
        numbers = [number for number, pinned in enumerate(published, 1) if pinned == wanted]
        if numbers:
            return str(numbers[0])
        published.append(wanted)
        return str(len(published))

    def live(self, model: str) -> Live:
        self._of(model)
        return self._alias[model]

    def point_alias(self, model: str, live: Live) -> None:
        self._of(model)
        for function_version in filter(None, (live.function_version, live.canary)):
            if function_version != "$LATEST" or live.canary:
                self._pinned(model, function_version)
        self._alias[model] = live

    def predict(
        self,
        model: str,
        *,
        qualifier: str,
        rows: Sequence[Mapping[str, object]],
        asked_at: datetime | None = None,  # noqa: ARG002  # no row is checked here
    ) -> PredictionResponse:
        pinned, found = self._model(model, qualifier)
        return PredictionResponse(model_version=pinned.version, predictions=_answers(found, rows))

    def describe(self, model: str, *, qualifier: str) -> ServedVersion:
        pinned, found = self._model(model, qualifier)
        return ServedVersion(
            model_version=pinned.version, features=tuple(found.features), classes=tuple(found.classes)
        )

    def score(self, model: str, *, qualifier: str, rows: Sequence[Mapping[str, object]]) -> ScoredRows:
        pinned, found = self._model(model, qualifier)
        predictions: list[Answer | None] = []
        errors = {}
        for place, row in enumerate(rows):
            try:
                predictions += _answers(found, validate_rows([dict(row)], found.features))
            except InvalidRow as invalid:
                predictions.append(None)
                errors[place] = str(invalid)
        return ScoredRows(model_version=pinned.version, predictions=tuple(predictions), errors=errors)

    def _model(self, model: str, qualifier: str) -> tuple[_Pinned, ServableModel]:
        if qualifier in self.broken:
            raise EndpointError(f"{model}:{qualifier} is broken")
        pinned = self._pinned(model, self.live(model).function_version if qualifier == "live" else qualifier)
        return pinned, self._read_model(
            self._artifacts.get(pinned.artifact_uri, expected_sha256=pinned.artifact_sha256)
        )

    def _of(self, model: str) -> list[_Pinned]:
        if model not in self._published:
            raise EndpointError(f"{model}: there is no such function")
        return self._published[model]

    def _pinned(self, model: str, function_version: str) -> _Pinned:
        published = self._of(model)
        if not function_version.isdigit() or not 0 < int(function_version) <= len(published):
            raise EndpointError(f"{model}:{function_version} has no model")
        return published[int(function_version) - 1]


def _answers(model: ServableModel, rows: Sequence[Mapping[str, object]]) -> tuple[Answer, ...]:
    return tuple(by_class(each, model.classes) for each in model.predict(rows))

"""Brings a registered version in front of the callers, and takes it back when a step fails.

The order of the steps, and what leads to a rollback, is the state machine's. Every step may be repeated. How it comes
to answer more and more of the requests is in `take_steps`.
"""

from dataclasses import dataclass

from evertrain.domain.project.policies import ARTIFACT_SUFFIXES, Tier
from evertrain.domain.project.prediction import Answer, Prediction, largest_difference
from evertrain.domain.release.registry import AlreadyPromoted, Champion, champion_function_version, follows_at
from evertrain.ports.clock import Clock
from evertrain.ports.endpoint import Endpoint, EndpointError, Live
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore

TOLERANCE = 1e-9
"""Relative where predictions are larger than 1. The artifact's sums are computed by the same code in the same order:
a larger difference means another model."""

LIBRARY_TOLERANCE = 1e-6
"""Where scikit-learn answers: another processor may add in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """`previous_function_version`: where the alias goes back to if this rollout fails."""

    function_version: str
    previous_function_version: str


@dataclass(frozen=True, kw_only=True)
class RollOut:
    registry: ModelRegistry
    endpoint: Endpoint
    runs: RunStore
    clock: Clock

    def publish(self, model: str, version: str) -> PublishedVersion:
        registered = self.registry.version(model, version)
        function_version = self.endpoint.publish(
            model,
            version=version,
            artifact_uri=registered.artifact_uri,
            artifact_sha256=registered.artifact_sha256,
        )
        return PublishedVersion(
            function_version=function_version,
            previous_function_version=champion_function_version(self.registry.champion(model)),
        )

    def smoke_test(self, model: str, version: str, *, function_version: str) -> None:
        """The published function, or the alias, against the predictions from training. Raises EndpointError."""
        registered = self.registry.version(model, version)
        expected = self.runs.smoke_test(registered.smoke_test_uri)
        answer = self.endpoint.predict(model, qualifier=function_version, rows=expected.rows)
        target = f"{model}:{function_version}"
        if answer.model_version != version:
            raise EndpointError(f"{target} answers with version {answer.model_version}, not with {version}")
        if len(answer.predictions) != len(expected.predictions):
            raise EndpointError(
                f"{target} answers {len(answer.predictions)} predictions to {len(expected.predictions)} rows"
            )
        differences = map(_relative_difference, answer.predictions, expected.predictions)
        max_difference, allowed = max(differences, default=0.0), _tolerance(registered.artifact_uri)
        if not max_difference <= allowed:  # also refuses a NaN
            raise EndpointError(
                f"{target} predicts {max_difference:.3g} away from what the artifact predicted in training"
            )

    def promote(self, model: str, version: str, *, function_version: str, expected_champion: str | None) -> Champion:
        """Raises RegistryConflict where another version became champion since this one was judged."""
        registered, present = self.registry.version(model, version), self.registry.champion(model)
        champion = Champion(
            model=model,
            version=version,
            # New code does not make the model younger.
            since=(
                present.since if present and present.version == version else follows_at(present, self.clock.now())
            ),
            artifact_uri=registered.artifact_uri,
            artifact_sha256=registered.artifact_sha256,
            reference_uri=registered.reference_uri,
            function_version=function_version,
            trained_until=registered.window.end,
            judged_until=registered.judged.trained_until if registered.judged else None,
        )
        self.registry.promote(champion, expected_champion=expected_champion)
        self.registry.end_rollout(model, version)
        return champion

    def rollback(self, model: str, version: str, *, previous_function_version: str) -> str:
        """Returns the function version that the alias points at afterwards. Raises AlreadyPromoted."""
        champion = self.registry.champion(model)
        is_new = champion is None or champion.function_version != previous_function_version
        if champion is not None and champion.version == version and is_new:
            self.registry.end_rollout(model, version)
            raise AlreadyPromoted(f"{version} is champion of {model} already and stays it")
        # After a lost race the alias belongs to the winner, not to whom this rollout found at its start.
        restored = champion.function_version if champion else previous_function_version
        self.endpoint.point_alias(model, Live(function_version=restored))
        self.registry.withdraw(model, version)
        self.registry.end_rollout(model, version)
        return restored


def _relative_difference(answer: Answer, expected: Prediction) -> float:
    largest = max(map(abs, expected if isinstance(expected, tuple) else (expected,)))
    return largest_difference(answer, expected) / max(1.0, largest)


def _tolerance(artifact_uri: str) -> float:
    return LIBRARY_TOLERANCE if artifact_uri.endswith(ARTIFACT_SUFFIXES[Tier.SKLEARN]) else TOLERANCE

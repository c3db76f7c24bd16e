"""Keeps the chosen contender in the registry with its full lineage; one that the gate refused is kept as rejected."""

from dataclasses import dataclass

from evertrain.domain.release.registry import (
    JudgedArtifact,
    ModelVersion,
    UnknownVersion,
    VersionStatus,
    version_name,
)
from evertrain.domain.training.evaluation import Contender, Evaluation
from evertrain.domain.training.gate import judge_contender, margin_of
from evertrain.ports.clock import Clock
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """`expected_champion`: against whom the version was judged, so whom alone it may replace."""

    version: ModelVersion
    expected_champion: str | None


@dataclass(frozen=True, kw_only=True)
class RegisterVersion:
    runs: RunStore
    registry: ModelRegistry
    clock: Clock

    def run(self, plan_uri: str) -> RegisteredVersion:
        """A repeat answers the version as it was registered first."""
        plan = self.runs.plan(plan_uri)
        evaluation = self.runs.evaluation(plan)
        final = evaluation.final
        name = version_name(planned_at=plan.planned_at, artifact_sha256=final.artifact_sha256)
        try:
            version = self.registry.version(plan.model, name)
        except UnknownVersion:
            verdict = judge_contender(evaluation, plan.spec.gate)
            version = ModelVersion(
                model=plan.model,
                version=name,
                status=VersionStatus.REGISTERED if verdict.passed else VersionStatus.REJECTED,
                registered_at=self.clock.now(),
                decision_id=plan.decision_id,
                plan_uri=plan_uri,
                artifact_uri=final.artifact_uri,
                artifact_sha256=final.artifact_sha256,
                reference_uri=final.reference_uri,
                smoke_test_uri=final.smoke_test_uri,
                table_versions=plan.table_versions,
                candidate=final.candidate,
                training_set=final.training_set,
                validation=final.validation,
                gate_score=evaluation.contender_score,
                gate=verdict,
                library_versions=final.library_versions,
                code=final.code,
                gain=evaluation.gain(margin=margin_of(plan.spec.gate, evaluation)),
                container_seconds=_container_seconds(evaluation),
                judged=None if evaluation.refit is None else _judged(evaluation.chosen),
            )
            self.registry.register(version)
        return RegisteredVersion(version=version, expected_champion=plan.champion_version)


def _container_seconds(evaluation: Evaluation) -> float:
    fitted = [*evaluation.contenders, *([evaluation.refit] if evaluation.refit else [])]
    return sum(each.training_seconds + SECONDS_TO_START for each in fitted)


SECONDS_TO_START = 60.0
"""Of a container, with reading and converting beside the fit: it is paid for from the image's download on."""


def _judged(chosen: Contender) -> JudgedArtifact:
    return JudgedArtifact(
        artifact_uri=chosen.artifact_uri,
        artifact_sha256=chosen.artifact_sha256,
        trained_until=chosen.window.rows.end,
    )

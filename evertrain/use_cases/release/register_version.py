"""Keeps the chosen contender in the registry with its full lineage; one that the gate refused is kept as rejected."""

from dataclasses import dataclass

from evertrain.domain.release.registry import ModelVersion, UnknownVersion, VersionStatus, version_name
from evertrain.domain.training.gate import judge_contender
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
        chosen = evaluation.chosen
        name = version_name(planned_at=plan.planned_at, artifact_sha256=chosen.artifact_sha256)
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
                artifact_uri=chosen.artifact_uri,
                artifact_sha256=chosen.artifact_sha256,
                reference_uri=chosen.reference_uri,
                smoke_test_uri=chosen.smoke_test_uri,
                table_versions=plan.table_versions,
                candidate=chosen.candidate,
                training_set=chosen.training_set,
                validation=chosen.validation,
                gate_score=evaluation.contender_score,
                gate=verdict,
                library_versions=chosen.library_versions,
                code=chosen.code,
            )
            self.registry.register(version)
        return RegisteredVersion(version=version, expected_champion=plan.champion_version)

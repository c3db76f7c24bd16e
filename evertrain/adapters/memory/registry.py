"""Model registry in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from evertrain.domain.release.registry import (
    MAY_ANSWER,
    Champion,
    ModelVersion,
    RegistryConflict,
    UnknownVersion,
    VersionStatus,
    is_same_content,
)
from evertrain.domain.release.rollout import Rollout
from evertrain.domain.release.tags import changed_tags


@dataclass
class InMemoryModelRegistry:
    _versions: dict[tuple[str, str], ModelVersion] = field(default_factory=dict)
    _history: list[Champion] = field(default_factory=list)
    _rollouts: dict[str, Rollout] = field(default_factory=dict)
    _go_back_to: dict[tuple[str, str], VersionStatus | None] = field(default_factory=dict)

    def register(self, version: ModelVersion) -> None:
        earlier = self._versions.setdefault((version.model, version.version), version)
        if not is_same_content(earlier, version):
            raise RegistryConflict(f"{version.model} {version.version} is registered already, with other content")

    def version(self, model: str, version: str) -> ModelVersion:
        if (model, version) not in self._versions:
            raise UnknownVersion(f"{model} has no version {version}")
        return self._versions[model, version]

    def versions(self, model: str) -> Sequence[ModelVersion]:
        found = [version for (of, _), version in self._versions.items() if of == model]
        return sorted(found, key=lambda version: version.version, reverse=True)

    def models(self) -> Sequence[str]:
        return sorted({model for model, _ in self._versions}, reverse=True)

    def admit(self, model: str, version: str, *, goes_back_to: VersionStatus | None = None) -> None:
        self._set_status(model, version, VersionStatus.REGISTERED)
        self._go_back_to[model, version] = goes_back_to

    def withdraw(self, model: str, version: str, *, leaves_as: VersionStatus = VersionStatus.ROLLED_BACK) -> None:
        if self.version(model, version).status is VersionStatus.REGISTERED:
            self._set_status(model, version, self._go_back_to.get((model, version)) or leaves_as)

    def tag(self, model: str, version: str, *, put: Mapping[str, str], remove: Collection[str]) -> ModelVersion:
        earlier = self.version(model, version)
        tagged = replace(earlier, tags=changed_tags(earlier.tags, put=put, remove=remove))
        self._versions[model, version] = tagged
        return tagged

    def champion(self, model: str) -> Champion | None:
        return next((champion for champion in reversed(self._history) if champion.model == model), None)

    def promote(
        self,
        champion: Champion,
        *,
        expected_champion: str | None,
        leaves_as: VersionStatus = VersionStatus.RETIRED,
    ) -> None:
        present = self.champion(champion.model)
        if present is not None and (present.version, present.function_version) == (
            champion.version,
            champion.function_version,
        ):
            return
        if (present.version if present else None) != expected_champion:
            raise RegistryConflict(f"the champion of {champion.model} is not {expected_champion}")
        status = self.version(champion.model, champion.version).status
        if status not in MAY_ANSWER:
            raise RegistryConflict(f"{champion.version} of {champion.model} is {status}: it can't be promoted")
        self._set_status(champion.model, champion.version, VersionStatus.CHAMPION)
        if expected_champion and expected_champion != champion.version:
            self._set_status(champion.model, expected_champion, leaves_as)
        self._history.append(champion)

    def begin_step(self, rollout: Rollout) -> None:
        status = self.version(rollout.model, rollout.version).status
        if status not in MAY_ANSWER:
            raise RegistryConflict(f"{rollout.version} of {rollout.model} is {status}: it can't be rolled out")
        self._rollouts[rollout.model] = rollout

    def rollout(self, model: str) -> Rollout | None:
        return self._rollouts.get(model)

    def end_rollout(self, model: str, version: str) -> None:
        if model in self._rollouts and self._rollouts[model].version == version:
            del self._rollouts[model]

    def history(self, model: str) -> Sequence[Champion]:
        return [champion for champion in reversed(self._history) if champion.model == model]

    def champion_at(self, model: str, moment: datetime) -> Champion | None:
        return next((champion for champion in self.history(model) if champion.since <= moment), None)

    def _set_status(self, model: str, version: str, status: VersionStatus) -> None:
        self._versions[model, version] = replace(self.version(model, version), status=status)

"""Model versions, the champion and its history."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from evertrain.domain.release.registry import Champion, ModelVersion, VersionStatus
from evertrain.domain.release.rollout import Rollout


class ModelRegistry(Protocol):
    def register(self, version: ModelVersion) -> None:
        """Keeps the version; a repeat with the same content is harmless."""

    def version(self, model: str, version: str) -> ModelVersion:
        """Raises UnknownVersion."""

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """All of them, the newest first."""

    def models(self) -> Sequence[str]:
        """Every model that ever had a version, whether its folder is still there or not."""

    def admit(self, model: str, version: str, *, goes_back_to: VersionStatus | None = None) -> None:
        """Registered, it may be promoted again. `goes_back_to`: what it is once more if it is withdrawn instead,
        whatever `withdraw` asks for. Raises UnknownVersion."""

    def withdraw(self, model: str, version: str, *, leaves_as: VersionStatus = VersionStatus.ROLLED_BACK) -> None:
        """A registered version becomes rolled back, rejected or held, or what it was before it was admitted, and
        can't be promoted any more. Any other stays as it is."""

    def tag(self, model: str, version: str, *, put: Mapping[str, str], remove: Collection[str]) -> ModelVersion:
        """The version with its tags as they are then, whoever else tags it meanwhile. Raises UnknownVersion,
        InvalidTag."""

    def champion(self, model: str) -> Champion | None: ...

    def promote(
        self,
        champion: Champion,
        *,
        expected_champion: str | None,
        leaves_as: VersionStatus = VersionStatus.RETIRED,
    ) -> None:
        """Champion, its history and both versions' status in one transaction. `leaves_as`: what the champion that
        goes is from now on.

        A repeat succeeds. Raises RegistryConflict when the champion is not the expected one, or the version
        is not registered: it was withdrawn meanwhile, or answered before and was not admitted again.
        """

    def begin_step(self, rollout: Rollout) -> None:
        """The rollout that is under way, as it goes on. A repeat is harmless. Raises RegistryConflict where the
        version may not be rolled out any more, and UnknownVersion."""

    def rollout(self, model: str) -> Rollout | None: ...

    def end_rollout(self, model: str, version: str) -> None:
        """Of this version; another's stays."""

    def history(self, model: str) -> Sequence[Champion]:
        """Every champion there was, the newest first."""

    def champion_at(self, model: str, moment: datetime) -> Champion | None:
        """Which model answered then?"""

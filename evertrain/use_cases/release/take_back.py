"""A person takes the champion back: one that answered before answers again, in one call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evertrain.domain.errors import EvertrainError
from evertrain.domain.release.registry import MAY_ANSWER, Champion, RegistryConflict, VersionStatus, follows_at
from evertrain.ports.clock import Clock
from evertrain.ports.endpoint import Endpoint, Live
from evertrain.ports.registry import ModelRegistry
from evertrain.use_cases.release.roll_out import RollOut


class NothingToTakeBack(EvertrainError):
    """The model has no champion, or the version that is asked for never answered."""

    exit_status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """`champion`: who answers now. `instead_of`: who was champion before; None where it is the same."""

    champion: Champion
    instead_of: str | None


@dataclass(frozen=True, kw_only=True)
class TakeBack:
    """`roll_out`: asks a function version for the predictions from training."""

    registry: ModelRegistry
    endpoint: Endpoint
    roll_out: RollOut
    clock: Clock

    def run(self, model: str, version: str | None = None, *, because: str = "") -> TakenBack:
        """Without a version the newest champion before this one that was not taken back itself.

        Where something else answers too, because a rollout is under way or an earlier call was cut off, the champion
        alone answers again, and that is all. A retraining that is under way was judged against the champion that
        goes: it is rolled back when it comes to its end. Raises NothingToTakeBack, EndpointError where the
        earlier version no longer answers as it did in training, RegistryConflict.
        """
        champion = self.registry.champion(model)
        if champion is None:
            raise NothingToTakeBack(f"{model} has no champion yet: there is nothing to take back")
        alone = Live(function_version=champion.function_version)
        rollout = self.registry.rollout(model)
        under_way = rollout is not None or self.endpoint.live(model) != alone
        if rollout is not None:
            # From now on it can't go a step further, nor the champion itself with new code.
            self.registry.withdraw(model, rollout.version)
            self.registry.end_rollout(model, rollout.version)
        if version == champion.version or (version is None and under_way):
            self.endpoint.point_alias(model, alone)
            return TakenBack(champion=champion, instead_of=None)
        earlier = self._earlier(model, champion, version)
        self.roll_out.smoke_test(model, earlier.version, function_version=earlier.function_version)
        status = self.registry.version(model, earlier.version).status
        if status not in MAY_ANSWER:  # where it is, an earlier call was cut off right here
            self.registry.admit(model, earlier.version, goes_back_to=status)
        restored = replace(earlier, since=follows_at(champion, self.clock.now()), because=because)
        try:
            # The champion first: if this ends here, reconciling points the alias at it, and so does a repeat.
            self.registry.promote(restored, expected_champion=champion.version, leaves_as=VersionStatus.ROLLED_BACK)
        except RegistryConflict:
            self.registry.withdraw(model, earlier.version)
            raise
        self.endpoint.point_alias(model, Live(function_version=restored.function_version))
        return TakenBack(champion=restored, instead_of=champion.version)

    def _earlier(self, model: str, champion: Champion, version: str | None) -> Champion:
        """The newest entry of the history that is meant."""
        earlier = [each for each in self.registry.history(model) if each.version != champion.version]
        if version is not None:
            return self._named(model, earlier, version)
        taken_back = {
            each.version for each in self.registry.versions(model) if each.status is VersionStatus.ROLLED_BACK
        }
        for each in earlier:
            if each.version not in taken_back:
                return each
        raise NothingToTakeBack(f"{model} has no champion before {champion.version} that was not taken back itself")

    def _named(self, model: str, earlier: Sequence[Champion], version: str) -> Champion:
        for each in earlier:
            if each.version == version:
                return each
        answered = ", ".join(dict.fromkeys(each.version for each in earlier)) or "none but the champion"
        raise NothingToTakeBack(f"{version} of {model} has never answered; these have: {answered}")

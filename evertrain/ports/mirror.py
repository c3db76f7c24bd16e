"""Another registry, which shows what ours holds."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.release.mirrored import MirroredVersion


class MirrorRefused(EvertrainError):
    """The other registry can't be reached, or refuses what it was asked."""


class RegistryMirror(Protocol):
    """Every call may be repeated. All raise MirrorRefused."""

    def versions(self, model: str) -> Sequence[MirroredVersion]:
        """All there are, by number; none where the model is not known there yet."""

    def create(self, model: str, *, source: str, tags: Mapping[str, str]) -> None:
        """A version with its tags, at once; and the model, where it is not known yet."""

    def delete(self, model: str, number: int) -> None:
        """Harmless where it is gone."""

    def set_tag(self, model: str, number: int, key: str, value: str) -> None: ...

    def delete_tag(self, model: str, number: int, key: str) -> None:
        """Harmless where it is gone."""

    def alias(self, model: str, name: str) -> int | None:
        """The number that the alias stands for; None where there is none."""

    def set_alias(self, model: str, name: str, number: int) -> None: ...

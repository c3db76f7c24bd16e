"""Another registry in memory, which numbers its versions as MLflow does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from evertrain.domain.release.mirrored import MirroredVersion


@dataclass
class InMemoryMirror:
    """`written`: how many calls changed something."""

    written: int = 0
    _versions: dict[tuple[str, int], MirroredVersion] = field(default_factory=dict)
    _aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def versions(self, model: str) -> Sequence[MirroredVersion]:
        return sorted((each for (of, _), each in self._versions.items() if of == model), key=lambda each: each.number)

    def create(self, model: str, *, source: str, tags: Mapping[str, str]) -> None:  # noqa: ARG002  # nobody reads it
        number = self._counts[model] = self._counts.get(model, 0) + 1
        self._versions[model, number] = MirroredVersion(number=number, tags=dict(tags))
        self.written += 1

    def delete(self, model: str, number: int) -> None:
        self._versions.pop((model, number), None)
        self._aliases = {of: at for of, at in self._aliases.items() if (of[0], at) != (model, number)}
        self.written += 1

    def set_tag(self, model: str, number: int, key: str, value: str) -> None:
        shown = self._versions[model, number]
        self._versions[model, number] = replace(shown, tags={**shown.tags, key: value})
        self.written += 1

    def delete_tag(self, model: str, number: int, key: str) -> None:
        shown = self._versions[model, number]
        self._versions[model, number] = replace(shown, tags={k: v for k, v in shown.tags.items() if k != key})
        self.written += 1

    def alias(self, model: str, name: str) -> int | None:
        return self._aliases.get((model, name))

    def set_alias(self, model: str, name: str, number: int) -> None:
        self._aliases[model, name] = number
        self.written += 1

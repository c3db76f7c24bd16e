"""Makes another registry show what ours holds: read afresh each time, and only what differs is written.

So an event that was lost, doubled or late changes nothing, and the next look mends what an earlier one left undone.
Two looks at the same time may register a version twice; whoever sees that keeps the first.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from evertrain.domain.release.mirrored import CHAMPION_ALIAS, MirroredVersion, mirrored_tags, stale_tags
from evertrain.domain.release.registry import ModelVersion
from evertrain.ports.mirror import RegistryMirror
from evertrain.ports.registry import ModelRegistry


@dataclass(frozen=True, kw_only=True)
class MirrorRegistry:
    registry: ModelRegistry
    mirror: RegistryMirror

    def run(self, model: str) -> tuple[str, ...]:
        """What was written, in words. Raises MirrorRefused."""
        return tuple(self._mirror(model))

    def _mirror(self, model: str) -> Iterator[str]:
        # The champion before the versions: what is promoted meanwhile is the next look's.
        champion, versions = self.registry.champion(model), self.registry.versions(model)
        shown = {each.version for each in self.mirror.versions(model)}
        for version in reversed(versions):
            if version.version not in shown:
                self.mirror.create(model, source=version.artifact_uri, tags=mirrored_tags(version))
                yield f"registered {version.version}"
        first = yield from self._without_doubles(model)
        for version in versions:
            if version.version in first:
                yield from self._mirror_tags(version, first[version.version])
        if champion is None or champion.version not in first:
            return
        number = first[champion.version].number
        if self.mirror.alias(model, CHAMPION_ALIAS) != number:
            self.mirror.set_alias(model, CHAMPION_ALIAS, number)
            yield f"{champion.version} is {CHAMPION_ALIAS}"

    def _without_doubles(self, model: str) -> Generator[str, None, dict[str, MirroredVersion]]:
        """By our name, the first that was registered of each."""
        first: dict[str, MirroredVersion] = {}
        for each in self.mirror.versions(model):
            if not each.version:
                continue
            if first.setdefault(each.version, each) is not each:
                self.mirror.delete(model, each.number)
                yield f"deleted the second {each.version}"
        return first

    def _mirror_tags(self, version: ModelVersion, shown: MirroredVersion) -> Iterator[str]:
        wanted = mirrored_tags(version)
        for key in stale_tags(shown.tags, wanted):
            self.mirror.delete_tag(version.model, shown.number, key)
            yield f"{version.version}: no {key}"
        for key, value in wanted.items():
            if shown.tags.get(key) != value:
                self.mirror.set_tag(version.model, shown.number, key, value)
                yield f"{version.version}: {key}={value}"

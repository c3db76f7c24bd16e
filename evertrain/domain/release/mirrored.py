"""What another registry is to say of our versions: tags, and an alias for the champion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from evertrain.domain.release.registry import ModelVersion
from evertrain.domain.release.tags import RESERVED_PREFIX

VERSION_TAG = f"{RESERVED_PREFIX}version"
"""By which a mirrored version is found again, since the other registry numbers its versions itself."""

TAG_KEYS = f"{RESERVED_PREFIX}tags"
"""Keys of the tags that a person set here, so that one that is removed here is removed there."""

CHAMPION_ALIAS = "champion"


@dataclass(frozen=True, slots=True, kw_only=True)
class MirroredVersion:
    """`number`: as the other registry has it, counted from 1. `tags`: all of them, also those that were set there."""

    number: int
    tags: Mapping[str, str]

    @property
    def version(self) -> str:
        """Ours; empty of a version that somebody else registered there."""
        return self.tags.get(VERSION_TAG, "")


def mirrored_tags(version: ModelVersion) -> dict[str, str]:
    """What the other registry is to say of a version; its owner's tags go by their own names."""
    score, chosen = version.gate_score, version.validation
    own = {
        "version": version.version,
        "status": version.status.value,
        "registered_at": version.registered_at.isoformat(),
        "decision": version.decision_id,
        "artifact_sha256": version.artifact_sha256,
        "training_rows_sha256": version.training_set.sha256,
        "rows": str(version.rows),
        "window": str(version.candidate),
        "rows_from": version.window.start.isoformat(),
        "rows_until": version.window.end.isoformat(),
        "gate.passed": str(version.gate.passed).lower(),
        "gate.reason": version.gate.reason.value,
        "gate.sentence": version.gate.sentence,
        f"gate.{score.metric}": f"{score.value:.6g}",
        f"gate.{score.metric}.low": f"{score.low:.6g}",
        f"gate.{score.metric}.high": f"{score.high:.6g}",
        f"validation.{chosen.metric}": f"{chosen.value:.6g}",
        "tags": ",".join(version.tags),
    }
    # An empty value is none to MLflow.
    return {f"{RESERVED_PREFIX}{key}": value for key, value in own.items() if value} | dict(version.tags)


def stale_tags(present: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Keys that were mirrored and are no longer wanted. Those that others set there are left alone."""
    ours = {key for key in present if key.startswith(RESERVED_PREFIX)}
    ours |= set(present.get(TAG_KEYS, "").split(",")) & set(present)
    return sorted(ours - set(wanted))

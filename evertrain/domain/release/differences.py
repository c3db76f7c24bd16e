"""What two versions of a model have in common, and what not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evertrain.domain.release.registry import ModelVersion


@dataclass(frozen=True, slots=True)
class Difference:
    """`what`: as people say it. `first`, `second`: of either version; None where it has none."""

    what: str
    first: str | None
    second: str | None


def differences(first: ModelVersion, second: ModelVersion) -> list[Difference]:
    """In the order of a retraining: why, on which rows, with which settings and code, how good.

    Scores of two versions rest on different rows, unless the gate slices are the same.
    """
    told = [dict(_told(version)) for version in (first, second)]
    names = dict.fromkeys([*told[0], *told[1]])
    pairs = ((name, told[0].get(name), told[1].get(name)) for name in names)
    return [Difference(name, one, other) for name, one, other in pairs if one != other]


def _told(version: ModelVersion) -> Iterator[tuple[str, str]]:
    training_set, window = version.training_set, version.candidate.window
    yield "status", version.status.value
    yield "registered", f"{version.registered_at:%Y-%m-%d %H:%M}"
    yield "decision", version.decision_id
    yield "window", window.name
    yield "rows from", f"{window.rows.start:%Y-%m-%d}"
    yield "rows until", f"{window.rows.end:%Y-%m-%d}"
    yield "rows", f"{training_set.count:,}"
    yield "digest of the rows", training_set.sha256[:12]
    yield from _prefixed("version of", version.table_versions)
    yield from _prefixed("parameter", version.candidate.parameters)
    yield from _prefixed("code of", version.code)
    yield from _prefixed("library", version.library_versions)
    yield "artifact", version.artifact_sha256[:12]
    yield f"{version.validation.metric} on validation", f"{version.validation.value:.4f}"
    yield f"{version.gate_score.metric} on the gate slice", f"{version.gate_score.value:.4f}"
    yield "the gate", version.gate.sentence
    yield from _prefixed("tag", version.tags)


def _prefixed(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        yield f"{prefix} {name}", str(value)[:60]

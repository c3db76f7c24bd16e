"""Content-addressed objects: models, references, smoke tests, reports."""

from dataclasses import dataclass
from typing import Protocol

from evertrain.domain.errors import EvertrainError


class ArtifactNotFound(EvertrainError):
    """No object at this URI."""


class ArtifactDigestMismatch(EvertrainError):
    """The object's bytes are not the ones that were registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifact:
    uri: str
    sha256: str
    size: int
    """Bytes."""


class ArtifactStore(Protocol):
    def get(self, uri: str, *, expected_sha256: str | None = None) -> bytes:
        """What `put` stored is checked against its name, the rest against `expected_sha256` where that is known.

        Raises ArtifactNotFound, ArtifactDigestMismatch.
        """

    def put(self, data: bytes, *, prefix: str, suffix: str) -> StoredArtifact:
        """At `<prefix>/<sha256><suffix>`; storing the same bytes again is harmless."""

    def put_named(self, data: bytes, *, key: str) -> str:
        """At a key of the caller's choice, replacing what is there; returns the URI."""

"""Artifacts in memory."""

from dataclasses import dataclass, field
from hashlib import sha256

from evertrain.ports.artifacts import ArtifactDigestMismatch, ArtifactNotFound, StoredArtifact


@dataclass
class InMemoryArtifactStore:
    objects: dict[str, bytes] = field(default_factory=dict)

    def get(self, uri: str, *, expected_sha256: str | None = None) -> bytes:
        if uri not in self.objects:
            raise ArtifactNotFound(f"{uri} is not there")
        data = self.objects[uri]
        name = uri.rpartition("/")[2].partition(".")[0]
        expected = expected_sha256 or (name if len(name) == 64 else None)
        if expected is not None and sha256(data).hexdigest() != expected:
            raise ArtifactDigestMismatch(f"{uri} has another digest")
        return data

    def put(self, data: bytes, *, prefix: str, suffix: str) -> StoredArtifact:
        digest = sha256(data).hexdigest()
        return StoredArtifact(
            uri=self.put_named(data, key=f"{prefix}/{digest}{suffix}"), sha256=digest, size=len(data)
        )

    def put_named(self, data: bytes, *, key: str) -> str:
        uri = f"s3://artifacts/{key}"
        self.objects[uri] = data
        return uri

"""Artifacts in S3. Used by the endpoint too: nothing but boto3 and the standard library."""

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from evertrain.ports.artifacts import ArtifactDigestMismatch, ArtifactNotFound, StoredArtifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3ArtifactStore:
    """Reads any `s3://` URI that its client may read; writes to `bucket`."""

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, uri: str, *, expected_sha256: str | None = None) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            data = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey as error:
            raise ArtifactNotFound(f"{uri} is not there") from error
        expected = expected_sha256 or _digest_in_name(key)
        if expected is not None and (found := sha256(data).hexdigest()) != expected:
            raise ArtifactDigestMismatch(f"{uri} has the digest {found[:12]}…, not {expected[:12]}…")
        return data

    def put(self, data: bytes, *, prefix: str, suffix: str) -> StoredArtifact:
        digest = sha256(data).hexdigest()
        uri = self.put_named(data, key=f"{prefix}/{digest}{suffix}")
        return StoredArtifact(uri=uri, sha256=digest, size=len(data))

    def put_named(self, data: bytes, *, key: str) -> str:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data)
        return f"s3://{self._bucket}/{key}"


def _digest_in_name(key: str) -> str | None:
    """
    >>> _digest_in_name(f"references/trips/{'ab' * 32}.bin") == "ab" * 32, _digest_in_name("runs/trips/plan.json")
    (True, None)
    """
    named = re.search(r"(?:^|/)([0-9a-f]{64})\.[^/]*$", key)
    return named[1] if named else None

"""Copies of objects that were set aside, in S3, each beside a JSON of the reasons."""

from typing import TYPE_CHECKING, Any, BinaryIO

from evertrain.adapters.documents import dump
from evertrain.domain.landing.batches import LandedObject, Quarantine

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3QuarantineStore:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, quarantine: Quarantine, body: BinaryIO) -> str:
        body.seek(0)
        self._client.put_object(Bucket=self._bucket, Key=f"{_folder(quarantine)}/object", Body=body)
        return self._put_reasons(quarantine)

    def copy(self, quarantine: Quarantine, landed: LandedObject) -> str:
        source: Any = {"Bucket": landed.bucket, "Key": landed.key}
        # In parts where it must: a single copy takes 5 GB. Copying tags would need permissions of its own.
        without_tags = {"TaggingDirective": "REPLACE"}
        self._client.copy(source, self._bucket, f"{_folder(quarantine)}/object", ExtraArgs=without_tags)
        return self._put_reasons(quarantine)

    def _put_reasons(self, quarantine: Quarantine) -> str:
        folder = _folder(quarantine)
        self._client.put_object(
            Bucket=self._bucket, Key=f"{folder}/reasons.json", Body=dump(quarantine), ContentType="application/json"
        )
        return f"s3://{self._bucket}/{folder}/object"


def _folder(quarantine: Quarantine) -> str:
    return f"{quarantine.source_key}/{quarantine.batch_id}"

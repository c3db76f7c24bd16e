"""Landed objects, their copies in quarantine, and normalised batch files, in S3."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from evertrain.adapters.documents import dump
from evertrain.domain.batches import Feed, LandedObject, Quarantine
from evertrain.ports.batches import ObjectGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3LandingZone:
    def __init__(self, *, client: "S3Client") -> None:
        self._client = client

    def read(self, landed: LandedObject) -> bytes:
        try:
            return self._client.get_object(Bucket=landed.bucket, Key=landed.key)["Body"].read()
        except self._client.exceptions.NoSuchKey as error:
            raise ObjectGone(f"s3://{landed.bucket}/{landed.key} is gone") from error


class S3QuarantineStore:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, quarantine: Quarantine, body: bytes) -> str:
        folder = f"{quarantine.source_key}/{quarantine.batch_id}"
        self._client.put_object(Bucket=self._bucket, Key=f"{folder}/object", Body=body)
        self._client.put_object(
            Bucket=self._bucket, Key=f"{folder}/reasons.json", Body=dump(quarantine), ContentType="application/json"
        )
        return f"s3://{self._bucket}/{folder}/object"


class S3BatchFiles:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_if_absent(self, feed: Feed, path: str, data: bytes) -> bytes:
        key = f"tables/{feed}/{path}"
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return data

"""Landed objects, their copies in quarantine, and normalised batch files, in S3."""

import io
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from evertrain.adapters.documents import dump
from evertrain.adapters.temporary_files import temporary_file
from evertrain.domain.batches import Feed, LandedObject, Quarantine
from evertrain.ports.batches import ObjectGone
from evertrain.ports.feature_store import StoredFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1 << 20
_INGESTED_AT = "ingested-at"


class S3LandingZone:
    def __init__(self, *, client: "S3Client") -> None:
        self._client = client

    def read(self, landed: LandedObject) -> BinaryIO:
        try:
            body = self._client.get_object(Bucket=landed.bucket, Key=landed.key)["Body"]
        except self._client.exceptions.NoSuchKey as error:
            raise ObjectGone(f"s3://{landed.bucket}/{landed.key} is gone") from error
        file = temporary_file()
        shutil.copyfileobj(body, file, _CHUNK)
        file.seek(0)
        return file


class S3Landing:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)


class S3QuarantineStore:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, quarantine: Quarantine, body: BinaryIO) -> str:
        body.seek(0)
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

    def put_if_absent(self, feed: Feed, path: str, file: BinaryIO, *, ingested_at: datetime) -> StoredFile:
        key, stamp = f"tables/{feed}/{path}", {_INGESTED_AT: ingested_at.isoformat()}
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=file, Metadata=stamp, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            there = self._client.head_object(Bucket=self._bucket, Key=key)
            earlier = datetime.fromisoformat(there["Metadata"][_INGESTED_AT])
            return StoredFile(size=there["ContentLength"], ingested_at=earlier)
        return StoredFile(size=size, ingested_at=ingested_at)

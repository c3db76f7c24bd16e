"""Normalised batch files in S3, where their table will find them."""

import io
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from evertrain.domain.deployment.prefixes import TABLES_PREFIX
from evertrain.domain.landing.batches import Feed
from evertrain.ports.feature_store import StoredFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_INGESTED_AT = "ingested-at"


class S3BatchFiles:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_if_absent(self, feed: Feed, path: str, file: BinaryIO, *, ingested_at: datetime) -> StoredFile:
        key, stamp = f"{TABLES_PREFIX}/{feed}/{path}", {_INGESTED_AT: ingested_at.isoformat()}
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

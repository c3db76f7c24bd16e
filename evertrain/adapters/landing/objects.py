"""Landed objects in S3: as they are read, and as anyone may land them."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from evertrain.adapters.landing.temporary_files import open_temporary_file
from evertrain.domain.landing.batches import LandedObject
from evertrain.ports.batches import ObjectGone

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_CHUNK_BYTES = 1 << 20

LANDED_AT = "landed-at"
"""Metadata of an object that is landed again: when it landed first, from which time it counts as known."""


class S3LandingZone:
    def __init__(self, *, client: "S3Client") -> None:
        self._client = client

    def read(self, landed: LandedObject) -> BinaryIO:
        body = self._get(landed)
        file = open_temporary_file()
        shutil.copyfileobj(body, file, _CHUNK_BYTES)
        file.seek(0)
        return file

    def size(self, landed: LandedObject) -> int:
        return self._head(landed)["ContentLength"]

    def landed_at(self, landed: LandedObject) -> datetime:
        found = self._head(landed)
        earlier = found["Metadata"].get(LANDED_AT)
        return min(found["LastModified"], datetime.fromisoformat(earlier)) if earlier else found["LastModified"]

    def chunks(self, landed: LandedObject) -> Iterator[bytes]:
        yield from self._get(landed).iter_chunks(_CHUNK_BYTES)

    def read_ranges(self, landed: LandedObject, *ranges: tuple[int, int]) -> BinaryIO:
        size = self.size(landed)
        # A sparse file, not a spooled one: ranges that are not written take no disk space.
        file = cast("BinaryIO", TemporaryFile())  # noqa: SIM115  # its user closes it
        try:
            file.truncate(size)
            for offset, length in ranges:
                file.seek(offset)
                shutil.copyfileobj(
                    self._get(landed, Range=f"bytes={offset}-{offset + length - 1}"), file, _CHUNK_BYTES
                )
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _head(self, landed: LandedObject) -> "HeadObjectOutputTypeDef":
        try:
            return self._client.head_object(Bucket=landed.bucket, Key=landed.key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise
            raise _object_gone(landed) from error

    def _get(self, landed: LandedObject, **options: Any) -> "StreamingBody":
        try:
            return self._client.get_object(Bucket=landed.bucket, Key=landed.key, **options)["Body"]
        except self._client.exceptions.NoSuchKey as error:
            raise _object_gone(landed) from error


class S3LandingWriter:
    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)


def _object_gone(landed: LandedObject) -> ObjectGone:
    return ObjectGone(f"s3://{landed.bucket}/{landed.key} is gone")

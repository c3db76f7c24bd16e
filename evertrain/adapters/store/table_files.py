"""Data files of the store's tables, by their paths in the log: removed where they are still there.

Vacuum goes by the log alone and would delete files that are gone already. In a versioned bucket each such delete
leaves a marker.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertrain.domain.deployment.prefixes import TABLES_PREFIX
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Feed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_KEYS = 1000
"""As many objects as S3 deletes for one request."""


class FilesNotRemoved(EvertrainError):
    """The bucket kept files that no version of a table needs."""


@dataclass(frozen=True, kw_only=True)
class FolderTableFiles:
    """Implements `ports.feature_store.TableFiles` below a folder."""

    root: Path

    def remove(self, feed: Feed, paths: Sequence[str]) -> int:
        there = [file for path in paths if (file := self.root / str(feed) / path).exists()]
        for file in there:
            file.unlink()
        return len(there)


@dataclass(frozen=True, kw_only=True)
class S3TableFiles:
    """Implements `ports.feature_store.TableFiles` below `tables/`. Raises FilesNotRemoved."""

    client: "S3Client"
    bucket: str

    def remove(self, feed: Feed, paths: Sequence[str]) -> int:
        keys = {f"{TABLES_PREFIX}/{feed}/{path}" for path in paths}
        folders = sorted({key.rpartition("/")[0] for key in keys})
        there = [key for folder in folders for key in self._keys(f"{folder}/") if key in keys]
        for start in range(0, len(there), _MAX_KEYS):
            self._delete(there[start : start + _MAX_KEYS])
        return len(there)

    def _keys(self, folder: str) -> Iterator[str]:
        """Of the folder itself: a table's log lies below it, and is long."""
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=folder, Delimiter="/"):
            yield from (each["Key"] for each in page.get("Contents", ()))

    def _delete(self, keys: Sequence[str]) -> None:
        objects: Any = [{"Key": key} for key in keys]
        answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
        # Refusals of single objects come with an answer that is well otherwise.
        for error in answer.get("Errors", ()):
            raise FilesNotRemoved(f"{error.get('Key')} was not removed from {self.bucket}: {error.get('Code')}")

"""S3: an object's bytes are on disk, once."""

from typing import Any

from ministack.services import s3

from localcloud.patches.patching import replaces


def keep_bodies_on_disk_only() -> None:
    """ministack also keeps each version of a versioned bucket in memory, until a restart reads them from disk."""

    @replaces(s3, "_persist_object")
    def persist_object(original: Any, bucket: str, key: str, record: Any) -> None:
        original(bucket, key, record)
        if isinstance(record, dict) and record.get("body") is None:  # None: it was written
            for version in s3._object_versions.get((bucket, key)) or []:
                if version["version_id"] == (record.get("version_id") or "null"):
                    version["data"] = None

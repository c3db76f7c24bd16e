"""Files of a table are removed where they are there: nothing else is touched, and nothing is removed twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from evertrain.adapters.store.table_files import FilesNotRemoved, FolderTableFiles, S3TableFiles
from evertrain.ports.feature_store import TableFiles
from tests.builders.batches import FEATURES, LABELS

MERGED = "ingested_month=2013-04/part-1.parquet"

Put = Callable[[str], object]


@pytest.fixture
def s3(aws: boto3.Session) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket="store")
    client.put_bucket_versioning(Bucket="store", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture(params=["in a folder", "in a bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[TableFiles, Put]:
    if request.param == "in a bucket":
        s3 = request.getfixturevalue("s3")
        return S3TableFiles(client=s3, bucket="store"), lambda path: s3.put_object(
            Bucket="store", Key=f"tables/{path}"
        )

    def put(path: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    return FolderTableFiles(root=tmp_path), put


def test_those_that_are_there_are_removed_and_counted(files: tuple[TableFiles, Put]) -> None:
    there, put = files
    for path in ("batch-1.parquet", "batch-2.parquet", MERGED, "_delta_log/0.json"):
        put(f"{FEATURES}/{path}")
    assert there.remove(FEATURES, []) == 0
    assert there.remove(LABELS, ["batch-1.parquet"]) == 0
    assert there.remove(FEATURES, ["batch-1.parquet", MERGED, "batch-3.parquet"]) == 2
    assert there.remove(FEATURES, ["batch-1.parquet", "batch-2.parquet", MERGED]) == 1


def test_more_files_than_one_request_takes_are_removed(s3: Any) -> None:
    paths = [f"batch-{number}.parquet" for number in range(1_001)]
    for path in paths:
        s3.put_object(Bucket="store", Key=f"tables/{FEATURES}/{path}")
    assert S3TableFiles(client=s3, bucket="store").remove(FEATURES, paths) == 1_001
    assert s3.list_objects_v2(Bucket="store")["KeyCount"] == 0


def test_a_file_that_is_gone_leaves_no_second_marker(s3: Any) -> None:
    files = S3TableFiles(client=s3, bucket="store")
    s3.put_object(Bucket="store", Key=f"tables/{FEATURES}/batch-1.parquet")
    for _ in range(2):
        files.remove(FEATURES, ["batch-1.parquet", "batch-2.parquet"])
    assert len(s3.list_object_versions(Bucket="store")["DeleteMarkers"]) == 1


def test_a_refusal_is_told_with_the_file_s_name(s3: Any) -> None:
    key = f"tables/{FEATURES}/batch-1.parquet"
    refusing = boto3.client("s3", region_name="us-east-1")
    files = S3TableFiles(client=refusing, bucket="store")
    with Stubber(refusing) as stub:
        stub.add_response("list_objects_v2", {"Contents": [{"Key": key}]})
        stub.add_response("delete_objects", {"Errors": [{"Key": key, "Code": "AccessDenied"}]})
        with pytest.raises(FilesNotRemoved, match=rf"{key} .* AccessDenied"):
            files.remove(FEATURES, ["batch-1.parquet"])

"""Landed bytes are read as they are; batch files are written once; quarantine keeps object and reasons together."""

import io
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from evertrain.adapters.landing.objects import LANDED_AT, S3LandingZone
from evertrain.adapters.landing.quarantine import S3QuarantineStore
from evertrain.adapters.memory.batches import InMemoryBatchFiles, InMemoryLandingZone, InMemoryQuarantineStore
from evertrain.adapters.store.batch_files import S3BatchFiles
from evertrain.domain.landing.batches import LandedObject
from evertrain.ports.batches import LandingZone, ObjectGone, QuarantineStore
from evertrain.ports.feature_store import BatchFiles, StoredFile
from tests.builders.batches import FEATURES, LABELS, a_quarantine
from tests.builders.models import NOW, days

LANDED = LandedObject(bucket="landing", key="features/trips/2013 04 01+a.parquet")


@pytest.fixture
def s3(aws: boto3.Session) -> Any:
    client = aws.client("s3")
    for bucket in ("landing", "quarantine", "store"):
        client.create_bucket(Bucket=bucket)
    return client


@pytest.fixture(params=["memory", "s3"])
def landing(request: pytest.FixtureRequest) -> LandingZone:
    if request.param == "memory":
        return InMemoryLandingZone(objects={LANDED: b"rows"})
    s3 = request.getfixturevalue("s3")
    s3.put_object(Bucket=LANDED.bucket, Key=LANDED.key, Body=b"rows")
    return S3LandingZone(client=s3)


@pytest.fixture(params=["memory", "s3"])
def files(request: pytest.FixtureRequest) -> BatchFiles:
    if request.param == "memory":
        return InMemoryBatchFiles()
    return S3BatchFiles(client=request.getfixturevalue("s3"), bucket="store")


@pytest.fixture(params=["memory", "s3"])
def quarantine_store(request: pytest.FixtureRequest) -> QuarantineStore:
    if request.param == "memory":
        return InMemoryQuarantineStore()
    return S3QuarantineStore(client=request.getfixturevalue("s3"), bucket="quarantine")


def test_a_landed_object_is_read_as_it_is(landing: LandingZone) -> None:
    with landing.read(LANDED) as body:
        assert body.read() == b"rows"
        assert body.seek(0) == 0


def test_an_object_that_is_gone_is_told(landing: LandingZone) -> None:
    with pytest.raises(ObjectGone, match="other"):
        landing.read(LandedObject(bucket="landing", key="features/trips/other"))


def test_spans_of_an_object_lie_where_they_are_in_it(landing: LandingZone) -> None:
    assert landing.size(LANDED) == 4
    assert b"".join(landing.chunks(LANDED)) == b"rows"
    with landing.read_ranges(LANDED, (1, 1), (3, 1)) as body:
        assert body.read() == b"\0o\0s"


def test_when_an_object_landed_is_told(landing: LandingZone) -> None:
    assert landing.landed_at(LANDED) == landing.landed_at(LANDED)
    assert landing.landed_at(LANDED) > NOW


def test_what_is_landed_again_landed_when_it_did_at_first(s3: Any) -> None:
    for told, expected in ((NOW, NOW), (NOW + days(99_999), None)):
        s3.put_object(Bucket=LANDED.bucket, Key=LANDED.key, Body=b"rows", Metadata={LANDED_AT: told.isoformat()})
        last_modified = s3.head_object(Bucket=LANDED.bucket, Key=LANDED.key)["LastModified"]
        assert S3LandingZone(client=s3).landed_at(LANDED) == (expected or last_modified)


def test_of_an_object_that_is_gone_there_is_neither_size_nor_span(landing: LandingZone) -> None:
    gone = LandedObject(bucket="landing", key="features/trips/other")
    for ask in (landing.size, landing.landed_at, landing.read_ranges, lambda landed: list(landing.chunks(landed))):
        with pytest.raises(ObjectGone, match="other"):
            ask(gone)


def test_the_first_writer_of_a_batch_file_wins_and_later_ones_are_told_its_size_and_time(files: BatchFiles) -> None:
    first = files.put_if_absent(FEATURES, "batch-1.parquet", io.BytesIO(b"first"), ingested_at=NOW)
    assert first == StoredFile(size=5, ingested_at=NOW)
    later = io.BytesIO(b"the second")
    later.read()  # whoever read it before need not rewind it
    assert files.put_if_absent(FEATURES, "batch-1.parquet", later, ingested_at=NOW + days(1)) == first
    of_labels = files.put_if_absent(LABELS, "batch-1.parquet", later, ingested_at=NOW + days(1))
    assert of_labels == StoredFile(size=10, ingested_at=NOW + days(1))


def test_what_else_s3_refuses_is_not_taken_for_an_earlier_writer(s3: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3BatchFiles(client=s3, bucket="elsewhere").put_if_absent(
            FEATURES, "batch-1.parquet", io.BytesIO(b"rows"), ingested_at=NOW
        )
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3LandingZone(client=s3).read(LandedObject(bucket="elsewhere", key=LANDED.key))


def test_putting_into_quarantine_twice_gives_the_same_place(quarantine_store: QuarantineStore) -> None:
    first = quarantine_store.put(a_quarantine(), io.BytesIO(b"half a file"))
    assert quarantine_store.put(a_quarantine(), io.BytesIO(b"half a file")) == first
    assert a_quarantine().source_key in first


def test_an_object_is_copied_into_quarantine_without_being_read(s3: Any) -> None:
    s3.put_object(Bucket=LANDED.bucket, Key=LANDED.key, Body=b"a huge file")
    store = S3QuarantineStore(client=s3, bucket="quarantine")
    bucket, _, key = store.copy(a_quarantine(), LANDED).removeprefix("s3://").partition("/")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"a huge file"
    assert s3.get_object(Bucket=bucket, Key=key.replace("/object", "/reasons.json"))


def test_an_object_s_tags_stay_behind_since_copying_them_needs_permissions_of_its_own(s3: Any) -> None:
    s3.put_object(Bucket=LANDED.bucket, Key=LANDED.key, Body=b"a huge file", Tagging="team=flights")
    uri = S3QuarantineStore(client=s3, bucket="quarantine").copy(a_quarantine(), LANDED)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == []


def test_quarantine_keeps_the_object_beside_its_reasons(s3: Any) -> None:
    uri = S3QuarantineStore(client=s3, bucket="quarantine").put(a_quarantine(), io.BytesIO(b"half a file"))
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"half a file"
    reasons = json.loads(s3.get_object(Bucket=bucket, Key=key.replace("/object", "/reasons.json"))["Body"].read())
    assert [fault["code"] for fault in reasons["faults"]] == ["unparsable"]

"""Drift records are found again under model, version and batch, and in S3 they can be read by people, too."""

import json
from dataclasses import replace

import boto3
import pytest

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.memory.drift_records import InMemoryDriftRecords
from evertrain.adapters.monitoring.drift_records import S3DriftRecords
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.ports.drift_records import DriftRecords
from tests.builders.models import a_verdict

VERDICT = a_verdict(days_ago=1)


@pytest.fixture(params=["memory", "s3"])
def records(request: pytest.FixtureRequest) -> DriftRecords:
    if request.param == "memory":
        return InMemoryDriftRecords()
    aws: boto3.Session = request.getfixturevalue("aws")
    client = aws.client("s3")
    client.create_bucket(Bucket="artifacts")
    return S3DriftRecords(artifacts=S3ArtifactStore(client=client, bucket="artifacts"), root="s3://artifacts")


def found(records: DriftRecords, verdict: DriftVerdict) -> bytes | None:
    return records.find_sketch(model=verdict.model, version=verdict.reference_version, batch_id=verdict.batch_id)


def test_a_sketch_may_be_kept_without_a_verdict(records: DriftRecords) -> None:
    records.save_sketch(b"counts", model="trips", version="v1", batch_id="b9")
    assert records.find_sketch(model="trips", version="v1", batch_id="b9") == b"counts"


def test_a_kept_sketch_is_found_again(records: DriftRecords) -> None:
    records.save(VERDICT, sketch=b"counts", page=lambda: "<p>")
    assert found(records, VERDICT) == b"counts"


def test_keeping_again_is_harmless(records: DriftRecords) -> None:
    for _ in range(2):
        records.save(VERDICT, sketch=b"counts", page=lambda: "<p>")
    assert found(records, VERDICT) == b"counts"


@pytest.mark.parametrize("other", [{"model": "x"}, {"reference_version": "v2"}, {"batch_id": "y"}])
def test_another_model_version_or_batch_has_its_own(records: DriftRecords, other: dict[str, str]) -> None:
    records.save(VERDICT, sketch=b"counts", page=lambda: "<p>")
    assert found(records, replace(VERDICT, **other)) is None


def test_in_s3_a_page_and_a_document_lie_beside_the_sketch(aws: boto3.Session) -> None:
    client = aws.client("s3")
    client.create_bucket(Bucket="artifacts")
    artifacts = S3ArtifactStore(client=client, bucket="artifacts")
    S3DriftRecords(artifacts=artifacts, root="s3://artifacts").save(VERDICT, sketch=b"counts", page=lambda: "<p>ü")
    place = f"s3://artifacts/drift/{VERDICT.model}/{VERDICT.reference_version}/{VERDICT.batch_id}"
    assert artifacts.get(f"{place}.html").decode() == "<p>ü"
    assert json.loads(artifacts.get(f"{place}.json"))["status"] == VERDICT.status.value

"""Artifacts are stored by their content and checked against it."""

import boto3
import pytest

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.ports.artifacts import ArtifactDigestMismatch, ArtifactNotFound, ArtifactStore


@pytest.fixture(params=["memory", "s3"])
def artifacts(request: pytest.FixtureRequest) -> ArtifactStore:
    if request.param == "memory":
        return InMemoryArtifactStore()
    aws: boto3.Session = request.getfixturevalue("aws")
    client = aws.client("s3")
    client.create_bucket(Bucket="artifacts")
    return S3ArtifactStore(client=client, bucket="artifacts")


def test_what_is_put_is_got_by_its_uri(artifacts: ArtifactStore) -> None:
    stored = artifacts.put(b"trees", prefix="models/trips", suffix=".json.gz")
    assert stored.uri.endswith(f"models/trips/{stored.sha256}.json.gz")
    assert stored.size == 5
    assert artifacts.get(stored.uri, expected_sha256=stored.sha256) == b"trees"


def test_the_same_content_has_the_same_place(artifacts: ArtifactStore) -> None:
    first, second = (artifacts.put(b"trees", prefix="models/trips", suffix=".json.gz") for _ in range(2))
    assert first == second


def test_content_that_is_not_the_registered_one_is_refused(artifacts: ArtifactStore) -> None:
    uri = artifacts.put_named(b"other trees", key="models/trips/x.json.gz")
    with pytest.raises(ArtifactDigestMismatch, match=r"x\.json\.gz"):
        artifacts.get(uri, expected_sha256="0" * 64)


@pytest.mark.parametrize("suffix", [".reference", ".json.gz", ".json"])
def test_content_is_checked_against_the_name_that_it_was_stored_under(artifacts: ArtifactStore, suffix: str) -> None:
    stored = artifacts.put(b"what the champion learnt from", prefix="references/trips", suffix=suffix)
    artifacts.put_named(b"something else", key=stored.uri.removeprefix("s3://artifacts/"))
    with pytest.raises(ArtifactDigestMismatch, match=stored.sha256):
        artifacts.get(stored.uri)


def test_a_named_object_is_replaced(artifacts: ArtifactStore) -> None:
    artifacts.put_named(b"first", key="runs/trips/d1/plan.json")
    uri = artifacts.put_named(b"second", key="runs/trips/d1/plan.json")
    assert artifacts.get(uri) == b"second"


def test_an_artifact_that_is_not_there_is_told(artifacts: ArtifactStore) -> None:
    with pytest.raises(ArtifactNotFound, match="nowhere"):
        artifacts.get("s3://artifacts/nowhere")

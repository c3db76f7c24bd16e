"""What one step of answering a file leaves, the next one finds; and who landed it, the answer."""

import io
import json
from typing import Any

import boto3
import pytest

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.landing.scoring_store import S3ScoringStore
from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.landing.scoring import ScoringPlan, ScoringReport
from evertrain.domain.project.file_format import FileForm
from evertrain.ports.scoring import PartNotScored, ScoringStore
from tests.builders.models import NOW
from tests.fakes.scoring import FakeScoringStore

PLAN = ScoringPlan(
    scoring_id="s1",
    model="trips",
    model_version="v1",
    function_version="3",
    landed=LandedObject(bucket="landing", key="scoring/trips/1.csv"),
    landed_at=NOW,
    form=FileForm.CSV,
    is_compressed=False,
    parts=(50_000, 7),
)


@pytest.fixture
def s3(aws: boto3.Session) -> Any:
    client: Any = aws.client("s3")
    for bucket in ("artifacts", "scores"):
        client.create_bucket(Bucket=bucket)
    return client


def in_buckets(s3: Any) -> S3ScoringStore:
    artifacts = S3ArtifactStore(client=s3, bucket="artifacts")
    return S3ScoringStore(artifacts=artifacts, root="s3://artifacts", client=s3, bucket="scores")


@pytest.fixture(params=["fake", "s3"])
def store(request: pytest.FixtureRequest) -> ScoringStore:
    return FakeScoringStore() if request.param == "fake" else in_buckets(request.getfixturevalue("s3"))


def test_a_plan_is_found_by_its_uri(store: ScoringStore) -> None:
    assert store.plan(store.put_plan(PLAN)) == PLAN
    assert [PLAN.first_row(part) for part in (0, 1)] == [0, 50_000]


def test_a_part_s_rows_and_answers_are_found(store: ScoringStore) -> None:
    store.put_rows("s1", 1, b"rows")
    store.put_answers("s1", 1, b"answers", refused=2)
    assert (store.rows("s1", 1), store.answers("s1", 1), store.refused("s1", 1)) == (b"rows", b"answers", 2)


def test_a_part_that_was_not_scored_is_told(store: ScoringStore) -> None:
    store.put_rows("s1", 0, b"rows")
    for ask in (store.answers, store.refused):
        with pytest.raises(PartNotScored, match="part 0 of s1 has no answers yet"):
            ask("s1", 0)


def test_the_answer_has_the_file_s_own_key_and_the_report_stands_beside_it(s3: Any) -> None:
    store = in_buckets(s3)
    assert store.publish(PLAN.landed.key, io.BytesIO(b"answers")) == "s3://scores/scoring/trips/1.csv"
    report = ScoringReport(file=PLAN.landed.key, landed_at=NOW, model="trips", error="no rows")
    store.report(report)
    assert s3.get_object(Bucket="scores", Key="scoring/trips/1.csv")["Body"].read() == b"answers"
    told = json.loads(s3.get_object(Bucket="scores", Key="scoring/trips/1.csv.report.json")["Body"].read())
    assert told["error"] == "no rows"

"""What those who answer a file leave for each other, in the artifact bucket: `parts/<id>/` with plan.json, and of
each part .rows, .answers and .json. Answers and reports: under the landed files' keys, in a bucket of their own."""

import json
from typing import TYPE_CHECKING, BinaryIO

from evertrain.adapters.documents import dump, load
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.landing.scoring import REPORT_SUFFIX, ScoringPlan, ScoringReport
from evertrain.ports.artifacts import ArtifactNotFound, ArtifactStore
from evertrain.ports.scoring import PartNotScored

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3ScoringStore:
    """`root`: the URI of the artifacts' bucket. `bucket`: that of the answers."""

    def __init__(self, *, artifacts: ArtifactStore, root: str, client: "S3Client", bucket: str) -> None:
        self._artifacts = artifacts
        self._root = root
        self._client = client
        self._bucket = bucket

    def put_plan(self, plan: ScoringPlan) -> str:
        return self._artifacts.put_named(dump(plan), key=f"{ArtifactPrefix.PARTS}/{plan.scoring_id}/plan.json")

    def plan(self, uri: str) -> ScoringPlan:
        return load(ScoringPlan, self._artifacts.get(uri))

    def put_rows(self, scoring_id: str, part: int, rows: bytes) -> None:
        self._artifacts.put_named(rows, key=f"{_name(scoring_id, part)}.rows")

    def rows(self, scoring_id: str, part: int) -> bytes:
        return self._artifacts.get(f"{self._root}/{_name(scoring_id, part)}.rows")

    def put_answers(self, scoring_id: str, part: int, answers: bytes, *, refused: int) -> None:
        self._artifacts.put_named(answers, key=f"{_name(scoring_id, part)}.answers")
        # Last: where this is, the answers are.
        self._artifacts.put_named(json.dumps({"refused": refused}).encode(), key=f"{_name(scoring_id, part)}.json")

    def answers(self, scoring_id: str, part: int) -> bytes:
        return self._scored(scoring_id, part, ".answers")

    def refused(self, scoring_id: str, part: int) -> int:
        return int(json.loads(self._scored(scoring_id, part, ".json"))["refused"])

    def publish(self, key: str, answer: BinaryIO) -> str:
        self._client.upload_fileobj(answer, self._bucket, key)
        return f"s3://{self._bucket}/{key}"

    def report(self, report: ScoringReport) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=f"{report.file}{REPORT_SUFFIX}",
            Body=dump(report),
            ContentType="application/json",
        )

    def _scored(self, scoring_id: str, part: int, suffix: str) -> bytes:
        try:
            return self._artifacts.get(f"{self._root}/{_name(scoring_id, part)}{suffix}")
        except ArtifactNotFound as error:
            raise PartNotScored(f"part {part} of {scoring_id} has no answers yet") from error


def _name(scoring_id: str, part: int) -> str:
    return f"{ArtifactPrefix.PARTS}/{scoring_id}/{part:05d}"

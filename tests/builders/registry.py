"""Registered versions and champions."""

from datetime import datetime

from evertrain.domain.project.interval import Interval
from evertrain.domain.project.metric import Metric
from evertrain.domain.release.registry import Champion, ModelVersion, VersionStatus
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.evaluation import DatasetSnapshot, Score
from evertrain.domain.training.gate import GateReason, GateVerdict
from evertrain.domain.training.windows import Window
from tests.builders.models import NOW, a_champion, days

ROWS = Interval(start=NOW - days(43), end=NOW - days(15))
TABLE_VERSIONS = {"features/trips": 40, "labels/trips": 37}


def a_score(value: float = 0.7) -> Score:
    return Score(metric=Metric.ROC_AUC_SCORE, value=value, low=value - 0.01, high=value + 0.01, rows=6_000)


def a_version(
    version: str = "v1", *, status: VersionStatus = VersionStatus.REGISTERED, score: float = 0.7
) -> ModelVersion:
    return ModelVersion(
        model="trips",
        version=version,
        status=status,
        registered_at=NOW,
        decision_id="d1",
        plan_uri="s3://artifacts/runs/trips/d1/plan.json",
        artifact_uri="s3://artifacts/models/trips/1.json.gz",
        artifact_sha256="1" * 64,
        reference_uri="s3://artifacts/references/trips/1.json.gz",
        smoke_test_uri="s3://artifacts/smoke-tests/trips/1.json",
        table_versions=TABLE_VERSIONS,
        candidate=Candidate(name="28d", window=Window(name="28d", rows=ROWS)),
        training_set=DatasetSnapshot(
            rows=ROWS, known_at=NOW, table_versions=TABLE_VERSIONS, count=25_000, sha256="3" * 64
        ),
        validation=a_score(score),
        gate_score=a_score(score),
        gate=GateVerdict(passed=True, reason=GateReason.NOT_WORSE, sentence="not worse by more than 0.01"),
        library_versions={"scikit-learn": "1.9.1"},
    )


def champion_of(version: str, *, since: datetime = NOW) -> Champion:
    return a_champion(version=version, since=since)

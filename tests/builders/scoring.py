"""Who answers files, over everything in memory, with the real reader and a real model."""

import io
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pandas as pd

from evertrain.adapters.landing.scoring_files import ArrowScoringFiles
from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.memory.batches import InMemoryLandingZone
from evertrain.adapters.memory.endpoint import InMemoryEndpoint
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.landing.scoring import ScoringReport
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.use_cases.landing.score_file import ScoreFile
from tests.builders.models import NOW
from tests.builders.registry import a_version, champion_of
from tests.fakes.scoring import FakePredictionLog, FakeScoringStore

BUCKET = "landing"


@dataclass
class Scorer:
    """One model, `spec`, answered by `artifact`."""

    spec: ModelSpec
    artifact: bytes
    rows_per_part: int = 1_000
    max_bytes: int = 1 << 30
    landing: InMemoryLandingZone = field(default_factory=InMemoryLandingZone)
    artifacts: InMemoryArtifactStore = field(default_factory=InMemoryArtifactStore)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    store: FakeScoringStore = field(default_factory=FakeScoringStore)
    log: FakePredictionLog = field(default_factory=FakePredictionLog)

    def __post_init__(self) -> None:
        self.endpoint = InMemoryEndpoint(artifacts=self.artifacts, models=[self.spec.name])

    @property
    def score(self) -> ScoreFile:
        return ScoreFile(
            project=Project(groups={self.spec.group.name: self.spec.group}, models={self.spec.name: self.spec}),
            landing=self.landing,
            registry=self.registry,
            endpoint=self.endpoint,
            files=ArrowScoringFiles(rows_per_part=self.rows_per_part),
            store=self.store,
            log=self.log,
            max_bytes=self.max_bytes,
        )

    def promote(self, version: str = "v1", *, artifact: bytes | None = None, since: datetime = NOW) -> None:
        before = self.registry.champion(self.spec.name)
        stored = self.artifacts.put(artifact or self.artifact, prefix="models/trips", suffix=".flat.gz")
        pinned = {"artifact_uri": stored.uri, "artifact_sha256": stored.sha256}
        self.registry.register(replace(a_version(version), **pinned))
        function = self.endpoint.publish(self.spec.name, version=version, **pinned)
        champion = replace(champion_of(version, since=since), function_version=function, **pinned)
        self.registry.promote(champion, expected_champion=before.version if before else None)

    def land(self, body: bytes, *, key: str = "scoring/trips/1.csv", at: datetime = NOW) -> LandedObject:
        landed = LandedObject(bucket=BUCKET, key=key)
        self.landing.objects[landed], self.landing.times[landed] = body, at
        return landed

    def answer(self, body: bytes, *, key: str = "scoring/trips/1.csv", at: datetime = NOW) -> ScoringReport:
        """All steps, parts in any order."""
        cut = self.score.split(self.land(body, key=key, at=at))
        if isinstance(cut, ScoringReport):
            return cut
        uri, plan = cut
        for part in reversed(range(len(plan.parts))):
            self.score.score_part(uri, part)
        report = self.score.finish(uri)
        assert report is not None
        return report

    def answered(self, key: str = "scoring/trips/1.csv") -> pd.DataFrame:
        """As whoever landed a CSV file reads it."""
        return pd.read_csv(io.BytesIO(self.store.published[key]))


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)

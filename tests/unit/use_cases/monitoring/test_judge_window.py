"""A window's drift comes from its batches' sketches, and only from those that were made for the present reference."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from evertrain.adapters.memory.batches import InMemoryBatchLog
from evertrain.adapters.memory.drift_records import InMemoryDriftRecords
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.statistics.reference import build_reference
from evertrain.use_cases.monitoring.judge_window import EmptyWindow, JudgeWindow, WindowDrift
from tests.builders.batches import PREDICTIONS, a_batch
from tests.builders.models import NOW, a_champion, a_model, a_verdict
from tests.builders.registry import a_version

REFERENCE = build_reference(
    {"wind": np.random.default_rng(0).normal(size=20_000)}, [Column(name="wind", kind=FeatureKind.NUMERIC)]
)


class Loop:
    def __init__(self) -> None:
        self.registry, self.batches, self.records = (
            InMemoryModelRegistry(),
            InMemoryBatchLog(),
            InMemoryDriftRecords(),
        )

    def promote_champion(self, version: str = "v1") -> None:
        self.registry.register(a_version(version))
        self.registry.promote(a_champion(version=version), expected_champion=None)

    def batch(self, *, days_ago: float, mean: float = 0.0, rows: int = 150, version: str = "v1") -> DriftVerdict:
        verdict = a_verdict(days_ago=days_ago, reference_version=version)
        values = np.random.default_rng(int(days_ago * 24)).normal(mean, 1, rows)
        self.batches.record(replace(a_batch(), batch_id=verdict.batch_id), [verdict])
        self.records.save(verdict, sketch=REFERENCE.sketch({"wind": values}).to_bytes(), page=str)
        return verdict

    def requests(self, *, days_ago: float, mean: float) -> None:
        batch = a_batch(f"r-{days_ago}", feed=PREDICTIONS, days_ago=days_ago)
        self.batches.record(batch, [])
        values = np.random.default_rng(int(days_ago)).normal(mean, 1, 150)
        sketch = REFERENCE.sketch({"wind": values}).to_bytes()
        self.records.save_sketch(sketch, model="trips", version="v1", batch_id=batch.batch_id)

    def judge(self, days: float) -> WindowDrift:
        return self.use_case.run(a_model(), "trips", since=NOW - timedelta(days=days))

    def judge_requests(self, days: float) -> WindowDrift:
        return self.use_case.judge_requests(a_model(), since=NOW - timedelta(days=days))

    @property
    def use_case(self) -> JudgeWindow:
        return JudgeWindow(
            registry=self.registry,
            batches=self.batches,
            records=self.records,
            load_reference=lambda uri: REFERENCE,
        )


def test_small_batches_that_say_nothing_alone_show_drift_together() -> None:
    loop = Loop()
    loop.promote_champion()
    for day in range(1, 8):
        loop.batch(days_ago=day, mean=0.9)
    found = loop.judge(8)
    assert (found.findings.status, found.batches, found.sketch.rows) == (DriftStatus.DRIFTED, 7, 1050)
    assert found.findings.features[0].drifted


def test_only_what_lies_in_the_window_counts() -> None:
    loop = Loop()
    loop.promote_champion()
    for day in range(1, 15):
        loop.batch(days_ago=day, mean=0.0 if day < 7 else 2.0)
    assert loop.judge(6.5).findings.status is DriftStatus.STABLE
    assert loop.judge(30).findings.status is DriftStatus.DRIFTED


def test_batches_compared_with_an_earlier_champion_are_left_out_and_counted() -> None:
    loop = Loop()
    loop.promote_champion()
    loop.batch(days_ago=1, rows=400)
    loop.batch(days_ago=2, version="v0")
    found = loop.judge(7)
    assert (found.batches, found.skipped_batches, found.sketch.rows) == (1, 1, 400)


def test_after_a_promotion_it_is_told_that_the_next_batch_is_the_first_that_is_compared() -> None:
    loop = Loop()
    for day in (1, 2):
        loop.batch(days_ago=day, version="v0")
    loop.promote_champion()
    told = r"\(2 landed\) was compared with champion v1, which answers since 2013-.*; ask again when the next one has"
    with pytest.raises(EmptyWindow, match=told):
        loop.judge(7)


def test_too_few_rows_in_a_window_are_told() -> None:
    loop = Loop()
    loop.promote_champion()
    loop.batch(days_ago=1, rows=20, mean=5)
    assert loop.judge(7).findings.status is DriftStatus.TOO_FEW_ROWS


def test_requests_are_judged_in_a_window_of_their_own() -> None:
    loop = Loop()
    loop.promote_champion()
    for day in (1, 2, 9):
        loop.requests(days_ago=day, mean=0.9)
    found = loop.judge_requests(8)
    assert (found.findings.status, found.batches, found.sketch.rows) == (DriftStatus.DRIFTED, 2, 300)
    with pytest.raises(EmptyWindow, match="there is no batch since"):
        loop.judge(8)


def test_without_a_champion_or_a_batch_there_is_nothing_to_judge() -> None:
    loop = Loop()
    with pytest.raises(EmptyWindow, match="has no champion yet"):
        loop.judge(7)
    loop.promote_champion()
    with pytest.raises(EmptyWindow, match=r"there is no batch since 2013-.*; begin earlier with --since"):
        loop.judge(7)

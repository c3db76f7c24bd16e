"""Requests and answers are judged by the day, once, against the champion that answered."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.adapters.memory.batches import InMemoryBatchLog
from evertrain.domain.landing.batches import Batch
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.statistics.reference import Reference, build_prediction_reference, build_reference
from tests.builders.batches import FEATURES
from tests.builders.landed import landed_features
from tests.builders.models import NOW, a_group, a_model, a_model_of_classes, days
from tests.builders.monitoring import Monitor
from tests.builders.predictions import answered

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})
MONDAY = NOW - days(20)


@pytest.fixture(scope="module")
def reference() -> Reference:
    body = io.BytesIO(landed_features(rows=5000, seed=1))
    with LandedRowsReader(project=PROJECT).read(body, name="1.parquet", feed=FEATURES, now=NOW) as rows:
        (columns,) = rows.parts([column.name for column in a_group().columns])
        whole = build_reference(columns, a_group().columns)
    predictions = np.random.default_rng(9).normal(0.3, 0.1, 5000)
    blocks = np.zeros(5000, dtype=np.int64)
    return replace(whole, prediction=build_prediction_reference(predictions, blocks=blocks))


@dataclass
class Loop(Monitor):
    spec: ModelSpec = field(default_factory=a_model)
    requests: int = 0

    def ask(self, *, day: float, rows: int = 150, **how: object) -> Sequence[DriftVerdict]:
        """A file of one request at this many days after Monday; what was told then."""
        self.requests += 1
        request = answered(rows, at=MONDAY + days(day), seed=self.requests, **how)  # type: ignore[arg-type]
        body = prediction_file(self.spec, [request])
        found = self.land(body, key=f"predictions/trips/{self.requests}.parquet")
        assert isinstance(found, Batch)
        return self.check.judge_requests(found)

    def a_day(self, day: int, *, files: int = 4, **how: object) -> list[Sequence[DriftVerdict]]:
        return [self.ask(day=day + (file + 1) / (files + 1), **how) for file in range(files)]  # type: ignore[arg-type]

    def judged(self, *, day: float, **how: object) -> DriftVerdict:
        """The one verdict that a request calls for."""
        (verdict,) = self.ask(day=day, **how)  # type: ignore[arg-type]
        return verdict

    def told(self) -> Sequence[str]:
        return [name for name in self.bus.names() if name.startswith("Request")]


@pytest.fixture
def loop(reference: Reference) -> Loop:
    return Loop(project=PROJECT, load_reference=lambda uri: reference)


def test_a_day_of_small_files_is_judged_when_the_next_day_has_begun(loop: Loop) -> None:
    loop.promote_champion()
    assert loop.a_day(0) == [[]] * 4
    verdict = loop.judged(day=1.3)
    assert (verdict.batch_id, verdict.rows, verdict.status) == ("requests-2013-03-12", 600, DriftStatus.STABLE)
    assert [feature.feature for feature in verdict.features][-1] == "prediction"
    assert (verdict.event_time_min, verdict.event_time_max) == (MONDAY + days(0.2), MONDAY + days(0.8))
    assert loop.told() == ["RequestsChecked"]


def test_a_day_is_judged_and_told_once(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0)
    assert [len(told) for told in loop.a_day(1)] == [1, 0, 0, 0]
    assert loop.told() == ["RequestsChecked"]
    assert len(loop.batches.request_verdicts("trips", limit=9)) == 1


def test_who_failed_after_recording_tells_it_the_next_time(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.promote_champion()
    loop.a_day(0)
    with monkeypatch.context() as broken:
        broken.setattr(InMemoryBatchLog, "mark_published", lambda *_: None)
        loop.ask(day=1.3)
    loop.ask(day=1.4)
    loop.ask(day=1.5)
    assert loop.told() == ["RequestsChecked", "RequestsChecked"]


def test_minutes_after_midnight_the_day_s_last_requests_may_still_come(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0)
    assert not loop.ask(day=1 + 5 / 1440)
    verdict = loop.judged(day=1 + 15 / 1440)
    assert verdict.rows == 600


CLASSES = a_model_of_classes()
ODDS = dict(zip(CLASSES.label.classes, (3.0, 2.0, 1.0), strict=True))


@pytest.fixture(scope="module")
def loop_of_classes(reference: Reference) -> Loop:
    """Of a model that tells three classes apart."""
    answers = [
        list(each.values()) for each in answered(5000, seed=9, odds=ODDS).predictions if isinstance(each, dict)
    ]
    prediction = build_prediction_reference(
        np.array(answers), blocks=np.zeros(5000, dtype=np.int64), classes=CLASSES.label.classes
    )
    of_classes = replace(reference, prediction=prediction)
    project = Project(groups={"trips": a_group()}, models={"trips": CLASSES})
    return Loop(project=project, load_reference=lambda uri: of_classes, spec=CLASSES)


def test_of_several_classes_the_predicted_one_and_its_probability_are_compared(loop_of_classes: Loop) -> None:
    loop = loop_of_classes
    loop.promote_champion()
    loop.a_day(0, odds=ODDS)
    verdict = loop.judged(day=1.3, odds=ODDS)
    assert [feature.feature for feature in verdict.features][-2:] == ["prediction", "predicted_class"]
    assert verdict.status is DriftStatus.STABLE
    others = dict(zip(ODDS, (2.0, 3.0, 1.0), strict=True))
    loop.a_day(2, odds=others)
    moved = loop.judged(day=3.3, odds=ODDS)
    assert moved.drifted_features == ("predicted_class",)
    assert moved.sentences[0].startswith("predicted_class: PSI ")
    unsure = {name: each / 4 for name, each in ODDS.items()}
    loop.a_day(4, odds=unsure)
    assert "prediction" in loop.judged(day=5.3, odds=ODDS).drifted_features


def test_predictions_that_moved_are_found_though_no_feature_did(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0, lift=0.2)
    verdict = loop.judged(day=1.3)
    assert verdict.drifted == ("prediction",)
    assert verdict.sentences[0].startswith("prediction: PSI ")
    assert loop.told() == ["RequestsChecked", "RequestDriftDetected"]


def test_requests_that_are_filled_in_otherwise_are_found(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0, carrier="ZZ")
    verdict = loop.judged(day=1.3)
    assert "carrier" in verdict.drifted_features
    assert {fault.column for fault in verdict.faults} >= {"carrier"}


def test_days_with_few_requests_are_judged_together(loop: Loop) -> None:
    loop.promote_champion()
    rows = []
    for day in range(4):
        loop.ask(day=day + 0.5, rows=90)
        rows += [(each.rows, each.status) for each in loop.batches.request_verdicts("trips", limit=1)]
    few, enough = DriftStatus.TOO_FEW_ROWS, DriftStatus.STABLE
    assert rows == [(90, few), (180, few), (270, enough)]
    loop.ask(day=4.5, rows=90)
    newest = loop.batches.request_verdicts("trips", limit=1)[0]
    assert (newest.rows, newest.status) == (90, few)


def test_only_the_champion_s_own_answers_are_judged(loop: Loop) -> None:
    loop.promote_champion("v1")
    loop.a_day(0, files=2, version="v1")
    loop.a_day(0, files=3, version="v2")  # nobody registered it: such answers leave no sketch
    loop.promote_champion("v2", expected_champion="v1")
    loop.a_day(0, files=2, version="v2", lift=0.01)
    verdict = loop.judged(day=1.3)
    assert (verdict.reference_version, verdict.rows) == ("v2", 300)


def test_a_day_that_another_version_answered_cannot_be_judged_and_is_not_asked_again(loop: Loop) -> None:
    loop.promote_champion("v1")
    loop.a_day(0, version="v1")
    loop.promote_champion("v2", expected_champion="v1")
    verdict = loop.judged(day=1.3, version="v2")
    assert (verdict.status, verdict.rows) == (DriftStatus.NO_REFERENCE, 0)
    assert not loop.ask(day=1.4, version="v2")


def test_requests_are_accepted_though_the_reference_cannot_be_used_and_it_is_told(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0)
    loop.load_reference = lambda uri: Reference.from_bytes(b"garbage")
    verdict = loop.judged(day=1.3)
    assert verdict.status is DriftStatus.NO_REFERENCE
    assert "can't be used: InvalidReference" in verdict.trouble


@pytest.mark.parametrize("data", [b"garbage", None])
def test_sketches_that_cannot_be_used_are_left_out_of_the_day(loop: Loop, data: bytes | None) -> None:
    loop.promote_champion()
    loop.a_day(0)
    loop.records.kept[next(iter(loop.records.kept))] = data  # type: ignore[assignment]
    verdict = loop.judged(day=1.3)
    assert (verdict.rows, verdict.status, verdict.trouble) == (450, DriftStatus.STABLE, "")


def test_before_there_is_a_champion_nothing_is_judged(loop: Loop) -> None:
    loop.a_day(0)
    assert not loop.ask(day=1.3)


def test_the_verdict_has_a_page_and_a_sketch(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0)
    loop.ask(day=1.3)
    name = ("trips", "v1", "requests-2013-03-12")
    sketch, page = loop.records.kept[name], loop.records.pages[name]
    assert sketch
    assert "Requests to trips" in page
    assert "prediction" in page


def test_late_files_of_a_judged_day_change_no_verdict(loop: Loop) -> None:
    loop.promote_champion()
    loop.a_day(0)
    first = loop.judged(day=1.3)
    assert not loop.ask(day=0.95)
    assert not loop.ask(day=1.5)
    assert loop.batches.request_verdicts("trips", limit=9) == [first]


def test_days_that_were_missed_are_judged_in_their_order(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.promote_champion()
    with monkeypatch.context() as broken:
        broken.setattr(type(loop.check), "judge_requests", lambda *_: [])
        loop.a_day(0)
        loop.a_day(1, lift=0.2)
    told = loop.ask(day=2.5)
    assert [(each.batch_id, each.status) for each in told] == [
        ("requests-2013-03-12", DriftStatus.STABLE),
        ("requests-2013-03-13", DriftStatus.DRIFTED),
    ]

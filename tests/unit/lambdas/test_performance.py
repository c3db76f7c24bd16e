"""The performance function: labels that were committed are measured, rows without labels counted; both are told to
CloudWatch, and labels are then announced."""

import json
from dataclasses import replace

import pytest

from evertrain.domain.monitoring.performance import DayPredictions, Performance
from evertrain.domain.project.model import Project
from lambdas.performance import handler
from tests.builders.events import delivery
from tests.builders.models import NOW, a_group, a_model, days
from tests.builders.performance import a_performance


class Measuring:
    def __init__(self, found: Performance | None) -> None:
        self.found = found
        self.clock = self
        self.asked = 0
        self.announced: list[tuple[str, str]] = []

    def now(self) -> object:
        return NOW

    def run(self, model: str) -> Performance | None:
        assert model == "trips"
        self.asked += 1
        return self.found


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Measuring:
    performance = a_performance([1.0] * 12)
    newest = performance.realised[-1].day
    awaited = tuple(
        DayPredictions(day=newest + days(ago), until=newest + days(ago + 1), cells={-9: 40, 2: 60, 14: 20})
        for ago in (1, 2)
    )
    counting = Measuring(replace(performance, predicted=awaited))
    monkeypatch.setattr(handler, "count_predictions", lambda: counting)
    return counting


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch, counting: Measuring) -> Measuring:
    measuring = Measuring(a_performance([1.0] * 12))
    project = Project(groups={"trips": a_group()}, models={"trips": a_model()})
    monkeypatch.setattr(handler, "measure_performance", lambda: measuring)
    monkeypatch.setattr(handler, "project", lambda: project)
    monkeypatch.setattr(handler, "stage", lambda: "dev")
    monkeypatch.setattr(handler, "announce", lambda model, *, batch_id: measuring.announced.append((model, batch_id)))
    return measuring


def handled(feed: str = "labels/trips") -> dict[str, object]:
    detail = {"feed": feed, "batch_id": "b1", "table_version": 3, "rows": 9}
    kind = "FeaturesCommitted" if feed.startswith("features/") else "LabelsCommitted"
    return handler.lambda_handler(delivery(one={"detail-type": kind, "detail": detail}), None)


@pytest.mark.parametrize("feed", ["labels/trips", "prediction_labels/trips"])
def test_what_was_measured_is_told_and_announced(
    measuring: Measuring, capsys: pytest.CaptureFixture[str], feed: str
) -> None:
    assert handled(feed) == {"batchItemFailures": []}
    told = json.loads(capsys.readouterr().out)
    assert (told["Stage"], told["Model"], told["Declined"]) == ("dev", "trips", 0)
    assert told["RealisedMetric"] == pytest.approx(told["PromisedMetric"], abs=0.05)
    assert "EstimatedMetric" not in told, "nothing is awaited"
    assert measuring.announced == [("trips", "b1")]


def test_rows_without_labels_are_counted_and_what_they_are_worth_is_estimated(
    measuring: Measuring, counting: Measuring, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handled("features/trips") == {"batchItemFailures": []}
    told = json.loads(capsys.readouterr().out)
    assert 0.5 < told["EstimatedMetric"] < 1
    assert (counting.asked, measuring.asked) == (1, 0), "nothing new is known of labels"
    assert measuring.announced == [], "it is no reason to decide anything"


def test_rows_of_another_group_are_passed_over(measuring: Measuring, counting: Measuring) -> None:
    assert handled("features/weather") == {"batchItemFailures": []}
    assert counting.asked == 0


def test_a_model_that_is_worse_than_promised_is_told_as_declined(
    measuring: Measuring, capsys: pytest.CaptureFixture[str]
) -> None:
    measuring.found = a_performance([1.0] * 12 + [-1.0] * 4)
    handled()
    assert json.loads(capsys.readouterr().out)["Declined"] == 1


def test_before_there_is_a_champion_labels_are_announced_all_the_same(
    measuring: Measuring, capsys: pytest.CaptureFixture[str]
) -> None:
    measuring.found = None
    assert handled() == {"batchItemFailures": []}
    assert capsys.readouterr().out == ""
    assert measuring.announced == [("trips", "b1")]


def test_labels_of_a_model_that_is_gone_are_passed_over(measuring: Measuring) -> None:
    assert handled("labels/boats") == {"batchItemFailures": []}
    assert measuring.announced == []


def test_what_fails_is_delivered_again(measuring: Measuring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "run", lambda model: 1 / 0)
    assert handled() == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    assert measuring.announced == []

"""The maintenance function: what was done is logged, and how labels come in is told to CloudWatch."""

import json
import logging
from datetime import timedelta

import pytest

from evertrain.domain.project.model import Project
from evertrain.domain.store.labels import LabelledDay, LabelProgress
from evertrain.ports.feature_store import MaintenanceResult
from evertrain.use_cases.store.maintain_store import MaintenanceReport
from lambdas.ingest import maintenance
from tests.builders.batches import FEATURES, a_table_state
from tests.builders.events import delivery
from tests.builders.models import NOW, a_group, a_model, days

PROGRESS = LabelProgress(
    measured_at=NOW,
    days=(LabelledDay(day=NOW - days(9), rows=100, labelled=97),),
    latency=((0.5, timedelta(hours=6)), (0.95, timedelta(days=2))),
    unmatched=1,
    premature=2,
)


class Store:
    def __init__(self, *failures: Exception) -> None:
        self.failures = failures

    def run(self) -> MaintenanceReport:
        done = MaintenanceResult(state=a_table_state(version=50), merged=30, written=1, removed=4)
        return MaintenanceReport(
            tables={FEATURES: done},
            labels={"trips": PROGRESS},
            complete_to={"trips": NOW - days(4)},
            failures=self.failures,
        )


@pytest.fixture(autouse=True)
def wiring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "maintain_store", Store)
    monkeypatch.setattr(
        maintenance, "project", lambda: Project(groups={"trips": a_group()}, models={"trips": a_model()})
    )
    monkeypatch.setattr(maintenance, "stage", lambda: "dev")


def test_what_was_done_is_told(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO)
    assert maintenance.lambda_handler(delivery(one={"detail-type": "MaintenanceTick"}), None) == {
        "batchItemFailures": []
    }
    assert caplog.messages == ["table_kept_up feed=features/trips version=50 merged=30 written=1 removed=4"]
    told = json.loads(capsys.readouterr().out)
    assert (told["Stage"], told["Model"]) == ("dev", "trips")
    assert (told["LabelCoverage"], told["UnmatchedLabels"], told["PrematureLabels"]) == (0.97, 1, 2)
    assert (told["LabelLatencyP50"], told["LabelLatencyP95"], told["LabelWatermarkAge"]) == (6, 48, 96)


def test_before_there_are_labels_no_age_of_theirs_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = MaintenanceReport(tables={}, labels={"trips": PROGRESS})
    monkeypatch.setattr(Store, "run", lambda self: done)
    maintenance.lambda_handler(delivery(one={"detail-type": "MaintenanceTick"}), None)
    told = json.loads(capsys.readouterr().out)
    assert "LabelWatermarkAge" not in told
    assert told["LabelCoverage"] == 0.97


def test_a_failure_goes_back_to_the_queue_after_the_rest_was_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(maintenance, "maintain_store", lambda: Store(OSError("the store does not answer")))
    answer = maintenance.lambda_handler(delivery(one={"detail-type": "MaintenanceTick"}), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    told, failed = caplog.messages
    assert told.startswith("table_kept_up feed=features/trips")
    assert failed == "record_failed message=one"
    assert "LabelCoverage" in capsys.readouterr().out

"""The monitor's function: each landed object by itself, and a message that fails goes back alone."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from evertrain.adapters.memory.batches import InMemoryBatchLog
from evertrain.domain.landing.batches import Batch, LandedObject, Quarantine
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.ports.batches import ObjectGone
from lambdas.monitor import handler
from tests.builders.batches import PREDICTIONS, a_batch, a_quarantine
from tests.builders.events import delivery, object_created
from tests.builders.models import a_feature_drift, a_verdict


class CheckByName:
    """Accepts what is called good, sets aside what is called bad, breaks over what is called poison."""

    def __init__(self) -> None:
        self.seen: list[LandedObject] = []
        self.batches = InMemoryBatchLog()

    def run(self, landed: LandedObject) -> Batch | Quarantine:
        self.seen.append(landed)
        if "poison" in landed.key:
            raise RuntimeError("a fault of our own")
        if "gone" in landed.key:
            raise ObjectGone(landed.key)
        if "predictions" in landed.key:
            return a_batch(feed=PREDICTIONS)
        return a_quarantine() if "bad" in landed.key else a_batch()

    def judge_requests(self, batch: Batch) -> list[DriftVerdict]:
        return [] if "early" in self.seen[-1].key else [a_verdict(days_ago=1)]

    def needs_splitting(self, landed: LandedObject) -> bool:
        return "huge" in landed.key

    def start(self, landed: LandedObject, *, event_id: str) -> str:
        self.seen.append(landed)
        return f"execution-of-{event_id}"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> CheckByName:
    check = CheckByName()
    for name in ("check_batch", "check_large_batch", "large_batch_checks"):
        monkeypatch.setattr(handler, name, lambda: check)
    return check


def handle(**messages: Any) -> dict[str, Any]:
    return handler.lambda_handler(delivery(**messages), None)


def test_a_message_that_fails_goes_back_while_the_others_are_done(check: CheckByName) -> None:
    answer = handle(
        first=object_created("features/trips/good.parquet"),
        second=object_created("features/trips/poison.parquet"),
        third=object_created("features/trips/bad.parquet"),
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": "second"}]}
    assert len(check.seen) == 3


def test_a_key_is_taken_as_it_is_told(check: CheckByName) -> None:
    assert handle(one=object_created("features/trips/a+b%20ü.parquet", bucket="b")) == {"batchItemFailures": []}
    assert check.seen == [LandedObject(bucket="b", key="features/trips/a+b%20ü.parquet")]


def test_a_large_object_is_handed_on(check: CheckByName, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert handle(one=object_created("features/trips/huge.parquet")) == {"batchItemFailures": []}
    assert caplog.messages == ["batch_in_parts execution=execution-of-e-1 key=features/trips/huge.parquet"]


def test_an_object_that_is_gone_is_not_asked_for_again(check: CheckByName, caplog: pytest.LogCaptureFixture) -> None:
    assert handle(one=object_created("features/trips/gone.parquet")) == {"batchItemFailures": []}
    assert "object_gone key=features/trips/gone.parquet" in caplog.text


@pytest.mark.parametrize("body", ["no JSON", {"detail": {"bucket": {"name": "landing"}}}])
def test_a_message_that_is_no_event_goes_to_the_dead_letters(check: CheckByName, body: Any) -> None:
    assert handle(one=body) == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    assert check.seen == []


def test_each_object_is_one_line_in_the_log(check: CheckByName, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handle(one=object_created("features/trips/good.parquet"), two=object_created("features/trips/bad.parquet"))
    assert [record.getMessage() for record in caplog.records] == [
        "batch_accepted feed=features/trips batch=b1 rows=900 key=features/trips/good.parquet",
        "batch_quarantined feed=features/trips batch=q1 faults=unparsable key=features/trips/bad.parquet",
    ]


def test_what_was_measured_is_told_to_cloudwatch(check: CheckByName, capsys: pytest.CaptureFixture[str]) -> None:
    batch = a_batch()
    features = (
        a_feature_drift("wind"),
        replace(a_feature_drift("carrier", drifted=False), wasserstein_normalised=None),
    )
    verdict = replace(a_verdict(days_ago=1, status=DriftStatus.DRIFTED), batch_id=batch.batch_id, features=features)
    check.batches.record(batch, [verdict])
    handle(one=object_created("features/trips/good.parquet"))
    whole, wind, carrier = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert whole["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Evertrain"
    assert (whole["Stage"], whole["Model"], whole["Drifted"], whole["DriftedFeatures"]) == ("dev", "trips", 1, 1)
    assert (wind["Feature"], wind["PSI"], wind["WassersteinNormalised"], wind["Drifted"]) == ("wind", 0.4, 0.5, 1.0)
    assert "WassersteinNormalised" not in carrier
    for line in (whole, wind, carrier):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert {metric["Name"] for metric in directive["Metrics"]} < set(line)
        assert set(directive["Dimensions"][0]) < set(line)


def test_a_day_of_requests_is_told_apart_from_batches(check: CheckByName, capsys: pytest.CaptureFixture[str]) -> None:
    handle(one=object_created("predictions/trips/early.parquet"))
    assert capsys.readouterr().out == ""
    handle(one=object_created("predictions/trips/good.parquet"))
    assert {json.loads(line)["Source"] for line in capsys.readouterr().out.splitlines()} == {"predictions"}


def test_a_batch_that_could_not_be_compared_is_counted(
    check: CheckByName, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = a_batch()
    verdict = replace(a_verdict(days_ago=1, status=DriftStatus.NO_REFERENCE), batch_id=batch.batch_id)
    check.batches.record(batch, [replace(verdict, trouble="the reference of v1 can't be used")])
    handle(one=object_created("features/trips/good.parquet"))
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["Stage"], line["Model"], line["NotCompared"]) == ("dev", "trips", 1)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stage", "Model"]]


@pytest.mark.parametrize("status", [DriftStatus.NO_REFERENCE, DriftStatus.TOO_FEW_ROWS])
def test_where_nothing_was_measured_nothing_is_told(
    check: CheckByName, capsys: pytest.CaptureFixture[str], status: DriftStatus
) -> None:
    batch = a_batch()
    check.batches.record(batch, [replace(a_verdict(days_ago=1, status=status), batch_id=batch.batch_id)])
    handle(one=object_created("features/trips/good.parquet"))
    assert capsys.readouterr().out == ""

"""Each call to AWS that a role makes is refused once, over weeks of the loop; then everything is as if none had been.

The refusals are of the kind that no client repeats by itself, so each is met by the product's own ways to go on: a
message is delivered again, a step is retried, a job tries again, and a person hands out what ended with the dead
letters.
"""

import io
import json
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pyarrow.parquet as pq
import pytest

from evertrain.adapters.aws.clients import client
from evertrain.adapters.monitoring.metrics import PREDICTIONS_NOT_KEPT
from evertrain.adapters.release.prediction_client import PredictionRefused
from evertrain.cli.store import BEGINNING, END
from evertrain.demo import replay
from evertrain.demo.story import to_json_rows
from evertrain.domain.deciding.decisions import Action
from evertrain.domain.deployment.stacks import DEAD_LETTERS
from evertrain.domain.events import EventName, Tick
from evertrain.domain.landing.batches import Batch, Feed, FeedKind, Quarantine
from evertrain.domain.landing.feeds import key_column
from evertrain.domain.project.interval import Interval
from evertrain.domain.release.registry import VersionStatus
from localcloud.launcher import EmbeddedCloud
from tests.chaos.conftest import PATIENCE, AttendedLoop
from tests.end_to_end.conftest import FIRST_DAY, LABELLED_DAYS
from tests.end_to_end.loop import FEATURES, Loop
from tests.end_to_end.permissions import read_checks

pytestmark = pytest.mark.cloud

LABELS = Feed(kind=FeedKind.LABELS, name="flights")
PREDICTIONS = Feed(kind=FeedKind.PREDICTIONS, name="flights")


@pytest.fixture(scope="module")
def landed(loop: AttendedLoop) -> dict[Feed, int]:
    """The loop does everything that it does, at least once; how many rows were landed in each feed."""
    days = [FIRST_DAY + timedelta(days=offset) for offset in range(LABELLED_DAYS)]
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(replay, "_BATCH_SECONDS", PATIENCE)
        patient.setattr(replay, "_RETRAINING_SECONDS", PATIENCE)
        loop.go_through(days)
    rows: Counter[Feed] = Counter()
    rows[FEATURES] = sum(row_count(loop.flights.features(day)) for day in days)
    rows[LABELS] = sum(
        row_count(loop.flights.labels(day, label="late")) for day in days if day + replay.LABEL_DELAY <= days[-1]
    )
    for _ in range(3):
        rows[FEATURES] += land_large_object(loop)
    for _ in range(3):
        rows[PREDICTIONS] += ask_for_predictions(loop)
    client("sqs").send_message(
        QueueUrl=loop.stage.output("DueQueueUrl"), MessageBody=json.dumps({"detail-type": Tick.MAINTAIN})
    )
    for number, model in enumerate(("flights", "air_time") * 2):
        rows[FEATURES] += land_next_day(loop)
        cause = loop.stage.ask_for_retraining(model, reason=f"to see calls fail, {number}")
        decision = loop.decision(model, cause.name)
        assert decision.decision.action is Action.RETRAIN
        loop.outcome(decision)
    assert isinstance(loop.land(b"no table"), Quarantine)
    return rows


def land_next_day(loop: Loop) -> int:
    batch = loop.land(loop.flights.features(loop.next_day()))
    assert isinstance(batch, Batch)
    return batch.rows


def row_count(body: bytes) -> int:
    return int(pq.read_metadata(io.BytesIO(body)).num_rows)


def land_large_object(loop: Loop) -> int:
    body, rows = loop.large_object(loop.next_day())
    batch = loop.land(body)
    assert isinstance(batch, Batch)
    assert len(batch.files) > 2
    return int(rows.num_rows)


def ask_for_predictions(loop: Loop) -> int:
    """As a caller does, who asks again after a 5xx."""
    of_day = loop.flights.table[loop.flights.table["day"] == loop.today]
    rows = to_json_rows(of_day, loop.project.models["flights"])

    def ask() -> dict[str, Any] | None:
        try:
            return loop.stage.api.predict("flights", {"rows": rows})
        except PredictionRefused as refused:
            if not str(refused).startswith("500"):
                raise
            return None

    return len(loop.wait(ask, awaited="a prediction")["predictions"])


@pytest.fixture(scope="module")
def redriven(loop: AttendedLoop, landed: dict[Feed, int]) -> Mapping[str, int]:
    """Whatever still ends with the dead letters is handed out again, until nothing has for a while."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 30:
        if loop.redrive():
            quiet_since = time.monotonic()
        time.sleep(1)
    return loop.handed_out


def lost_predictions(loop: Loop) -> int:
    """Those that the endpoint said it could not keep: a metric, and an alarm."""
    logs = client("logs")
    lost = 0
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            found = logs.filter_log_events(logGroupName=group["logGroupName"], filterPattern=PREDICTIONS_NOT_KEPT)
            for event in found["events"]:
                if event["message"].startswith("{"):
                    lost += int(json.loads(event["message"]).get(PREDICTIONS_NOT_KEPT, 0))
    return lost


def test_no_row_is_lost_and_none_is_there_twice(
    loop: Loop, landed: dict[Feed, int], redriven: Mapping[str, int]
) -> None:
    expected = landed | {PREDICTIONS: landed[PREDICTIONS] - lost_predictions(loop)}
    for feed, rows in expected.items():
        state = loop.wait(
            lambda feed=feed, rows=rows: (
                found if (found := loop.stage.tables.get(feed)) is not None and found.rows >= rows else None
            ),
            awaited=f"{rows} rows of {feed}",
        )
        assert state.rows == rows, feed
        whole = Interval(start=BEGINNING, end=END)
        table = loop.stage.rows(feed, whole, known_at=loop.now + timedelta(days=1))
        keys = table.select([loop_key(feed, loop), "event_time"]).to_pylist()
        assert len({tuple(each.values()) for each in keys}) == rows, feed


def loop_key(feed: Feed, loop: Loop) -> str:
    return key_column(feed, loop.project)


def test_nothing_waits_with_the_dead_letters(loop: Loop, redriven: Mapping[str, int]) -> None:
    print(f"handed out again: {dict(redriven)}")
    assert {name: loop.stage.dead_letters(name).count() for name in DEAD_LETTERS} == dict.fromkeys(DEAD_LETTERS, 0)


@pytest.mark.usefixtures("redriven")
@pytest.mark.parametrize("model", ["flights", "air_time"])
def test_one_champion_answers_and_the_model_is_free(loop: Loop, model: str) -> None:
    champions = [v for v in loop.stage.registry.versions(model) if v.status is VersionStatus.CHAMPION]
    status = loop.stage.model_status.run(loop.project.models[model])
    assert status.champion is not None
    assert [each.version for each in champions] == [status.champion.version]
    assert status.champion_answers
    assert not status.retraining_running
    # A step that was refused at each attempt has failed its retraining, which is told; the next one went on.
    outcomes = loop.stage.decisions.outcomes(model, limit=50)
    failed = [each.sentence for each in outcomes if each.name in (EventName.RETRAIN_FAILED, EventName.ROLLED_BACK)]
    assert [sentence for sentence in failed if "not authorized" not in sentence] == []
    assert len(failed) < len(outcomes) - len(failed)


NEVER_REFUSED = {
    ("*SchedulerRole*", "*"): "AWS repeats it for a day, the embedded cloud does not",
    ("*EventsRole*", "*"): "as above",
    ("*", "sqs:GetQueueUrl"): "made after a refusal only, when a role is spared; tests/unit/lambdas refuse it",
    ("*", "sqs:ChangeMessageVisibility"): "as above",
}


@pytest.mark.usefixtures("redriven")
def test_nearly_every_call_of_every_role_was_refused_once(cloud: EmbeddedCloud) -> None:
    """A call that a role makes once or twice in a run may fall to where it is spared."""
    checks = [check for check in read_checks(cloud.permissions_path) if check.role.startswith("evertrain-")]
    assert [check for check in checks if check.decision not in ("Allow", "Injected")] == []
    made = {
        (check.role, check.action)
        for check in checks
        if not any(fnmatchcase(check.role, role) and fnmatchcase(check.action, act) for role, act in NEVER_REFUSED)
    }
    refused = {(check.role, check.action) for check in checks if check.decision == "Injected"}
    print(
        f"{sum(check.decision == 'Injected' for check in checks)} calls refused; of {len(made)} roles' actions "
        f"{len(made & refused)}, not: {sorted(made - refused)}"
    )
    assert {role for role, _ in made} == {role for role, _ in refused}
    assert len(made & refused) >= 0.85 * len(made)

"""The whole loop on real flights, deployed by `cdk deploy`: every part does its part, and nothing twice."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.release.prediction_client import PredictionRefused
from evertrain.adapters.store.delta.reader import DeltaReader
from evertrain.adapters.training.runs import RunDocuments
from evertrain.demo.run import curl_line
from evertrain.demo.story import to_json_rows
from evertrain.domain.deciding.decisions import LEASE_DURATION, Action, Reason
from evertrain.domain.deployment.stacks import Output
from evertrain.domain.events import Event, EventName
from evertrain.domain.landing.batches import Batch, Feed, FeedKind, Quarantine, TableState
from evertrain.domain.landing.feeds import request_feeds
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.policies import EndpointPolicy
from evertrain.domain.release.registry import VersionStatus
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.windows import Window
from evertrain.ports.endpoint import Live
from evertrain.statistics.reference import Reference
from evertrain.statistics.sketch import Sketch
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.retraining import a_decision_to_retrain
from tests.end_to_end.command_line import evertrain
from tests.end_to_end.loop import FEATURES, Loop
from tests.end_to_end.real_resources import assert_every_resource_exists

pytestmark = pytest.mark.cloud

LABELS = Feed(kind=FeedKind.LABELS, name="flights")
PREDICTIONS = Feed(kind=FeedKind.PREDICTIONS, name="flights")
REPOSITORY = Path(__file__).parents[2]
STACKS = ("data", "monitoring", "training", "serving", "dashboard")


def a_row(loop: Loop, model: str = "flights") -> dict[str, object]:
    rows = loop.flights.table[loop.flights.table["day"] == date(2013, 2, 1)].head(1)
    return to_json_rows(rows, loop.project.models[model])[0]


# --- from landing to the endpoint ----------------------------------------------------------------


def test_every_resource_of_every_stack_really_exists(loop: Loop) -> None:
    stacks = [f"evertrain-{loop.stage.name}-{part}" for part in STACKS]
    assert_every_resource_exists(loop.stage.session, *stacks)


@pytest.mark.parametrize(("model", "windows"), [("flights", {"14d", "56d"}), ("air_time", {"28d"})])
def test_a_first_model_was_trained_judged_registered_and_promoted(loop: Loop, model: str, windows: set[str]) -> None:
    (version,) = loop.stage.registry.versions(model)
    champion = loop.stage.registry.champion(model)
    assert champion is not None
    assert champion.version == version.version
    assert version.status is VersionStatus.CHAMPION
    decision = loop.stage.decisions.find(model, version.decision_id)
    assert decision is not None
    assert decision.decision.reason is Reason.NO_CHAMPION_YET
    run = loop.stage.run_of(decision)
    assert {contender.window.name for contender in run.contenders} == windows
    assert all(contender.parity < 1e-9 for contender in run.contenders)
    outcome = loop.stage.outcome_of(decision)
    assert outcome is not None
    assert outcome.name is EventName.MODEL_PROMOTED


def test_a_version_names_the_tables_that_it_was_trained_on_and_they_can_be_read_again(loop: Loop) -> None:
    version = loop.stage.registry.versions("flights")[0]
    reader = DeltaReader(root=f"s3://{loop.stage.output('FeatureStoreBucket')}/tables")
    rows = reader.read(
        FEATURES, version=version.table_versions[str(FEATURES)], rows=version.window, known_at=version.registered_at
    )
    assert rows.num_rows >= version.rows
    assert {"event_time", "ingested_at"} <= set(rows.column_names)


def test_small_files_are_put_together_and_what_a_model_was_trained_on_is_read_as_before(loop: Loop) -> None:
    version = loop.stage.registry.versions("flights")[0]
    reader = DeltaReader(root=f"s3://{loop.stage.output('FeatureStoreBucket')}/tables")
    wanted = {
        "version": version.table_versions[str(FEATURES)],
        "rows": version.window,
        "known_at": version.registered_at,
    }
    before, state = reader.read(FEATURES, **wanted), reader.state(FEATURES)
    client("sqs").send_message(
        QueueUrl=loop.stage.output("DueQueueUrl"), MessageBody='{"detail-type": "MaintenanceTick"}'
    )
    maintained = loop.wait(
        lambda: found if (found := loop.stage.tables.get(FEATURES)).version > state.version else None,
        awaited="the tables' maintenance",
    )
    assert maintained.rows == state.rows
    assert reader.read(FEATURES, **wanted).equals(before)
    newest = reader.read(FEATURES, **wanted | {"version": maintained.version})
    order = [(name, "ascending") for name in ("event_time", "flight_id")]
    assert newest.sort_by(order).equals(before.sort_by(order))


def test_the_reference_comes_from_the_champion_s_own_rows(loop: Loop) -> None:
    version = loop.stage.registry.versions("flights")[0]
    reference = Reference.from_bytes(loop.stage.artifacts.get(version.reference_uri))
    assert reference.rows == version.rows
    assert [feature.name for feature in reference.features] == list(loop.project.models["flights"].feature_names)
    assert {str(each) for each in reference.slices} == {"origin=EWR", "origin=JFK", "origin=LGA"}
    assert sum(of_slice.rows for of_slice in reference.slices.values()) == reference.rows
    assert reference.prediction is not None
    assert reference.prediction.rows > 0


@pytest.mark.parametrize("model", ["flights", "air_time"])
def test_the_champion_answers_over_http(loop: Loop, model: str) -> None:
    champion = loop.stage.registry.champion(model)
    assert champion is not None
    answer = loop.stage.api.predict(model, a_row(loop, model))
    assert answer["model_version"] == champion.version
    assert answer["prediction_id"]
    (prediction,) = answer["predictions"]
    assert 0 < prediction < 1 if model == "flights" else 20 < prediction < 700
    several = loop.stage.api.predict(model, {"rows": [a_row(loop, model)] * 3})
    assert several["predictions"] == [prediction] * 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_line_that_the_demo_ends_with_repeats_its_prediction(loop: Loop) -> None:
    row = a_row(loop)
    line = curl_line(loop.stage.url_for_shells, "flights", row)
    repeated = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    answer, told = loop.stage.api.predict("flights", row), json.loads(repeated.stdout)
    assert (told["model_version"], told["predictions"]) == (answer["model_version"], answer["predictions"])


def test_the_endpoint_tells_version_and_schema(loop: Loop) -> None:
    described = loop.stage.api.describe("flights")
    assert described["model_version"] == loop.stage.registry.versions("flights")[0].version
    assert [feature["name"] for feature in described["features"]] == list(
        loop.project.models["flights"].feature_names
    )


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        ("flights", {}, "400: carrier: missing; it must be text"),
        ("flights", {"rows": []}, "400: rows: the list is empty; at least one row is needed"),
        ("flights", {"rows": [{"carrier": "x" * 5_500_000}]}, "413: the body has 5,500,"),
        ("trains", {"rows": [{}]}, "404: there is no model 'trains'; known models: air_time, flights"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_in_one_sentence(
    loop: Loop, model: str, body: object, told: str
) -> None:
    with pytest.raises(PredictionRefused) as refused:
        loop.stage.api.predict(model, body)
    assert str(refused.value).startswith(told)


# --- drift and decisions -------------------------------------------------------------------------


def test_a_day_of_nothing_but_long_flights_is_drift_and_a_decision_follows(loop: Loop) -> None:
    day = loop.next_day()
    flights = loop.flights.table
    of_day = flights[flights["day"] == day]
    long = of_day[of_day["distance"] > 1_500].sample(len(of_day), replace=True, random_state=0).copy()
    long["flight_id"] = of_day["flight_id"].to_numpy()
    batch = loop.land(replace(loop.flights, table=long).features(day))
    assert isinstance(batch, Batch), batch
    verdict = next(v for v in loop.stage.batches.batch_verdicts(FEATURES, batch.batch_id) if v.model == "flights")
    assert verdict.status is DriftStatus.DRIFTED
    assert {"distance", "dest"} <= set(verdict.drifted_features)
    assert verdict.faults == ()
    assert verdict.relations is not None
    assert {str(each.of) for each in verdict.slices} == {"origin=EWR", "origin=JFK", "origin=LGA"}
    decision = loop.decision("flights", f"drift:{batch.batch_id}")
    assert decision.decision.action is Action.HOLD


def test_a_person_s_request_trains_a_contender_that_has_to_pass_the_gate(loop: Loop) -> None:
    ran = evertrain("retrain", "flights", "--reason", "a test asks", "--json")
    asked = json.loads(ran.stdout)
    assert asked["decision"]["action"] == "retrain", asked
    decision = loop.stage.decisions.find("flights", asked["decision_id"])
    assert decision is not None
    outcome = loop.outcome(decision)
    assert outcome.name in (EventName.MODEL_PROMOTED, EventName.CONTENDER_REJECTED)
    version = next(v for v in loop.stage.registry.versions("flights") if v.version == outcome.version)
    assert version.decision_id == decision.decision_id
    champion = loop.stage.registry.champion("flights")
    assert champion is not None
    assert (champion.version == version.version) is version.gate.passed
    assert loop.stage.api.predict("flights", a_row(loop))["model_version"] == champion.version


def test_what_spot_capacity_takes_away_is_trained_on_demand(loop: Loop) -> None:
    asked = json.loads(evertrain("retrain", "air_time", "--reason", "another test asks", "--json").stdout)
    decision = loop.stage.decisions.find("air_time", asked["decision_id"])
    assert decision is not None
    on_spot = loop.wait(lambda: next(running(loop, "FARGATE_SPOT"), None), awaited="a container on spot capacity")
    client("ecs").stop_task(cluster=on_spot["clusterArn"], task=on_spot["taskArn"], reason="the capacity is needed")
    again = loop.wait(lambda: next(running(loop, None), None), awaited="the same on demand")
    assert again["overrides"]["containerOverrides"] == on_spot["overrides"]["containerOverrides"]
    outcome = loop.outcome(decision)
    assert outcome.name in (EventName.MODEL_PROMOTED, EventName.CONTENDER_REJECTED), outcome.sentence


def running(loop: Loop, capacity_provider: str | None) -> Iterator[dict[str, Any]]:
    """Contenders' containers."""
    ecs = client("ecs")
    for cluster in ecs.list_clusters()["clusterArns"]:
        arns = ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"]
        for task in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []:
            names = {each["name"] for each in task["overrides"]["containerOverrides"][0]["environment"]}
            if task.get("capacityProviderName") == capacity_provider and "CANDIDATE" in names:
                yield task


def test_a_retraining_for_which_rows_are_wanting_is_postponed_and_not_a_failure(loop: Loop) -> None:
    """Its plan's only window lies where nobody flew."""
    runs = RunDocuments(artifacts=loop.stage.artifacts, root=f"s3://{loop.stage.output('ArtifactBucket')}")
    champion = loop.stage.registry.champion("air_time")
    assert champion is not None
    plan = runs.plan(loop.stage.registry.version("air_time", champion.version).plan_uri)
    nobody_flew = Interval(start=datetime(2012, 1, 1, tzinfo=UTC), end=datetime(2012, 2, 1, tzinfo=UTC))
    candidate = Candidate(name="14d", window=Window(name="14d", rows=nobody_flew))
    runs.put_plan(replace(plan, decision_id="rows-are-wanting", candidates=(candidate,)))
    decided = a_decision_to_retrain("rows-are-wanting", model="air_time", decided_at=loop.stage.now())
    loop.stage.decisions.record(decided)
    publish_retrain_requested(loop, model="air_time", decision_id="rows-are-wanting")

    outcome = loop.wait(
        lambda: loop.stage.decisions.outcome_of("air_time", "rows-are-wanting"), awaited="the retraining's end"
    )
    assert outcome.name is EventName.RETRAIN_POSTPONED, outcome.sentence
    assert outcome.sentence.startswith(
        "NothingToChoose: no candidate could be trained: air_time: window 14d has 0 labelled rows"
    )
    execution = loop.wait(lambda: ended_execution_of("rows-are-wanting"), awaited="the execution's end")
    assert execution["status"] == "SUCCEEDED"
    assert not loop.stage.leases.is_held("air_time")
    assert loop.stage.registry.champion("air_time") == champion


@pytest.mark.parametrize(
    ("decision_id", "error"), [({"made": "up-by-hand"}, "InvalidEvent"), ("made-up-by-hand", "UnknownDecision")]
)
def test_an_event_that_somebody_made_up_starts_nothing_and_harms_no_log(
    loop: Loop, decision_id: object, error: str
) -> None:
    before = loop.stage.decisions.outcomes("flights", limit=20)
    publish_retrain_requested(loop, model="flights", decision_id=decision_id)
    execution = loop.wait(lambda: ended_execution_of(json.dumps(decision_id)), awaited="the execution's end")
    assert (execution["status"], execution["error"]) == ("FAILED", error)
    assert loop.stage.decisions.outcomes("flights", limit=20) == before
    assert not loop.stage.leases.is_held("flights")
    loop.wait(lambda: is_worked_off(loop, Output.ENDED_QUEUE_URL) or None, awaited="the look at what it left behind")


@pytest.mark.parametrize("state", ["AcquireLease", "Train", "Evaluate", "Publish", "SmokeTest"])
def test_wherever_an_execution_is_stopped_one_of_the_right_ends_holds(loop: Loop, state: str) -> None:
    """The champion's own retraining once more, which would promote an equal version. States that end within
    milliseconds are stopped in the use case's tests."""
    stage, decision_id = loop.stage, f"stopped-in-{state}"
    runs = RunDocuments(artifacts=stage.artifacts, root=f"s3://{stage.output('ArtifactBucket')}")
    before = stage.registry.champion("air_time")
    assert before is not None
    plan = runs.plan(stage.registry.version("air_time", before.version).plan_uri)
    planned_at = plan.planned_at + timedelta(minutes=1 + len(stage.registry.versions("air_time")))
    runs.put_plan(replace(plan, decision_id=decision_id, planned_at=planned_at, champion_version=before.version))
    decided = a_decision_to_retrain(decision_id, model="air_time", decided_at=stage.now())
    stage.decisions.record(decided, lease=LEASE_DURATION)
    publish_retrain_requested(loop, model="air_time", decision_id=decision_id)

    stop_in_state(loop, decision_id, state)
    # The event of the end comes at once, when a step may still be under way; the schedule looks again.
    outcome = None
    while outcome is None:
        look_again(loop)
        outcome = stage.outcome_of(decided)
    look_again(loop)

    after = stage.registry.champion("air_time")
    assert after is not None
    assert stage.endpoint.live("air_time").function_version == after.function_version
    assert not stage.leases.is_held("air_time")
    mine = [each.status for each in stage.registry.versions("air_time") if each.decision_id == decision_id]
    if after == before:
        assert outcome.name in (EventName.RETRAIN_FAILED, EventName.ROLLED_BACK)
        assert set(mine) <= {VersionStatus.ROLLED_BACK}
    else:
        assert (outcome.name, mine) == (EventName.MODEL_PROMOTED, [VersionStatus.CHAMPION])
    assert stage.api.predict("air_time", a_row(loop, "air_time"))["model_version"] == after.version


def stop_in_state(loop: Loop, decision_id: str, state: str) -> None:
    states, machine = client("stepfunctions"), loop.stage.output(Output.STATE_MACHINE_ARN)

    def entered() -> str | None:
        for execution in states.list_executions(stateMachineArn=machine)["executions"]:
            arn: str = execution["executionArn"]
            if decision_id in states.describe_execution(executionArn=arn)["input"]:
                events = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
                names = {
                    each["stateEnteredEventDetails"]["name"] for each in events if "stateEnteredEventDetails" in each
                }
                return arn if state in names else None
        return None

    execution = loop.wait(entered, awaited=f"{state} of {decision_id}")
    states.stop_execution(executionArn=execution, error="Stopped", cause="by a test")


def test_an_alias_that_was_moved_by_hand_goes_back_to_the_champion(loop: Loop) -> None:
    champion = loop.stage.registry.champion("flights")
    assert champion is not None
    loop.stage.endpoint.point_alias("flights", Live(function_version="$LATEST"))
    ran = evertrain("status", "flights")
    assert "function version $LATEST answers: not the champion" in ran.stdout
    look_again(loop)
    assert loop.stage.endpoint.live("flights").function_version == champion.function_version
    assert "the champion answers" in evertrain("status", "flights").stdout


def look_again(loop: Loop) -> None:
    """As the schedule does."""
    client("sqs").send_message(QueueUrl=loop.stage.output(Output.ENDED_QUEUE_URL), MessageBody='{"detail": {}}')
    loop.wait(lambda: is_worked_off(loop, Output.ENDED_QUEUE_URL) or None, awaited="the look at every model")


def is_worked_off(loop: Loop, queue: Output) -> bool:
    """Nothing waits in the queue, and nothing is in a function's hands."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client("sqs").get_queue_attributes(QueueUrl=loop.stage.output(queue), AttributeNames=names)["Attributes"]
    return all(found[name] == "0" for name in names)


def publish_retrain_requested(loop: Loop, **detail: object) -> None:
    bus = EventBridgeBus(client=client("events"), bus_name=loop.stage.output("EventBusName"))
    bus.publish([Event(name=EventName.RETRAIN_REQUESTED, detail=detail)])


def ended_execution_of(decision_id: str) -> dict[str, Any] | None:
    states = client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        for each in states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
            execution = states.describe_execution(executionArn=each["executionArn"])
            if decision_id in execution["input"] and execution["status"] != "RUNNING":
                return dict(execution)
    return None


def test_a_late_repeat_of_a_retraining_s_event_starts_nothing(loop: Loop) -> None:
    decision = next(
        entry
        for entry in loop.stage.decisions.decisions("flights", limit=20)
        if entry.decision.action is Action.RETRAIN
    )
    before = len(loop.stage.registry.versions("flights"))
    payload = {"model": "flights", "decision_id": decision.decision_id, "execution": "late"}
    _, error = loop.invoke(loop.function("Lifecycle"), {"step": "acquire_lease", **payload})
    assert error == "LeaseHeld"
    assert not loop.stage.leases.is_held("flights")
    assert len(loop.stage.registry.versions("flights")) == before


def test_a_rollout_that_fails_goes_back_to_the_champion(loop: Loop) -> None:
    """The steps by hand: an older version is put in front of the callers, then taken back."""
    champion = loop.stage.registry.champion("air_time")
    assert champion is not None
    fresh = replace(loop.stage.registry.version("air_time", champion.version), version="20990101-0000-by-hand")
    loop.stage.registry.register(replace(fresh, status=VersionStatus.REGISTERED))
    rollout, named = loop.function("Rollout"), {"model": "air_time", "version": fresh.version}
    published, error = loop.invoke(rollout, {"step": "publish", **named})
    assert not error, published
    assert published["previous_function_version"] == champion.function_version
    _, error = loop.invoke(rollout, {"step": "smoke_test", **named, "function_version": champion.function_version})
    assert error == "EndpointError"
    beside = {"expected_champion": champion.version}
    for number in range(3):
        begun = {"rollout": {"number": number, "share": 0, "look": 1, "wait_seconds": 0}}
        shifted, error = loop.invoke(rollout, {"step": "shift_alias", **named, **published, **beside, **begun})
        assert not error, shifted
    assert loop.stage.api.predict("air_time", a_row(loop, "air_time"))["model_version"] == fresh.version
    _, error = loop.invoke(rollout, {"step": "rollback", **named, **published})
    assert not error
    assert loop.stage.api.predict("air_time", a_row(loop, "air_time"))["model_version"] == champion.version
    assert loop.stage.registry.version("air_time", fresh.version).status is VersionStatus.ROLLED_BACK


def test_a_lost_race_for_the_champion_is_refused(loop: Loop) -> None:
    champion = loop.stage.registry.champion("air_time")
    assert champion is not None
    payload = {
        "step": "promote",
        "model": "air_time",
        "version": "20990101-0000-by-hand",
        "function_version": "99",
        "expected_champion": "somebody-else",
    }
    _, error = loop.invoke(loop.function("Rollout"), payload)
    assert error == "RolloutInterrupted"
    assert loop.stage.registry.champion("air_time") == champion


def test_the_schedule_asks_every_model_regularly(loop: Loop) -> None:
    def ticked() -> list[Any]:
        everything = loop.stage.decisions.decisions("air_time", limit=500, include_quiet=True)
        return [entry for entry in everything if entry.cause.startswith("tick:")]

    assert loop.wait(lambda: ticked() or None, awaited="the schedule's tick", seconds=100)


# --- requests and what was predicted --------------------------------------------------------------


def test_what_was_asked_and_answered_is_in_the_feature_store(loop: Loop) -> None:
    day = loop.next_day()
    answer = ask(loop, loop.flights.table[loop.flights.table["day"] == day])
    batch = loop.wait(lambda: newest(loop, loop.now), awaited="the requests' batch")
    assert batch.rows == len(answer["predictions"])
    version = loop.committed(batch).version
    reader = DeltaReader(root=f"s3://{loop.stage.output('FeatureStoreBucket')}/tables")
    of_today = Interval(start=loop.now - timedelta(hours=1), end=loop.now + timedelta(hours=1))
    table = reader.read(PREDICTIONS, version=version, rows=of_today, known_at=loop.now + timedelta(hours=1))
    kept = dict(zip(table["prediction_id"].to_pylist(), table["prediction"].to_pylist(), strict=True))
    assert kept == {f"{answer['prediction_id']}:{row}": each for row, each in enumerate(answer["predictions"])}
    assert set(table["model_version"].to_pylist()) == {answer["model_version"]}


def test_a_day_of_requests_is_judged_when_it_is_over(loop: Loop) -> None:
    day = loop.next_day()
    rows = loop.flights.table[loop.flights.table["day"] == day]
    ask(loop, rows.assign(distance=rows["distance"] * 1.609))  # somebody asks in kilometres
    asked_on = loop.now
    loop.wait(lambda: newest(loop, asked_on), awaited="the requests' batch")
    loop.next_day()
    ask(loop, rows.head(1))
    verdict = loop.wait(
        lambda: next(
            (v for v in loop.stage.batches.request_verdicts("flights", limit=9) if v.rows == len(rows)), None
        ),
        awaited="the verdict on the requests",
    )
    assert verdict.batch_id == f"requests-{asked_on:%Y-%m-%d}"
    assert {feature.feature for feature in verdict.features} >= {"prediction", "distance"}
    assert "distance" in verdict.drifted_features
    assert loop.decision("flights", f"drift:{verdict.batch_id}")
    told = json.loads(
        evertrain("drift", "--model", "flights", "--requests", "--since", "2d", "--json", status=1).stdout
    )
    assert told["rows"] >= len(rows)
    assert "prediction" in {feature["feature"] for feature in told["features"]}


def ask(loop: Loop, rows: pd.DataFrame) -> dict[str, Any]:
    return loop.stage.api.predict("flights", {"rows": to_json_rows(rows, loop.project.models["flights"])})


def newest(loop: Loop, moment: datetime) -> Batch | None:
    """The batch of requests of this moment, once it has landed."""
    return next((b for b in loop.stage.batches.batches(PREDICTIONS, limit=1, since=moment)), None)


# --- large objects -------------------------------------------------------------------------------


def test_a_large_object_is_checked_in_parts_and_is_one_batch(loop: Loop) -> None:
    day = loop.next_day()
    body, rows = loop.large_object(day)
    batch = loop.land(body)
    assert isinstance(batch, Batch), batch
    assert batch.rows == rows.num_rows
    assert len(batch.files) > 2
    assert sum(file.rows for file in batch.files) == batch.rows
    assert {v.model for v in loop.stage.batches.batch_verdicts(FEATURES, batch.batch_id)} == {"flights", "air_time"}
    state = loop.committed(batch)
    reader = DeltaReader(root=f"s3://{loop.stage.output('FeatureStoreBucket')}/tables")
    of_batch = Interval(start=batch.event_time_min, end=batch.event_time_max + timedelta(seconds=1))
    stored = reader.read(FEATURES, version=state.version, rows=of_batch, known_at=loop.now + timedelta(hours=1))
    assert set(rows["flight_id"].to_pylist()) <= set(stored["flight_id"].to_pylist())
    executions = client("stepfunctions").list_executions(stateMachineArn=loop.stage.output("LargeBatchesArn"))
    assert [execution["status"] for execution in executions["executions"]] == ["SUCCEEDED"]


# --- once, and only what is good ------------------------------------------------------------------


def test_the_same_object_landed_and_announced_again_has_one_effect(loop: Loop) -> None:
    day = loop.next_day()
    body = loop.flights.features(day)
    batch = loop.land(body)
    assert isinstance(batch, Batch)
    committed = loop.committed(batch)
    loop.stage.land(FEATURES, "the-same-again.parquet", body)
    event = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": loop.stage.output("LandingBucket")}, "object": {"key": batch.source_key}},
    }
    for _ in range(2):
        client("sqs").send_message(QueueUrl=loop.stage.output("LandedQueueUrl"), MessageBody=json.dumps(event))
    later = loop.land(b"this comes after the repeats")
    assert isinstance(later, Quarantine)
    assert loop.stage.tables.get(FEATURES) == committed
    assert len([b for b in loop.stage.batches.batches(FEATURES, limit=5) if b.batch_id == batch.batch_id]) == 1


def test_a_column_of_zeros_is_the_feed_s_fault_until_a_person_releases_it(loop: Loop) -> None:
    day = loop.next_day()
    frame = loop.flights.table[loop.flights.table["day"] == day]
    with_it = replace(loop.flights, table=frame.assign(wind_speed=0.0))
    body = with_it.features(day)
    quarantine = loop.land(body)
    assert isinstance(quarantine, Quarantine)
    assert [(fault.code, fault.column) for fault in quarantine.faults] == [("constant", "wind_speed")]
    assert quarantine.batch_id[:12] in evertrain("quarantine").stdout
    assert "will be accepted" in evertrain("release", quarantine.batch_id[:12]).stdout
    batch = loop.wait(lambda: loop.stage.landing_result(FEATURES, body), awaited="the released batch")
    assert isinstance(batch, Batch)
    assert batch.batch_id == quarantine.batch_id
    told = evertrain("release", quarantine.batch_id[:12], status=2).stderr
    assert told.startswith("no batch in quarantine whose id begins with")


def test_a_bad_batch_is_set_aside_a_person_is_called_and_later_batches_go_on(loop: Loop) -> None:
    inbox = subscribe_to_escalations(loop)
    day = loop.next_day()
    body = loop.flights.features(day)
    loop.committed(loop.land(body))  # ends whatever incident an earlier test began
    loop.next_day()
    quarantine = loop.land(body[: len(body) // 2])
    assert isinstance(quarantine, Quarantine)
    assert quarantine.faults[0].code == "unparsable"
    bucket, _, key = quarantine.object_uri.removeprefix("s3://").partition("/")
    s3 = client("s3")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body[: len(body) // 2]
    reasons = json.loads(s3.get_object(Bucket=bucket, Key=key.replace("/object", "/reasons.json"))["Body"].read())
    assert reasons["faults"][0]["code"] == "unparsable"
    decision = loop.decision("flights", f"quarantine:{quarantine.batch_id}")
    # The schedule's tick may come between the batch and its event: then the tick's decision called the person.
    assert decision.decision.reason in (Reason.FEED_BROKEN, Reason.HUMAN_CALLED)
    assert "the feed needs repair" in decision.decision.sentence
    assert "the feed needs repair" in loop.wait(lambda: received(inbox), awaited="the call")
    assert isinstance(loop.land(loop.flights.features(loop.today)), Batch)


def test_an_object_outside_every_feed_is_set_aside(loop: Loop) -> None:
    quarantine = loop.land_anywhere("notes/todo.txt", b"remember the milk")
    assert quarantine.feed is None
    assert quarantine.faults[0].code == "unknown_feed"


def test_labels_of_a_broken_file_are_set_aside_too(loop: Loop) -> None:
    feed = Feed(kind=FeedKind.LABELS, name="flights")
    quarantine = loop.land(b"late,flight_id\nmaybe,1\n", feed=feed, name="labels.csv")
    assert isinstance(quarantine, Quarantine)
    assert {fault.code for fault in quarantine.faults} >= {"missing_column", "wrong_type"}


def test_no_work_was_left_dead(loop: Loop) -> None:
    for queue in (
        "LandedDeadQueueUrl",
        "AcceptedDeadQueueUrl",
        "UndecidedDeadQueueUrl",
        "LabelledDeadQueueUrl",
        "DueDeadQueueUrl",
        "UnstartedQueueUrl",
        "PredictionsDeadQueueUrl",
        "ReportedLabelsDeadQueueUrl",
    ):
        answer = client("sqs").get_queue_attributes(
            QueueUrl=loop.stage.output(queue), AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert answer["Attributes"]["ApproximateNumberOfMessages"] == "0", queue


def test_what_waits_for_a_person_is_told_and_handed_out_again(loop: Loop) -> None:
    """As a message that failed until it was given up: the event of an object that landed."""
    body = loop.flights.features(loop.next_day())
    key = f"{FEATURES}/given-up.parquet"
    event = {"detail": {"bucket": {"name": loop.stage.output("LandingBucket")}, "object": {"key": key}}}
    client("sqs").send_message(QueueUrl=loop.stage.output("LandedDeadQueueUrl"), MessageBody=json.dumps(event))
    client("s3").put_object(Bucket=event["detail"]["bucket"]["name"], Key=key, Body=body)  # type: ignore[arg-type]
    told = evertrain("check", "--deployed", status=1).stdout
    assert "landed: 1 message could not be worked off" in " ".join(told.split())
    assert "handed out again" in evertrain("redrive", "landed").stdout
    assert loop.wait(lambda: loop.stage.landing_result(FEATURES, body), awaited="the object's fate")
    assert "Nothing waits in landed." in evertrain("redrive", "landed").stdout
    checked = json.loads(evertrain("check", "--deployed", "--json", status=None).stdout)
    assert set(checked["dead_letters"].values()) == {0}
    assert checked["models"] == ["air_time", "flights"]
    assert sum(checked["subscribers"].values()) >= 1  # the stage was deployed with `notify`
    assert "there is no queue lost" in evertrain("redrive", "lost", status=2).stderr


# --- the feature store from the command line -----------------------------------------------------


def test_the_rows_of_a_version_are_proven_by_their_digest(loop: Loop, tmp_path: Path) -> None:
    version = loop.stage.registry.versions("flights")[0]
    asked = ("training-set", "flights", version.version, "--out", str(tmp_path / "rows.parquet"), "--json")
    told = json.loads(evertrain(*asked).stdout)
    assert told == {"version": version.version, "rows": version.rows, "sha256": version.training_set.sha256}
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == version.rows
    assert len(version.code["estimator_sha256"]) == 64


def test_the_store_tells_what_was_known_at_a_time(loop: Loop) -> None:
    now = loop.stage.now()
    earlier = (now - timedelta(days=5)).isoformat()
    rows = json.loads(evertrain("features", "flights", "--as-of", earlier, "--head", "9999", "--json").stdout)
    assert rows
    assert max(row["ingested_at"] for row in rows) <= earlier
    assert len({(row["flight_id"], row["event_time"]) for row in rows}) == len(rows)
    first = json.loads(evertrain("features", "flights", "--as-of", earlier, "--head", "3", "--json").stdout)
    assert first == rows[:3]
    (group,) = json.loads(evertrain("features", "--json").stdout)
    assert (group["name"], group["owner"], group["models"]) == (
        "flights",
        "flight-operations",
        ["air_time", "flights"],
    )
    wrong = evertrain("features", "boats", status=2)
    assert "there is no table boats; there are flights, labels/air_time, labels/flights" in wrong.stderr


def test_labels_that_callers_report_land_and_correct_earlier_ones(loop: Loop) -> None:
    rows = loop.stage.rows(
        LABELS, Interval(start=datetime(2013, 1, 5, tzinfo=UTC), end=loop.stage.now()), known_at=loop.stage.now()
    )
    one = rows.slice(0, 1).to_pylist()[0]
    label = {
        "flight_id": one["flight_id"],
        "scheduled_departure": one["event_time"].isoformat(),
        "late": 1 - int(one["late"]),
    }
    before = loop.stage.tables.get(LABELS)
    assert before is not None
    answer = loop.stage.api.report_labels("flights", {"labels": [label]})
    assert answer["accepted"] == 1
    after = loop.wait(
        lambda: state if (state := loop.stage.tables.get(LABELS)).rows > before.rows else None,
        awaited="the reported label",
        seconds=120,
    )
    assert after.rows == before.rows + 1
    with pytest.raises(PredictionRefused, match=r"400: late: must be 0 or 1"):
        loop.stage.api.report_labels("flights", label | {"late": 0.5})
    with pytest.raises(PredictionRefused, match=r"404"):
        loop.stage.api.report_labels("boats", label)


def test_labels_are_measured_as_they_come_in(loop: Loop) -> None:
    told = json.loads(evertrain("labels", "flights", "--json").stdout)
    assert told["complete_to"] is not None
    assert 0.9 < told["coverage"] <= 1
    assert told["progress"]["unmatched"] == 0
    assert "labels are complete to" in evertrain("labels", "flights").stdout


def test_what_predictions_turned_out_to_be_worth_is_measured_as_labels_come_in(loop: Loop) -> None:
    champion = loop.stage.registry.champion("flights")
    assert champion is not None
    told = json.loads(evertrain("performance", "flights", "--json").stdout)
    assert told["version"] == champion.version
    assert told["promised"]["rows"] > 1_000
    assert "promised at the gate: roc_auc_score 0." in evertrain("performance", "flights").stdout
    first = loop.stage.registry.history("flights")[-1]
    realised = loop.stage.performance.performance("flights", first.version).realised
    assert realised
    assert all(day.until > first.trained_until for day in realised)
    # Labels are a week late: what they will say of that week is estimated.
    assert told["awaited"]["start"] > max(day["start"] for day in told["days"] or [told["promised"]])
    assert 0.4 < told["awaited"]["metric"] < 1
    assert "without labels yet, estimated: roc_auc_score 0." in evertrain("performance", "flights").stdout
    assert "flights has no version v9" in evertrain("performance", "flights", "v9", status=2).stderr


def test_a_decision_is_explained_with_its_evidence_and_its_outcome(loop: Loop) -> None:
    first = loop.stage.registry.history("flights")[-1]
    decision_id = loop.stage.registry.version("flights", first.version).decision_id
    told = evertrain("explain", "flights", decision_id[:10]).stdout
    assert "there is no champion yet" in told
    assert f"ModelPromoted {first.version}" in told
    answer = json.loads(evertrain("explain", "flights", "--json").stdout)
    assert answer["decision"]["model"] == "flights"
    assert "flights has no decision zzz" in evertrain("explain", "flights", "zzz", status=2).stderr


def test_what_the_endpoint_was_asked_is_trained_on_once_its_outcome_is_told(loop: Loop) -> None:
    loop.next_day()
    spec, row = loop.project.models["flights"], a_row(loop, "flights")
    answer = loop.stage.api.predict("flights", {"rows": [row, row]})
    outcome = {"prediction_id": f"{answer['prediction_id']}:1", "late": 1}
    assert loop.stage.api.report_labels("flights", outcome)["accepted"] == 1
    versions = {
        str(feed): loop.wait(
            lambda feed=feed: state_since(loop, feed), awaited=f"{feed}'s commit", seconds=180
        ).version
        for feed in request_feeds(spec)
    }
    champion, _ = loop.stage.training_rows("flights")
    plan = RunDocuments(artifacts=loop.stage.artifacts, root="").plan(champion.plan_uri)
    later = replace(plan, known_at=loop.now + timedelta(hours=1), table_versions={**plan.table_versions, **versions})
    of_today = Interval(start=loop.now - timedelta(hours=1), end=loop.now + timedelta(hours=1))
    reader = DeltaReader(root=f"s3://{loop.stage.output('FeatureStoreBucket')}/tables")
    exploring = replace(spec, endpoint=EndpointPolicy(explore=0.05))
    (trained,) = StoredTrainingRows(tables=reader).read_labelled(exploring, later, of_today).to_pylist()
    assert (trained["flight_id"], trained["late"]) == (outcome["prediction_id"], 1)
    assert (trained["carrier"], trained["distance"]) == (row["carrier"], row["distance"])
    assert trained["label_weight"] >= 2, "it stands for the other row that was asked, which has no label"


def state_since(loop: Loop, feed: Feed) -> TableState | None:
    """The table's state, once rows of today are in it."""
    state = loop.stage.tables.get(feed)
    return state if state is not None and state.event_time_max >= loop.now else None


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["status"], "flights: Will a flight arrive more than 15 minutes late?"),
        (["status", "air_time"], "champion"),
        (["decisions", "flights"], "Decisions"),
        (["versions", "flights"], "Versions"),
    ],
)
def test_a_command_shows_what_is_there_to_people_and_to_scripts(loop: Loop, command: list[str], told: str) -> None:
    assert " ".join(told.split()) in " ".join(evertrain(*command).stdout.split())
    assert json.loads(evertrain(*command, "--json").stdout)


def test_a_retraining_is_told_on_a_page(loop: Loop, tmp_path: Path) -> None:
    first = loop.stage.registry.versions("flights")[-1]
    page = tmp_path / "page.html"
    told = evertrain("report", "flights", first.version, "--out", str(page)).stdout
    assert first.gate.sentence in " ".join(told.split())
    assert page.read_text().count("<circle") == 3  # two windows, and the contender on the gate slice
    evaluation = json.loads(evertrain("report", "flights", "--out", str(page), "--json").stdout)
    assert {each["candidate"]["name"] for each in evaluation["contenders"]} >= {"14d", "28d"}
    assert "flights has no version v9" in evertrain("report", "flights", "v9", status=2).stderr


def test_a_file_is_landed_and_judged_from_the_command_line(loop: Loop, tmp_path: Path) -> None:
    file = tmp_path / "day.parquet"
    file.write_bytes(loop.flights.features(loop.next_day()))
    found = json.loads(evertrain("land", "flights", str(file), "--json").stdout)
    assert found["batch"]["rows"] > 500
    assert {verdict["model"] for verdict in found["verdicts"]} == {"flights", "air_time"}
    file.write_bytes(b"no table")
    assert evertrain("land", "flights", str(file), status=2).stdout.startswith("quarantined")


def test_the_drift_of_what_has_landed_is_judged_from_the_command_line(loop: Loop, tmp_path: Path) -> None:
    batch = loop.land(loop.flights.features(loop.next_day()))
    assert isinstance(batch, Batch)
    verdict = next(v for v in loop.stage.batches.batch_verdicts(FEATURES, batch.batch_id) if v.model == "flights")
    page = tmp_path / "drift.html"
    options = ("drift", "--model", "flights", "--since", "2d", "--html", str(page), "--json")
    status = {DriftStatus.DRIFTED: 1}
    of_batch = loop.stage.drift_records.find_sketch(
        model="flights", version=verdict.reference_version, batch_id=verdict.batch_id
    )
    assert of_batch is not None
    assert Sketch.from_bytes(of_batch).rows == batch.rows
    ran = evertrain(*options, status=None)
    found = json.loads(ran.stdout)
    assert ran.returncode == status.get(DriftStatus(found["status"]), 0)
    assert found["rows"] >= batch.rows
    assert {feature["feature"] for feature in found["features"]} == set(loop.project.models["flights"].feature_names)
    assert "flights: features/flights of the last 2d" in page.read_text()
    told = evertrain("drift", "--model", "flights", "--since", "soon", status=2).stderr
    assert told == '--since soon: a duration is text such as "28d", "36h" or "90m"\n'


def test_a_prediction_is_asked_from_the_command_line(loop: Loop) -> None:
    answer = json.loads(evertrain("predict", "flights", "--json", json.dumps(a_row(loop))).stdout)
    assert len(answer["predictions"]) == 1


def test_an_unknown_model_is_told_with_the_known_ones(loop: Loop) -> None:
    told = evertrain("versions", "trains", status=2).stderr
    assert told == "there is no models/trains/; known models: air_time, flights\n"


def subscribe_to_escalations(loop: Loop) -> str:
    """A queue that gets what a person would."""
    sqs = client("sqs")
    topic = loop.stage.output("EscalationTopicArn")
    url: str = sqs.create_queue(QueueName="a-person-s-inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def received(url: str) -> str | None:
    messages = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
    return str(messages[0]["Body"]) if messages else None


def test_a_champion_is_taken_back_from_the_command_line(loop: Loop) -> None:
    """The other version is promoted by hand: whether the gate lets one through is another test's."""
    registry, endpoint = loop.stage.registry, loop.stage.endpoint
    good = registry.champion("flights")
    assert good is not None
    bad = next(version for version in registry.versions("flights") if version.version != good.version)
    registry.admit("flights", bad.version)
    artifact = {"artifact_uri": bad.artifact_uri, "artifact_sha256": bad.artifact_sha256}
    function = endpoint.publish("flights", version=bad.version, **artifact)
    promoted = replace(good, version=bad.version, since=loop.now, function_version=function, **artifact)
    registry.promote(promoted, expected_champion=good.version)
    endpoint.point_alias("flights", Live(function_version=function))
    assert loop.stage.api.predict("flights", {"rows": [a_row(loop)]})["model_version"] == bad.version

    told = evertrain("rollback", "flights", "--because", "nonsense at night").stdout
    assert f"{good.version} answers for flights again. {bad.version} is rolled back" in " ".join(told.split())
    assert loop.stage.api.predict("flights", {"rows": [a_row(loop)]})["model_version"] == good.version
    statuses = {each.version: each.status for each in registry.versions("flights")}
    assert (statuses[good.version], statuses[bad.version]) == (VersionStatus.CHAMPION, VersionStatus.ROLLED_BACK)

    tagged = json.loads(evertrain("tag", "flights", bad.version, "bug=ML-17", "--remove", "ok", "--json").stdout)
    assert tagged["tags"] == {"bug": "ML-17"}
    assert "bug=ML-17" in evertrain("versions", "flights").stdout
    differing = json.loads(evertrain("diff", "flights", bad.version, "--json").stdout)
    assert {"what": "tag bug", "first": "ML-17", "second": None} in differing
    assert {"what": "status", "first": "rolled_back", "second": "champion"} in differing
    answered = evertrain("versions", "flights", "--at", f"{loop.now + timedelta(minutes=1):%Y-%m-%dT%H:%M}Z").stdout
    assert f"{good.version} answered for flights" in " ".join(answered.split())
    assert "nonsense at night" in answered
    assert "v9 of flights has never answered" in evertrain("rollback", "flights", "v9", status=2).stderr

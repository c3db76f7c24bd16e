"""The state machine as AWS gets it: bounds on every state, and a Finish on every way out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from evertrain.domain.events import OUTCOME_EVENTS
from tests.infra.conftest import Assembly

State = dict[str, Any]
LEASE_SECONDS = 5 * 3600


@pytest.fixture(scope="session")
def definition(assembly: Assembly) -> dict[str, Any]:
    (_, machine), *_ = assembly.resources("AWS::StepFunctions::StateMachine", "training")
    parts = machine["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "arn" for part in parts)
    return dict(json.loads(text))


@pytest.fixture(scope="session")
def states(definition: dict[str, Any]) -> dict[str, State]:
    return dict(definition["States"])


def test_every_task_has_a_timeout_a_retry_and_a_catch(states: dict[str, State]) -> None:
    inside = states["Train"]["ItemProcessor"]["States"]
    tasks = {name: state for name, state in (states | inside).items() if state["Type"] == "Task"}
    assert len(tasks) == 21
    for name, task in tasks.items():
        assert task.get("TimeoutSeconds", 0) > 0 or name == "AskForApproval", name
        assert task["Retry"], name
        # A contender that fails fails the Map, which has the catch.
        assert "States.ALL" in errors(task if name in states else states["Train"]), name


def test_what_spot_capacity_lost_is_trained_on_demand(states: dict[str, State]) -> None:
    inside = states["Train"]["ItemProcessor"]["States"]
    assert states["Train"]["ItemProcessor"]["StartAt"] == "Spot?"
    (spot,) = inside["Spot?"]["Choices"]
    assert (spot["Variable"], spot["BooleanEquals"], spot["Next"]) == ("$.plan.spot", True, "TrainOnSpot")
    assert inside["Spot?"]["Default"] == inside["EndedByItself?"]["Default"] == "TrainContender"
    on_spot, on_demand = inside["TrainOnSpot"], inside["TrainContender"]
    assert on_spot["Parameters"]["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    assert "LaunchType" not in on_spot["Parameters"]
    assert on_demand["Parameters"]["LaunchType"] == "FARGATE"
    assert on_spot["Parameters"]["Overrides"] == on_demand["Parameters"]["Overrides"]
    assert caught(on_spot) == ["EndedByItself?"]
    (ended,) = inside["EndedByItself?"]["Choices"]
    assert {each.get("StringEquals", each.get("StringMatches")) for each in ended["Or"]} == {
        "States.Timeout",
        "*EssentialContainerExited*",
    }
    assert inside[ended["Next"]]["Type"] == "Fail"


def test_the_machine_has_no_timeout_that_would_end_it_without_an_outcome(definition: dict[str, Any]) -> None:
    assert "TimeoutSeconds" not in definition


def test_the_states_of_one_run_fit_into_the_lease(states: dict[str, State]) -> None:
    contender = states["Train"]["ItemProcessor"]["States"]["TrainContender"]
    once = [contender, *(states[name] for name in main_line(states) if states[name]["Type"] == "Task")]
    assert sum(state["TimeoutSeconds"] for state in once) < LEASE_SECONDS


def test_every_way_out_passes_exactly_one_finish(states: dict[str, State]) -> None:
    ways = list(ways_out(states, "Begin", ()))
    assert len(ways) > 20
    outcomes = set()
    for way in ways:
        finishes = [name for name in way if name.startswith("Finish")]
        if way[-1] in ("LeftToTheHolder", "Refused"):
            # Another execution holds the lease: it will finish this decision, or has. Or nobody decided it.
            assert way[:-1] == ("Begin", "AcquireLease")
            continue
        assert len(finishes) == 1, way
        outcomes.add(states[finishes[0]]["Parameters"]["outcome"])
    # Whether what failed is only to wait for more rows is for the function to say.
    assert outcomes | {"RetrainPostponed"} == {str(outcome) for outcome in OUTCOME_EVENTS}


def test_what_only_waits_for_more_rows_is_no_failed_execution(states: dict[str, State]) -> None:
    assert states["FinishRetrainFailed"]["Next"] == "Postponed?"
    (choice,) = states["Postponed?"]["Choices"]
    assert (choice["Variable"], choice["StringEquals"]) == ("$.ended.outcome", "RetrainPostponed")
    assert states[choice["Next"]]["Type"] == "Succeed"
    assert states[states["Postponed?"]["Default"]]["Type"] == "Fail"


@pytest.mark.parametrize("failing", ["ShiftAlias", "HealthCheck", "Promote"])
def test_what_fails_from_the_shift_on_is_rolled_back(states: dict[str, State], failing: str) -> None:
    assert caught(states[failing]) == ["Rollback"]


@pytest.mark.parametrize(
    "failing", ["Plan", "Train", "Narrow", "Evaluate", "Gate", "Register", "Publish", "SmokeTest"]
)
def test_what_fails_before_callers_notice_needs_no_rollback(states: dict[str, State], failing: str) -> None:
    assert caught(states[failing]) == ["FinishRetrainFailed"]


def test_a_promotion_whose_answer_was_lost_is_told_as_a_promotion(states: dict[str, State]) -> None:
    assert states["Rollback"]["Catch"][0]["ErrorEquals"] == ["AlreadyPromoted"]
    assert states["Rollback"]["Catch"][0]["Next"] == "FinishModelPromoted"


def test_the_main_line_is_the_one_that_is_documented(states: dict[str, State]) -> None:
    documented = "AcquireLease Plan Train Evaluate Gate Register Publish SmokeTest ShiftAlias HealthCheck Promote"
    tasks = [name for name in main_line(states) if states[name]["Type"] in ("Task", "Map")]
    assert tasks == [*documented.split(), "FinishModelPromoted"]


def test_a_rollout_is_looked_at_again_and_again_and_promoted_after_its_last_step(states: dict[str, State]) -> None:
    assert states["SmokeTest"]["Next"] == "BeginRollout"
    begun = states["BeginRollout"]
    assert (begun["ResultPath"], begun["Result"]["number"], begun["Next"]) == ("$.rollout", 0, "ShiftAlias")
    assert (states["ShiftAlias"]["ResultPath"], states["ShiftAlias"]["Next"]) == ("$.rollout", "Bake")
    assert (states["Bake"]["SecondsPath"], states["Bake"]["Next"]) == ("$.rollout.wait_seconds", "HealthCheck")
    assert (states["HealthCheck"]["ResultPath"], states["HealthCheck"]["Next"]) == ("$.rollout", "Well?")
    choices = {each["StringEquals"]: each["Next"] for each in states["Well?"]["Choices"]}
    assert choices == {"look_again": "Bake", "next_step": "ShiftAlias"}
    assert states["Well?"]["Default"] == "Promote"


def test_a_version_may_be_rolled_out_as_it_is(states: dict[str, State]) -> None:
    assert (states["AcquireLease"]["ResultPath"], states["AcquireLease"]["Next"]) == ("$.registered", "Trains?")
    (trains,) = states["Trains?"]["Choices"]
    assert (trains["Variable"], trains["StringEquals"], trains["Next"]) == ("$.registered.version", "", "Plan")
    as_it_is = states[states["Trains?"]["Default"]]
    assert (as_it_is["Parameters"], as_it_is["ResultPath"]) == ({"sentence.$": "$.registered.sentence"}, "$.gate")
    assert as_it_is["Next"] == "Publish"


def test_a_person_is_asked_between_the_gate_and_what_callers_notice(states: dict[str, State]) -> None:
    (passed,) = states["Passed?"]["Choices"]
    assert passed["Next"] == "ApprovalNeeded?"
    (not_needed,) = states["ApprovalNeeded?"]["Choices"]
    assert (not_needed["Variable"], not_needed["BooleanEquals"]) == ("$.plan.approval.is_needed", False)
    assert not_needed["Next"] == "Publish"
    assert states["ApprovalNeeded?"]["Default"] == "AskForApproval"
    assert states["AskForApproval"]["Next"] == "Approved?"
    (approved,) = states["Approved?"]["Choices"]
    assert (approved["Variable"], approved["StringEquals"]) == ("$.approval.answer", "approved")
    assert (approved["Next"], states["Approved?"]["Default"]) == ("Publish", "FinishTurnedDown")
    assert states["FinishTurnedDown"]["Parameters"]["outcome"] == "ContenderRejected"


def test_who_is_not_answered_in_time_is_held_and_does_not_ask_again(states: dict[str, State]) -> None:
    ask = states["AskForApproval"]
    assert ask["Resource"].endswith("states:::lambda:invoke.waitForTaskToken")
    assert ask["TimeoutSecondsPath"] == "$.plan.approval.timeout_seconds"
    assert set(ask["Parameters"]["Payload"]) == {"step", "plan_uri.$", "version.$", "task_token.$"}
    assert ask["Parameters"]["Payload"]["task_token.$"] == "$$.Task.Token"
    (retried,) = [each for each in ask["Retry"] if each["MaxAttempts"] == 0]
    assert "States.Timeout" in retried["ErrorEquals"]
    assert [(each["ErrorEquals"], each["Next"]) for each in ask["Catch"]] == [
        (["States.Timeout"], "FinishContenderHeld"),
        (["States.ALL"], "FinishRetrainFailed"),
    ]
    assert states["FinishContenderHeld"]["Next"] == "Held"


def test_rounds_go_on_until_the_last_one(states: dict[str, State]) -> None:
    assert states["Train"]["Next"] == "LastRound?"
    assert states["Train"]["ItemsPath"] == "$.plan.round.candidates"
    assert states["Train"]["MaxConcurrencyPath"] == "$.plan.concurrency"
    (last,) = states["LastRound?"]["Choices"]
    assert (last["Variable"], last["BooleanEquals"], last["Next"]) == ("$.plan.round.is_last", True, "Evaluate")
    assert states["LastRound?"]["Default"] == "Narrow"
    assert (states["Narrow"]["ResultPath"], states["Narrow"]["Next"]) == ("$.plan.round", "Train")


@pytest.mark.parametrize(
    ("state", "payload"),
    [
        ("AcquireLease", {"step", "model", "decision_id", "execution"}),
        ("Plan", {"step", "model", "decision_id", "execution"}),
        ("Narrow", {"step", "plan_uri", "round"}),
        ("Gate", {"step", "plan_uri"}),
        ("Register", {"step", "plan_uri"}),
        ("Publish", {"step", "model", "version"}),
        ("SmokeTest", {"step", "model", "version", "function_version"}),
        (
            "ShiftAlias",
            {
                "step",
                "model",
                "version",
                "function_version",
                "previous_function_version",
                "expected_champion",
                "rollout",
            },
        ),
        ("HealthCheck", {"step", "model", "version", "rollout"}),
        ("Promote", {"step", "model", "version", "function_version", "expected_champion"}),
        ("Rollback", {"step", "model", "version", "previous_function_version"}),
        ("FinishModelPromoted", {"step", "model", "decision_id", "outcome", "version", "sentence"}),
        ("FinishRolledBack", {"step", "model", "decision_id", "outcome", "version", "error", "cause"}),
    ],
)
def test_each_step_is_asked_with_its_documented_fields(
    states: dict[str, State], state: str, payload: set[str]
) -> None:
    assert {name.removesuffix(".$") for name in states[state]["Parameters"]} == payload


def errors(state: State) -> list[str]:
    return [error for catch in state["Catch"] for error in catch["ErrorEquals"]]


def caught(state: State) -> list[str]:
    return [catch["Next"] for catch in state["Catch"]]


def main_line(states: dict[str, State]) -> list[str]:
    """Begin to end when nothing fails, the contender passes, and the rollout has one step and one look."""
    line, name = [], "Begin"
    while True:
        line.append(name)
        state = states[name]
        if state["Type"] == "Choice":
            name = "Promote" if name == "Well?" else state["Choices"][0]["Next"]
        elif "Next" in state:
            name = state["Next"]
        else:
            return line


def ways_out(states: dict[str, State], name: str, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if before and (before[-1] == "Narrow" or (before[-1] == "Well?" and name != "Promote")):
        return  # another round, look or step has the ways out of the one before
    assert name not in before, "a loop"
    state, way = states[name], (*before, name)
    following = {state["Next"]} if "Next" in state else set()
    following |= {catch["Next"] for catch in state.get("Catch", ())}
    following |= {choice["Next"] for choice in state.get("Choices", ())}
    if "Default" in state:
        following.add(state["Default"])
    if not following:
        yield way
    for next_name in sorted(following):
        yield from ways_out(states, next_name, way)

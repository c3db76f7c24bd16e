"""The machine for large objects as AWS gets it."""

import json
from typing import Any

import pytest

from tests.infra.conftest import Assembly


@pytest.fixture(scope="module")
def states(assembly: Assembly) -> dict[str, Any]:
    (_, machine), *_ = assembly.resources("AWS::StepFunctions::StateMachine", "monitoring")
    parts = machine["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "arn" for part in parts)
    return dict(json.loads(text)["States"])


def test_parts_are_executions_of_their_own_and_bounded(states: dict[str, Any]) -> None:
    parts = states["Parts"]
    assert parts["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert parts["ItemsPath"] == "$.split.parts"
    assert 1 < parts["MaxConcurrency"] <= 100
    # One part that cannot be checked fails the whole: no batch is accepted by halves.
    assert "ToleratedFailurePercentage" not in parts
    assert "ToleratedFailureCount" not in parts
    assert parts["ItemSelector"] == {"split_uri.$": "$.split.split_uri", "part.$": "$$.Map.Item.Value"}


def test_each_step_is_asked_with_its_fields(states: dict[str, Any]) -> None:
    part = states["Parts"]["ItemProcessor"]["States"]["CheckPart"]
    assert states["Split"]["Parameters"] == {"step": "split", "bucket.$": "$.bucket", "key.$": "$.key"}
    assert part["Parameters"] == {"step": "check_part", "split_uri.$": "$.split_uri", "part.$": "$.part"}
    assert states["Finish"]["Parameters"] == {"step": "finish", "split_uri.$": "$.split.split_uri"}
    for task in (states["Split"], part, states["Finish"]):
        assert task["TimeoutSeconds"] == 915
        assert task["Retry"][0] == {"ErrorEquals": ["ObjectGone"], "MaxAttempts": 0}


@pytest.mark.parametrize("name", ["Split", "Parts", "Finish"])
def test_what_fails_goes_to_the_dead_letters_as_the_event_that_it_was(states: dict[str, Any], name: str) -> None:
    (caught,) = states[name]["Catch"]
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "TellAPerson")
    told = states["TellAPerson"]["Parameters"]["MessageBody"]
    assert told["detail"] == {"bucket": {"name.$": "$.bucket"}, "object": {"key.$": "$.key"}}
    assert told["id.$"] == "$.event_id"
    assert states["TellAPerson"]["Next"] == "Failed"


def test_what_is_known_already_needs_no_part(states: dict[str, Any]) -> None:
    (choice,) = states["NothingToDo?"]["Choices"]
    assert choice == {"Variable": "$.split.split_uri", "StringEquals": "", "Next": "NothingToDo"}


def test_objects_are_large_from_a_gibibyte_on_or_as_chosen(assembly: Assembly) -> None:
    sizes = {
        properties["Environment"]["Variables"]["LARGE_OBJECT_BYTES"]
        for _, properties in assembly.resources("AWS::Lambda::Function", "monitoring")
        if "LARGE_OBJECT_BYTES" in properties["Environment"]["Variables"]
    }
    assert sizes == {str(2**30)}

"""What a person is told of a failed state: one sentence, whatever Step Functions makes of the failure."""

import json

import pytest

from evertrain.domain.training.evaluation import UnusableRows
from evertrain.domain.training.outcomes import INSUFFICIENT_DATA_ERRORS
from evertrain.domain.training.rounds import NothingToChoose
from evertrain.domain.training.windows import NotEnoughHistory
from evertrain.use_cases.training.finish_retraining import MAX_SENTENCE_LENGTH, describe_failure


def test_a_lambda_s_error_message_is_told() -> None:
    cause = json.dumps(
        {"errorMessage": "p-trips: no such\n function", "errorType": "EndpointError", "stackTrace": []}
    )
    assert describe_failure("EndpointError", cause) == "EndpointError: p-trips: no such function"


def test_a_failed_container_is_told_from_those_that_ended_well() -> None:
    containers = [{"Name": "logger", "ExitCode": 0}, {"Name": "train", "ExitCode": 137, "Reason": "OutOfMemoryError"}]
    cause = json.dumps({"Containers": containers, "StoppedReason": "Essential container in task exited"})
    assert describe_failure("States.TaskFailed", cause) == (
        "States.TaskFailed: container train ended with exit code 137 (OutOfMemoryError)"
        "; declare a larger [task_size], where memory was full"
    )


def test_a_task_that_never_ran_tells_why_it_was_stopped() -> None:
    cause = json.dumps({"Containers": [{"Name": "train"}], "StoppedReason": "CannotPullContainerError: not found"})
    told = describe_failure("States.TaskFailed", cause)
    assert told == "States.TaskFailed: CannotPullContainerError: not found"


@pytest.mark.parametrize("cause", ["plain text", '"plain text"', "[1, 2]", '{"unknown": 1}', '{"Containers": null}'])
def test_a_cause_of_another_shape_is_told_as_it_is(cause: str) -> None:
    assert describe_failure("Custom", cause) == f"Custom: {cause}"


def test_a_long_cause_is_cut() -> None:
    told = describe_failure("Custom", "x" * 10_000)
    assert len(told) == MAX_SENTENCE_LENGTH
    assert told.endswith("…")


def test_errors_that_only_ask_for_rows_are_called_what_they_are_called() -> None:
    """They come from containers as text."""
    assert {error.__name__ for error in (NotEnoughHistory, NothingToChoose, UnusableRows)} == set(
        INSUFFICIENT_DATA_ERRORS
    )

"""What fails is delivered again alone, and soon."""

import logging

import pytest

from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event, handle_together
from evertrain.domain.errors import EvertrainError
from tests.builders.events import delivery
from tests.fakes.queues import FakeSqs


def fail_on_two(envelope: Envelope) -> None:
    if envelope["number"] == 2:
        raise ConnectionError("S3 is away")


def test_a_message_that_failed_comes_back_within_seconds(queue: FakeSqs) -> None:
    event = delivery(one={"number": 1}, two={"number": 2})
    assert handle_each_event(event, fail_on_two) == {"batchItemFailures": [{"itemIdentifier": "two"}]}
    assert queue.waits == {"receipt-two": 2}
    event["Records"][1]["attributes"]["ApproximateReceiveCount"] = "3"
    handle_each_event(event, fail_on_two)
    assert queue.waits == {"receipt-two": 18}


@pytest.mark.parametrize(("refusals", "shortened"), [(2, True), (3, False)])
def test_a_queue_that_does_not_answer_is_asked_three_times_and_harms_nothing(
    queue: FakeSqs, caplog: pytest.LogCaptureFixture, refusals: int, shortened: bool
) -> None:
    queue.refusals = refusals
    with caplog.at_level(logging.INFO):
        answer = handle_each_event(delivery(two={"number": 2}), fail_on_two)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "two"}]}
    assert ("receipt-two" in queue.waits) is shortened
    assert sum(message.startswith("wait_not_shortened") for message in caplog.messages) == refusals


def read(body: str) -> str:
    if "unreadable" in body:
        raise EvertrainError("it cannot be read")
    return body


def test_of_a_delivery_that_is_handled_at_once_an_unreadable_message_comes_back_alone(queue: FakeSqs) -> None:
    handled: list[str] = []
    answer = handle_together(delivery(one="a", two="unreadable", three="c"), read, handled.extend)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "two"}]}
    assert handled == ["a", "c"]


def test_where_handling_fails_the_whole_delivery_comes_back_soon(queue: FakeSqs) -> None:
    def fail(bodies: object) -> None:
        raise ConnectionError("S3 is away")

    answer = handle_together(delivery(one="a", two="unreadable"), read, fail)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "one"}, {"itemIdentifier": "two"}]}
    assert queue.waits == {"receipt-one": 2, "receipt-two": 2}

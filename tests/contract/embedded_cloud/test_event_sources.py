"""A queue is read as its reader asks: so many messages at a time, after so long a wait, by so many environments."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.embedded_cloud.test_functions import a_function, ask

pytestmark = pytest.mark.cloud

Client = Callable[[str], Any]
SAYS_HOW_MANY = (
    "import boto3, json, os\n"
    "def handler(event, context):\n"
    "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=str(len(event['Records'])))\n"
)


def queue(client: Client) -> tuple[str, str]:
    name = f"q-{uuid4().hex[:8]}"
    return client("sqs").create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:us-east-1:000000000000:{name}"


def deliveries(client: Client, *, messages: int, body: str = "x", **source: int) -> tuple[list[int], float]:
    """How many messages each call of a function got, and after how many seconds the first came."""
    (url, arn), (out, _) = queue(client), queue(client)
    sqs = client("sqs")
    function = a_function(client, SAYS_HOW_MANY, OUT=out)
    client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=function, **source)
    began = time.monotonic()
    for _ in range(messages):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    counts, first = [], 0.0
    while sum(counts) < messages:
        assert time.monotonic() < began + 30, counts
        for message in sqs.receive_message(QueueUrl=out, MaxNumberOfMessages=10).get("Messages", []):
            first = first or time.monotonic() - began
            counts.append(int(message["Body"]))
            sqs.delete_message(QueueUrl=out, ReceiptHandle=message["ReceiptHandle"])
        time.sleep(0.1)
    return counts, first


def test_messages_are_collected_for_the_window_into_one_delivery(client: Client) -> None:
    counts, first = deliveries(client, messages=40, BatchSize=1000, MaximumBatchingWindowInSeconds=3)
    assert counts == [40]
    assert first > 2.5


def test_a_full_batch_does_not_wait_for_the_window(client: Client) -> None:
    counts, first = deliveries(client, messages=20, BatchSize=20, MaximumBatchingWindowInSeconds=60)
    assert counts == [20]
    assert first < 20


def test_what_is_more_than_one_call_takes_comes_in_several(client: Client) -> None:
    counts, _ = deliveries(client, messages=30, body="x" * 250_000, BatchSize=1000, MaximumBatchingWindowInSeconds=1)
    assert max(counts) <= 20
    assert sum(counts) == 30


def test_many_callers_share_few_environments(client: Client) -> None:
    """Whoever finds none free waits: none is refused."""
    code = (
        "import time, uuid\nENVIRONMENT = uuid.uuid4().hex\n"
        "def handler(event, context):\n    time.sleep(0.2)\n    return {'environment': ENVIRONMENT}"
    )
    name = a_function(client, code)
    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(lambda _: ask(client, name), range(32)))
    assert all("environment" in answer for answer in answers), json.dumps(answers)
    assert len({answer["environment"] for answer in answers}) <= 8

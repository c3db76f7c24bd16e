"""What waits with the dead letters is counted, and handed out again once."""

from typing import Any

import boto3
import pytest

from evertrain.adapters.aws.dead_letters import SqsDeadLetters, sender


@pytest.fixture
def queues(aws: boto3.Session) -> tuple[Any, str, str]:
    client = aws.client("sqs")
    dead, origin = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "origin"))
    return client, dead, origin


def bodies(client: Any, url: str) -> list[str]:
    received = []
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [message["Body"] for message in messages]
    return sorted(received)


def test_all_of_them_go_back_to_where_they_came_from(queues: tuple[Any, str, str]) -> None:
    client, dead, origin = queues
    for number in range(23):
        client.send_message(QueueUrl=dead, MessageBody=f"{number:02d}")
    letters = SqsDeadLetters(client=client, queue_url=dead, hand_on=sender(client, origin))
    assert letters.count() == 23
    assert letters.redrive() == 23
    assert (letters.count(), letters.redrive()) == (0, 0)
    assert bodies(client, origin) == [f"{number:02d}" for number in range(23)]


def test_one_that_cannot_be_handed_on_is_kept(queues: tuple[Any, str, str]) -> None:
    client, dead, _ = queues

    def refuse(body: str) -> None:
        raise ConnectionError(body)

    client.send_message(QueueUrl=dead, MessageBody="one")
    with pytest.raises(ConnectionError):
        SqsDeadLetters(client=client, queue_url=dead, hand_on=refuse).redrive()
    hidden = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert hidden["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"

"""Messages that a function could not work off, in the queues where they wait for a person."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDDEN_SECONDS = 60
"""A message that could not be handed on is here again after this time."""


@dataclass(frozen=True, kw_only=True)
class SqsDeadLetters:
    """`queue_url`: of the dead-letter queue. `hand_on`: takes a message's body to where it is worked off."""

    client: "SQSClient"
    queue_url: str
    hand_on: Callable[[str], None]

    def count(self) -> int:
        """About how many wait."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def redrive(self) -> int:
        """Hands on each that waits, once; answers how many. One that comes back meanwhile waits for the next time.

        Handed on first and deleted then: a message may come twice, and every handler's effect is keyed by what it is
        of.
        """
        seen: set[str] = set()
        for message_id, body, receipt in self._receive():
            if message_id in seen:
                break
            self.hand_on(body)
            self.client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=receipt)
            seen.add(message_id)
        return len(seen)

    def _receive(self) -> Iterator[tuple[str, str, str]]:
        while messages := self.client.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
        ).get("Messages"):
            for message in messages:
                yield message["MessageId"], message["Body"], message["ReceiptHandle"]


def sender(client: "SQSClient", queue_url: str) -> Callable[[str], None]:
    """Hands messages to a queue."""

    def send(body: str) -> None:
        client.send_message(QueueUrl=queue_url, MessageBody=body)

    return send

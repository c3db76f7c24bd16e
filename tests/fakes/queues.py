"""What a function asks of the queue that it reads."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeSqs:
    """`waits`: seconds, by receipt, after which a message is delivered again. `refusals`: how many calls fail."""

    waits: dict[str, int] = field(default_factory=dict)
    refusals: int = 0

    def get_queue_url(self, *, QueueName: str) -> dict[str, Any]:  # noqa: N803  # boto3's own names
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetQueueUrl")
        return {"QueueUrl": f"https://queues/{QueueName}"}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        assert QueueUrl == "https://queues/landed"
        self.waits[ReceiptHandle] = VisibilityTimeout

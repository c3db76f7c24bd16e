"""Events as SQS delivers them to a function."""

import json
from collections.abc import Mapping
from typing import Any


def object_created(key: str, *, bucket: str = "landing") -> dict[str, Any]:
    """As EventBridge tells it: the key is plain text, not URL-encoded as in S3's own notifications."""
    return {
        "id": "e-1",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    }


def delivery(**messages: Mapping[str, Any] | str) -> dict[str, Any]:
    """One record for each message id; text is delivered as it is."""
    return {
        "Records": [
            {
                "messageId": name,
                "receiptHandle": f"receipt-{name}",
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:landed",
                "body": body if isinstance(body, str) else json.dumps(body),
            }
            for name, body in messages.items()
        ]
    }

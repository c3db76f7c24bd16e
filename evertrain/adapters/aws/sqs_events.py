"""EventBridge events delivered by SQS. A record that fails goes back alone, and finally to the DLQ."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from evertrain.domain.errors import EvertrainError

logger = logging.getLogger(__name__)

Envelope = Mapping[str, Any]


class InvalidEvent(EvertrainError):
    """The event lacks a field, or is not one of those that a function is subscribed to."""


def handle_each_event(delivery: Mapping[str, Any], handle: Callable[[Envelope], None]) -> dict[str, Any]:
    """Handles every record of the delivery; answers which of them the queue has to deliver again."""
    failed = []
    for record in delivery["Records"]:
        try:
            handle(json.loads(record["body"]))
        except Exception:
            logger.exception("record_failed message=%s", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def required_field(fields: Mapping[str, Any], *path: str) -> Any:
    """A nested field. Raises InvalidEvent naming it.

    >>> required_field({"detail": {"object": {"key": "a"}}}, "detail", "object", "key")
    'a'
    >>> required_field({"detail": {}}, "detail", "object", "key")
    Traceback (most recent call last):
    evertrain.adapters.aws.sqs_events.InvalidEvent: detail.object: missing
    """
    value: Any = fields
    for depth, name in enumerate(path, 1):
        if not isinstance(value, Mapping) or name not in value:
            raise InvalidEvent(f"{'.'.join(path[:depth])}: missing")
        value = value[name]
    return value

"""EventBridge events delivered by SQS. A record that fails goes back alone, and finally to the DLQ."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from evertrain.adapters.aws.clients import AWS_ERRORS, client
from evertrain.domain.errors import EvertrainError

T = TypeVar("T")

logger = logging.getLogger(__name__)

Envelope = Mapping[str, Any]


MAX_TEXT_BYTES = 1024
"""Of a field, in UTF-8: as many as a key in S3, and a sort key in DynamoDB, may have."""


class InvalidEvent(EvertrainError):
    """The event lacks a field, has one of another kind, or is not one that a function is subscribed to."""


def handle_each_event(delivery: Mapping[str, Any], handle: Callable[[Envelope], None]) -> dict[str, Any]:
    """Handles every record of the delivery; answers which of them the queue has to deliver again."""
    failed = []
    for record in delivery["Records"]:
        try:
            handle(_envelope(record["body"]))
        except Exception:
            logger.exception("record_failed message=%s", record["messageId"])
            failed.append(record)
    return _deliver_again(failed)


def handle_together(
    delivery: Mapping[str, Any], read: Callable[[str], T], handle: Callable[[Sequence[T]], None]
) -> dict[str, Any]:
    """Handles all records of the delivery at once: all go back where that fails, and one that can't be read alone."""
    values, failed = [], []
    for record in delivery["Records"]:
        try:
            values.append(read(record["body"]))
        except EvertrainError:
            logger.exception("record_failed message=%s", record["messageId"])
            failed.append(record)
    try:
        handle(values)
    except Exception:
        logger.exception("delivery_failed messages=%d", len(values))
        failed = list(delivery["Records"])
    return _deliver_again(failed)


def redelivery_seconds(receive_count: int) -> int:
    """How long a message waits after it failed so many times.

    >>> [redelivery_seconds(count) for count in (1, 2, 3, 4)]
    [2, 6, 18, 54]
    """
    return int(min(2 * 3 ** (receive_count - 1), 90))


def _deliver_again(failed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer that Lambda expects, once each wait is shortened."""
    for record in failed:
        _shorten_wait(record)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def _shorten_wait(record: Mapping[str, Any]) -> None:
    """A fault that passes costs seconds: left alone, a message stays hidden for six times the function's timeout. So
    what may fail here is tried three times, whatever the clients repeat."""
    for attempt in range(3):
        try:
            _set_visibility(record)
        except AWS_ERRORS:
            logger.exception("wait_not_shortened message=%s attempt=%d", record["messageId"], attempt)
        else:
            return


def _set_visibility(record: Mapping[str, Any]) -> None:
    client("sqs").change_message_visibility(
        QueueUrl=_queue_url(record["eventSourceARN"]),
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=redelivery_seconds(int(record["attributes"]["ApproximateReceiveCount"])),
    )


@cache  # a delivery that fails whole has a thousand records of one queue
def _queue_url(arn: str) -> str:
    url: str = client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    return url


def _envelope(body: str) -> Envelope:
    envelope = json.loads(body)
    if not isinstance(envelope, dict):
        raise InvalidEvent("the message is no object")
    return envelope


def required_text(fields: object, *path: str) -> str:
    """A nested field that is text, as names, keys and ids are. Raises InvalidEvent naming it.

    Anybody in the account may send an event: what is written down of it must be what its readers expect.

    >>> required_text({"detail": {"object": {"key": "a"}}}, "detail", "object", "key")
    'a'
    >>> required_text({"detail": {}}, "detail", "object", "key")
    Traceback (most recent call last):
    evertrain.adapters.aws.sqs_events.InvalidEvent: detail.object: missing
    >>> required_text({"decision_id": {"a": 1}}, "decision_id")
    Traceback (most recent call last):
    evertrain.adapters.aws.sqs_events.InvalidEvent: decision_id: must be text of at most 1024 bytes
    """
    value = _required(fields, path)
    if not isinstance(value, str) or not _is_short_utf8(value):
        raise InvalidEvent(f"{'.'.join(path)}: must be text of at most {MAX_TEXT_BYTES} bytes")
    return value


def required_count(fields: object, *path: str) -> int:
    """A nested field that is a whole number, 0 or more. Raises InvalidEvent naming it."""
    value = _required(fields, path)
    if type(value) is not int or value < 0:  # a boolean is an int too
        raise InvalidEvent(f"{'.'.join(path)}: must be a whole number")
    return value


def _required(fields: object, path: Sequence[str]) -> object:
    value = fields
    for depth, name in enumerate(path, 1):
        if not isinstance(value, Mapping) or value.get(name) is None:
            raise InvalidEvent(f"{'.'.join(path[:depth])}: missing")
        value = value[name]
    return value


def _is_short_utf8(value: str) -> bool:
    try:
        return len(value.encode()) <= MAX_TEXT_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can say
        return False

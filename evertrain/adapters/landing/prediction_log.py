"""What the endpoint answered, on its way to the feature store: messages of a queue. Needs only the standard library.

A request of many rows is cut into as many messages as it needs: SQS takes 256 KB at once.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.predictions import AnsweredRequest

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_MESSAGE_LENGTH = 240_000
"""Characters; what is around a message counts too."""


class RowTooLarge(EvertrainError):
    """A single row fits into no message."""


class UnreadableMessage(EvertrainError):
    """A message of the queue is not one of ours."""


class SqsPredictionLog:
    def __init__(self, *, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, answered: AnsweredRequest) -> None:
        """Raises RowTooLarge, and botocore's errors."""
        for message in encode_messages(answered):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=message)


def encode_messages(answered: AnsweredRequest, *, max_length: int = MAX_MESSAGE_LENGTH) -> Iterator[str]:
    """As messages of at most so many characters. Raises RowTooLarge."""
    message = base64.b64encode(zlib.compress(_document(answered), 1)).decode()
    if len(message) <= max_length:
        yield message
    elif len(answered.rows) == 1:
        raise RowTooLarge(f"prediction {answered.prediction_id}: a row of {len(message):,} characters is not kept")
    else:
        for half in _split_in_half(answered):
            yield from encode_messages(half, max_length=max_length)


def decode_message(message: str) -> AnsweredRequest:
    """Raises UnreadableMessage."""
    try:
        document = json.loads(zlib.decompress(base64.b64decode(message, validate=True)))
        return AnsweredRequest(
            model=document["model"],
            model_version=document["model_version"],
            prediction_id=document["prediction_id"],
            answered_at=datetime.fromtimestamp(document["answered_at"], tz=UTC),
            first_row=document["first_row"],
            rows=tuple(document["rows"]),
            predictions=tuple(document["predictions"]),
            # What earlier releases did not send.
            explore_share=document.get("explore_share", 0.0),
            function_version=document.get("function_version", ""),
            milliseconds=document.get("milliseconds"),
            trouble=document.get("trouble", ""),
            log_share=document.get("log_share", 1.0),
        )
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError) as error:
        raise UnreadableMessage(f"not a message of answered requests: {type(error).__name__}") from error


def _document(answered: AnsweredRequest) -> bytes:
    return json.dumps(
        {
            "model": answered.model,
            "model_version": answered.model_version,
            "prediction_id": answered.prediction_id,
            "answered_at": answered.answered_at.timestamp(),
            "first_row": answered.first_row,
            "rows": answered.rows,
            "predictions": answered.predictions,
            "explore_share": answered.explore_share,
            "function_version": answered.function_version,
            "milliseconds": answered.milliseconds,
            "trouble": answered.trouble,
            "log_share": answered.log_share,
        },
        separators=(",", ":"),
    ).encode()


def _split_in_half(answered: AnsweredRequest) -> tuple[AnsweredRequest, AnsweredRequest]:
    middle = len(answered.rows) // 2
    first = answered.first_row or 0
    return (
        replace(answered, rows=answered.rows[:middle], predictions=answered.predictions[:middle]),
        replace(
            answered,
            rows=answered.rows[middle:],
            predictions=answered.predictions[middle:],
            first_row=first + middle,
        ),
    )

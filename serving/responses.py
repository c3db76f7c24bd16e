"""Answers in the HTTP API's payload format 2.0."""

import json
from typing import Any


class Refusal(Exception):
    """A request that is not answered with 200; `sentence` is for its sender."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body, allow_nan=False),
    }


def error_response(status: int, sentence: str, **more: str) -> dict[str, Any]:
    return answer(status, {"error": sentence} | more)

"""Answers in the HTTP API's payload format 2.0."""

import json
from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """A request that is not answered with 200; `sentence` is for its sender."""

    def __init__(self, status: int, sentence: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers or {}


def answer(status: int, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return text_answer(json.dumps(body, allow_nan=False), "application/json", status=status, headers=headers)


def text_answer(
    body: str, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": content_type} | dict(headers or {}),
        "body": body,
    }


def error_response(
    status: int, sentence: str, *, headers: Mapping[str, str] | None = None, **more: str
) -> dict[str, Any]:
    return answer(status, {"error": sentence} | more, headers=headers)

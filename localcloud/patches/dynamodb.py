"""DynamoDB: a condition is parsed once, not once for each item that a query looks at."""

import functools
from typing import Any

from ministack.services import dynamodb

from localcloud.patches.patching import replaces

_CACHE_SIZE = 1024


def cache_parsed_conditions() -> None:
    """A query on AWS takes milliseconds, whatever lies in the partition; here parsing is a fifth of all work."""

    @replaces(dynamodb, "_condition_syntax_error")
    def condition_syntax_error(original: Any, expression: str, slot: str) -> str | None:
        return syntax_error(original, expression, slot)

    @replaces(dynamodb, "_tokenize")
    def tokenize(original: Any, expression: str) -> list[Any]:
        return list(tokens(original, expression))

    @functools.lru_cache(_CACHE_SIZE)
    def syntax_error(original: Any, expression: str, slot: str) -> str | None:
        error: str | None = original(expression, slot)
        return error

    @functools.lru_cache(_CACHE_SIZE)
    def tokens(original: Any, expression: str) -> tuple[Any, ...]:
        return tuple(original(expression))

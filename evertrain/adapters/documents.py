"""Domain values as JSON documents, for DynamoDB, S3 and the wire. Reading checks every field."""

import logging
import zlib
from collections.abc import Hashable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from evertrain.domain.errors import EvertrainError

T = TypeVar("T")

logger = logging.getLogger(__name__)


class InvalidDocument(EvertrainError):
    """A document is not what its reader expects."""


def dump(value: object) -> bytes:
    """UTF-8 JSON; datetimes and durations are ISO 8601. Equal values give equal bytes.

    Raises InvalidDocument for a value whose fields are not of their declared types: `load` would refuse it.

    >>> from evertrain.domain.landing.batches import Feed, FeedKind
    >>> dump(Feed(kind=FeedKind.LABELS, name="flights"))
    b'{"kind":"labels","name":"flights"}'
    """
    try:
        return _adapter(cast("Hashable", type(value))).dump_json(value, warnings="error")
    except PydanticSerializationError as error:
        raise InvalidDocument(f"{type(value).__name__} cannot be written: {_first_line(error)}") from error


def load(cls: type[T], data: bytes | str) -> T:
    """Raises InvalidDocument naming the field.

    >>> from evertrain.domain.landing.batches import Feed
    >>> load(Feed, '{"kind":"labels","name":"flights"}').name
    'flights'
    >>> load(Feed, '{"kind":"labels"}')
    Traceback (most recent call last):
    evertrain.adapters.documents.InvalidDocument: Feed: name: Field required
    """
    try:
        adapter: TypeAdapter[T] = _adapter(cast("Hashable", cls))
        return adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidDocument(f"{cls.__name__}: {where}: {first['msg']}") from error


def compress(value: object) -> bytes:
    """Its document, about ten times smaller. An item in DynamoDB holds 400 KB: a verdict on 500 features would not
    fit."""
    return zlib.compress(dump(value), 6)


def decompress(document: bytes) -> bytes:
    """Nothing, which is no document, where it is damaged."""
    try:
        return zlib.decompress(document)
    except zlib.error:
        return b""


def load_readable(cls: type[T], documents: Iterable[tuple[str, bytes | str]]) -> Iterator[T]:
    """Those that can be read, of documents and their keys: one that can't must not hide the rest of a log.

    >>> list(load_readable(int, [("a", "1"), ("b", "{}"), ("c", "3")]))
    [1, 3]
    """
    for key, document in documents:
        try:
            yield load(cls, document)
        except InvalidDocument as error:
            logger.error("document_unreadable key=%s error=%s", key, error)  # it is the document


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)

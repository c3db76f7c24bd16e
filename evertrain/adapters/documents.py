"""Domain values as JSON documents, for DynamoDB, S3 and the wire. Reading checks every field."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from evertrain.domain.errors import EvertrainError

T = TypeVar("T")


class InvalidDocument(EvertrainError):
    """A stored document is not what its reader expects."""


def dump(value: object) -> bytes:
    """UTF-8 JSON; datetimes and durations are ISO 8601. Equal values give equal bytes.

    >>> from evertrain.domain.landing.batches import Feed, FeedKind
    >>> dump(Feed(kind=FeedKind.LABELS, name="flights"))
    b'{"kind":"labels","name":"flights"}'
    """
    return _adapter(cast("Hashable", type(value))).dump_json(value)


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


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)

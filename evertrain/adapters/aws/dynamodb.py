"""What the DynamoDB adapters share: documents under two keys, conditional writes, paged queries."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from evertrain.adapters.aws.item_keys import PARTITION_KEY, SORT_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]
"""An item in DynamoDB's own notation, `{"name": {"S": "value"}}`."""

ITEM_ABSENT, ITEM_PRESENT = f"attribute_not_exists({PARTITION_KEY})", f"attribute_exists({PARTITION_KEY})"

SORT_KEY_UPPER_BOUND = "\uffff"
"""Sorts after any text in a key: the upper bound of a key range."""

_MAX_BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds, at most, before each new attempt at a write that met another transaction."""


def _sleep_with_jitter(max_seconds: float) -> None:
    # Full jitter: with equal waits the same writers would collide again.
    time.sleep(random.uniform(0, max_seconds))  # noqa: S311


class Table:
    """One table with the keys of `item_keys`; a value is kept as JSON in `document`. All reads are consistent."""

    def __init__(
        self, *, client: "DynamoDBClient", name: str, pause: Callable[[float], None] = _sleep_with_jitter
    ) -> None:
        self._client = client
        self.name = name
        self._sleep_with_jitter = pause

    def get(self, pk: str, sk: str) -> Item | None:
        return self._client.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True).get("Item")

    def query(
        self, pk: str, prefix: str, *, limit: int | None = None, since: str = "", before: str = SORT_KEY_UPPER_BOUND
    ) -> Iterator[Item]:
        """Items of one partition whose sort key begins with `prefix`, in descending order.

        `since` and `before` bound what follows the prefix: at least `since`, less than `before`.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=f"{PARTITION_KEY} = :pk AND {SORT_KEY} BETWEEN :since AND :before",
            ExpressionAttributeValues={
                ":pk": text(pk),
                ":since": text(f"{prefix}{since}"),
                ":before": text(f"{prefix}{before}"),
            },
            ScanIndexForward=False,
            ConsistentRead=True,
            # Without a page size DynamoDB reads, and bills, up to a megabyte for the first item.
            PaginationConfig={} if limit is None else {"MaxItems": limit, "PageSize": limit},
        )
        for page in pages:
            yield from page["Items"]

    def transact(self, *writes: Mapping[str, Any]) -> tuple[bool, ...] | None:
        """All of the writes or none. None where they were made; else, for each write, whether its condition failed.

        A cancellation for any other reason, such as throttling, propagates.
        """
        try:
            self._write(self._client.transact_write_items, TransactItems=list(writes))
        except self._client.exceptions.TransactionCanceledException as error:
            reasons: list[Mapping[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            failed = tuple(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons)
            if not any(failed):
                raise
            return failed
        return None

    def update(self, pk: str, sk: str, expression: str, condition: str | None = None, **values: Any) -> bool:
        """False where the condition does not hold. `values` become the placeholders `:name`."""
        request = self.update_request(pk, sk, expression, condition, **values)["Update"]
        try:
            self._write(self._client.update_item, **request)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, pk: str, sk: str, condition: str, **values: Any) -> bool:
        """False where the condition does not hold."""
        request = self._request(key(pk, sk), condition, values)
        try:
            self._write(self._client.delete_item, **request)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def put_request(self, item: Item, condition: str | None = None, **values: Any) -> dict[str, Any]:
        """A write for `transact`."""
        request = self._request({}, condition, values)
        del request["Key"]
        return {"Put": request | {"Item": item}}

    def update_request(
        self, pk: str, sk: str, expression: str, condition: str | None = None, **values: Any
    ) -> dict[str, Any]:
        """A write for `transact`."""
        return {"Update": self._request(key(pk, sk), condition, values) | {"UpdateExpression": expression}}

    def _write(self, call: Callable[..., object], **request: Any) -> None:
        """Again after a pause where a transaction on one of the items was under way, which boto3 does not retry."""
        for max_seconds in _MAX_BACKOFF_SECONDS:
            try:
                call(**request)
            except ClientError as error:
                if not _is_transaction_conflict(error):
                    raise
                self._sleep_with_jitter(max_seconds)
            else:
                return
        call(**request)

    def _request(self, keys: Item, condition: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
        request: dict[str, Any] = {"TableName": self.name, "Key": keys}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        return request


def _is_transaction_conflict(error: ClientError) -> bool:
    reasons: list[Mapping[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    codes = {error.response["Error"]["Code"], *(reason.get("Code") for reason in reasons)}
    return not codes.isdisjoint({"TransactionConflictException", "TransactionConflict"})


def key(pk: str, sk: str) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": pk}, SORT_KEY: {"S": sk}}


def text(value: str | bytes) -> dict[str, str]:
    return {"S": value.decode() if isinstance(value, bytes) else value}


def number(value: float) -> dict[str, str]:
    return {"N": str(value)}

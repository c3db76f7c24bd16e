"""The batch log in DynamoDB: what became of each landed object, and every verdict."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from evertrain.adapters.aws.dynamodb import (
    ITEM_ABSENT,
    ITEM_PRESENT,
    SORT_KEY_UPPER_BOUND,
    Item,
    Table,
    key,
    number,
    text,
)
from evertrain.adapters.aws.item_keys import (
    ACCEPTED,
    BATCH,
    FLAGGED,
    PARTITION_KEY,
    QUARANTINE,
    REQUESTS,
    SORT_KEY,
    STATE,
    TIME,
    VERDICT,
    feed_partition,
    group_partition,
    item_name,
    model_partition,
    named_document,
    sortable_timestamp,
    time_ordered_key,
)
from evertrain.adapters.documents import compress, decompress, dump, load, load_readable
from evertrain.domain.landing.batches import Batch, Feed, Quarantine
from evertrain.domain.monitoring.doubts import Acceptance, is_flagged
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.ports.batches import MAX_FLAGGED


class DynamoDBBatchLog:
    """Counts consecutive quarantines in the order of recording, which may differ from the order of landing.

    A batch and its verdicts are one transaction, so one feed can be judged for at most 97 models, and for 48 where
    all of them doubt it.
    """

    def __init__(self, *, table: Table) -> None:
        self._table = table

    def find(self, feed: Feed | None, batch_id: str) -> Batch | Quarantine | None:
        item = self._item(feed, batch_id)
        return None if item is None or "released" in item else _load_recorded(item)

    def record(self, batch: Batch, verdicts: Sequence[DriftVerdict]) -> bool:
        pk, models = feed_partition(batch.feed), [verdict.model for verdict in verdicts]
        refused = self._table.transact(
            self._table.put_request(
                _batch_item(pk, batch.batch_id, "batch", batch, models),
                f"{ITEM_ABSENT} OR released = :yes",
                yes={"BOOL": True},
            ),
            self._table.put_request(_pointer(pk, batch.event_time_min, pk, batch.batch_id)),
            self._table.update_request(pk, STATE, "SET quarantined_in_a_row = :zero", zero=number(0)),
            *(
                self._table.put_request(_verdict_key(verdict.model, batch) | {"document": {"B": compress(verdict)}})
                for verdict in verdicts
            ),
            *(
                self._table.put_request(
                    _flagged_key(verdict.model, batch) | _pointing_to(_verdict_key(verdict.model, batch))
                )
                for verdict in verdicts
                if is_flagged(verdict)
            ),
        )
        return refused is None

    def record_quarantine(self, quarantine: Quarantine) -> bool:
        pk, batch_id = feed_partition(quarantine.feed), quarantine.batch_id
        writes = [
            self._table.put_request(_batch_item(pk, batch_id, "quarantine", quarantine), ITEM_ABSENT),
            self._table.put_request(_pointer(QUARANTINE, quarantine.quarantined_at, pk, batch_id)),
        ]
        if quarantine.feed is not None:
            writes.append(self._table.update_request(pk, STATE, "ADD quarantined_in_a_row :one", one=number(1)))
        return self._table.transact(*writes) is None

    def release(self, quarantine: Quarantine) -> bool:
        return self._table.update(
            feed_partition(quarantine.feed),
            f"{BATCH}{quarantine.batch_id}",
            "SET released = :yes",
            "kind = :quarantine",
            yes={"BOOL": True},
            quarantine=text("quarantine"),
        )

    def is_released(self, feed: Feed | None, batch_id: str) -> bool:
        item = self._item(feed, batch_id)
        return item is not None and "released" in item

    def is_published(self, feed: Feed | None, batch_id: str) -> bool:
        item = self._item(feed, batch_id)
        return item is not None and bool(item["published"]["BOOL"])

    def mark_published(self, feed: Feed | None, batch_id: str) -> None:
        self._table.update(
            feed_partition(feed),
            f"{BATCH}{batch_id}",
            "SET published = :yes",
            ITEM_PRESENT,
            yes={"BOOL": True},
        )

    def is_committed(self, feed: Feed, batch_id: str) -> bool:
        item = self._item(feed, batch_id)
        return item is not None and "committed" in item

    def mark_committed(self, feed: Feed, batch_id: str) -> None:
        self._table.update(
            feed_partition(feed),
            f"{BATCH}{batch_id}",
            "SET committed = :yes",
            ITEM_PRESENT,
            yes={"BOOL": True},
        )

    def verdicts(self, model: str, group: str, *, limit: int) -> Sequence[DriftVerdict]:
        return _verdicts(self._table.query(group_partition(model, group), VERDICT, limit=limit))

    def batch_verdicts(self, feed: Feed, batch_id: str) -> Sequence[DriftVerdict]:
        item = self._item(feed, batch_id)
        batch = _load_recorded(item) if item else None
        if item is None or not isinstance(batch, Batch):
            return []
        keys = [_verdict_key(model["S"], batch) for model in item["models"]["L"]]
        found = [self._table.get(each[PARTITION_KEY]["S"], each[SORT_KEY]["S"]) for each in keys]
        return _verdicts(entry for entry in found if entry is not None)

    def batches(
        self, feed: Feed, *, limit: int, since: datetime | None = None, before: datetime | None = None
    ) -> Sequence[Batch]:
        pointers = self._table.query(
            feed_partition(feed),
            TIME,
            limit=limit,
            since=sortable_timestamp(since) if since else "",
            # A key always continues after the time, so `before` itself is excluded.
            before=sortable_timestamp(before) if before else SORT_KEY_UPPER_BOUND,
        )
        return list(load_readable(Batch, self._documents(pointers, "batch")))

    def flagged(self, model: str, group: str) -> Sequence[DriftVerdict]:
        pointers = self._table.query(group_partition(model, group), FLAGGED, limit=MAX_FLAGGED)
        found = (self._table.get(pointer["of_pk"]["S"], pointer["of_sk"]["S"]) for pointer in pointers)
        return _verdicts(item for item in found if item is not None)

    def accept(self, acceptance: Acceptance) -> None:
        sort_key = f"{ACCEPTED}{acceptance.code}#{acceptance.column}"
        item = key(feed_partition(acceptance.feed), sort_key) | {"document": text(dump(acceptance))}
        self._table.transact(self._table.put_request(item))

    def acceptances(self, feed: Feed) -> Sequence[Acceptance]:
        items = self._table.query(feed_partition(feed), ACCEPTED, limit=MAX_FLAGGED)
        return list(load_readable(Acceptance, (named_document(item) for item in items)))

    def record_request_verdict(self, verdict: DriftVerdict, *, feed: Feed) -> bool:
        pk, model = feed_partition(feed), model_partition(verdict.model)
        item = key(pk, f"{BATCH}{verdict.batch_id}") | {
            "kind": text("requests"),
            "published": {"BOOL": False},
        }
        listed = key(model, time_ordered_key(REQUESTS, verdict.event_time_max, verdict.batch_id))
        refused = self._table.transact(
            self._table.put_request(item, ITEM_ABSENT),
            self._table.put_request(listed | {"document": {"B": compress(verdict)}}),
        )
        return refused is None

    def request_verdicts(self, model: str, *, limit: int) -> Sequence[DriftVerdict]:
        return _verdicts(self._table.query(model_partition(model), REQUESTS, limit=limit))

    def quarantines(self, *, limit: int) -> Sequence[Quarantine]:
        pointers = self._table.query(QUARANTINE, TIME, limit=limit)
        return list(load_readable(Quarantine, self._documents(pointers, "quarantine")))

    def consecutive_quarantines(self, feed: Feed) -> int:
        item = self._table.get(feed_partition(feed), STATE)
        return int(item["quarantined_in_a_row"]["N"]) if item and "quarantined_in_a_row" in item else 0

    def _item(self, feed: Feed | None, batch_id: str) -> Item | None:
        return self._table.get(feed_partition(feed), f"{BATCH}{batch_id}")

    def _documents(self, pointers: Iterable[Item], kind: str) -> Iterator[tuple[str, str]]:
        """Of the items of this kind that are pointed to, with their keys."""
        for pointer in pointers:
            item = self._table.get(pointer["of_pk"]["S"], pointer["of_sk"]["S"])
            if item is not None and item["kind"]["S"] == kind:
                yield named_document(item)


def _batch_item(pk: str, batch_id: str, kind: str, value: Batch | Quarantine, models: Sequence[str] = ()) -> Item:
    return key(pk, f"{BATCH}{batch_id}") | {
        "kind": text(kind),
        "document": text(dump(value)),
        "models": {"L": [text(model) for model in models]},
        "published": {"BOOL": False},
    }


def _pointer(pk: str, moment: datetime, of_pk: str, batch_id: str) -> Item:
    """An index entry ordered by time. Batches are keyed by content; this points to the only copy of the value."""
    return key(pk, time_ordered_key(TIME, moment, batch_id)) | _pointing_to(key(of_pk, f"{BATCH}{batch_id}"))


def _pointing_to(of: Item) -> dict[str, Any]:
    return {"of_pk": of[PARTITION_KEY], "of_sk": of[SORT_KEY]}


def _verdict_key(model: str, batch: Batch) -> dict[str, Any]:
    return key(
        group_partition(model, batch.feed.name),
        time_ordered_key(VERDICT, batch.event_time_min, batch.batch_id),
    )


def _flagged_key(model: str, batch: Batch) -> dict[str, Any]:
    return key(
        group_partition(model, batch.feed.name),
        time_ordered_key(FLAGGED, batch.event_time_min, batch.batch_id),
    )


def _load_recorded(item: Item) -> Batch | Quarantine:
    document = item["document"]["S"]
    return load(Batch, document) if item["kind"]["S"] == "batch" else load(Quarantine, document)


def _verdicts(items: Iterable[Item]) -> list[DriftVerdict]:
    return list(load_readable(DriftVerdict, ((item_name(item), decompress(item["document"]["B"])) for item in items)))

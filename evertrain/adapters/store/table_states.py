"""The newest state of each table in DynamoDB, beside the feed's batches."""

from evertrain.adapters.aws.dynamodb import Table, number, text
from evertrain.adapters.aws.item_keys import STATE, feed_partition
from evertrain.adapters.documents import dump, load
from evertrain.domain.landing.batches import Feed, TableState


class DynamoDBTableStates:
    def __init__(self, *, table: Table) -> None:
        self._table = table

    def get(self, feed: Feed) -> TableState | None:
        item = self._table.get(feed_partition(feed), STATE)
        return load(TableState, item["table_state"]["S"]) if item and "table_state" in item else None

    def put(self, feed: Feed, state: TableState) -> None:
        self._table.update(
            feed_partition(feed),
            STATE,
            "SET table_state = :state, table_version = :version",
            "attribute_not_exists(table_version) OR table_version < :version",
            state=text(dump(state)),
            version=number(state.version),
        )

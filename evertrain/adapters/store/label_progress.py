"""How each model's labels come in, as measured last, in DynamoDB."""

from evertrain.adapters.aws.dynamodb import Table, text
from evertrain.adapters.aws.item_keys import PROGRESS, feed_partition, sortable_timestamp
from evertrain.adapters.documents import dump, load
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.store.labels import LabelProgress


class DynamoDBLabelProgress:
    def __init__(self, *, table: Table) -> None:
        self._table = table

    def progress(self, model: str) -> LabelProgress | None:
        item = self._table.get(feed_partition(Feed(kind=FeedKind.LABELS, name=model)), PROGRESS)
        return load(LabelProgress, item["document"]["S"]) if item else None

    def put_progress(self, model: str, progress: LabelProgress) -> None:
        self._table.update(
            feed_partition(Feed(kind=FeedKind.LABELS, name=model)),
            PROGRESS,
            "SET document = :document, measured_at = :at",
            "attribute_not_exists(measured_at) OR measured_at < :at",
            document=text(dump(progress)),
            at=text(sortable_timestamp(progress.measured_at)),
        )

"""What each model version turned out to be worth, in DynamoDB: an item for each day."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from evertrain.adapters.aws.dynamodb import ITEM_ABSENT, Item, Table, text
from evertrain.adapters.aws.item_keys import (
    PREDICTED,
    PROMISED,
    REALISED,
    item_name,
    model_partition,
    sortable_timestamp,
)
from evertrain.adapters.documents import compress, decompress, load_readable
from evertrain.domain.monitoring.performance import DayPerformance, DayPredictions, Performance

MAX_DAYS = 400
"""That are read of one version, the newest."""


class DynamoDBPerformanceLog:
    def __init__(self, *, table: Table) -> None:
        self._table = table

    def performance(self, model: str, version: str) -> Performance:
        promised, realised, predicted = (
            self._table.query(model_partition(model), f"{prefix}{version}#", limit=MAX_DAYS)
            for prefix in (PROMISED, REALISED, PREDICTED)
        )
        return Performance(
            model=model,
            version=version,
            promised=_in_order(DayPerformance, promised),
            realised=_in_order(DayPerformance, realised),
            predicted=_in_order(DayPredictions, predicted),
        )

    def put_promised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        for day in days:
            self._put(PROMISED, model, version, day)

    def put_realised(self, model: str, version: str, days: Sequence[DayPerformance]) -> None:
        for day in days:
            self._put(REALISED, model, version, day)

    def put_predicted(self, model: str, version: str, days: Sequence[DayPredictions]) -> None:
        for day in days:
            self._put(PREDICTED, model, version, day)

    def _put(self, prefix: str, model: str, version: str, day: DayPerformance | DayPredictions) -> None:
        self._table.update(
            model_partition(model),
            f"{prefix}{version}#{sortable_timestamp(day.day)}",
            "SET document = :document, measured_to = :to",
            f"{ITEM_ABSENT} OR measured_to < :to",
            document={"B": compress(day)},
            to=text(sortable_timestamp(day.until)),
        )


DayT = TypeVar("DayT", DayPerformance, DayPredictions)


def _in_order(cls: type[DayT], items: Iterable[Item]) -> tuple[DayT, ...]:
    """Queries answer the newest first."""
    documents = ((item_name(item), decompress(item["document"]["B"])) for item in items)
    return tuple(reversed(list(load_readable(cls, documents))))

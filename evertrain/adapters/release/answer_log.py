"""What function versions answered during rollouts, in DynamoDB: an item for each file of a minute."""

from collections.abc import Sequence
from datetime import datetime

from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.item_keys import ANSWERS, item_name, model_partition, sortable_timestamp
from evertrain.adapters.documents import compress, decompress, load_readable
from evertrain.domain.release.answers import Answers


class DynamoDBAnswerLog:
    def __init__(self, *, table: Table) -> None:
        self._table = table

    def put(self, model: str, answers: Answers) -> None:
        self._table.update(
            model_partition(model),
            f"{ANSWERS}{sortable_timestamp(answers.first_at)}#{answers.function_version}#{answers.name}",
            "SET document = :document",
            document={"B": compress(answers)},
        )

    def answers(self, model: str, *, since: datetime) -> Sequence[Answers]:
        items = self._table.query(model_partition(model), ANSWERS, since=sortable_timestamp(since))
        return list(load_readable(Answers, ((item_name(each), decompress(each["document"]["B"])) for each in items)))

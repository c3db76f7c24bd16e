"""Questions to people in DynamoDB, and the task tokens of Step Functions by which their answers get through."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evertrain.adapters.aws.dynamodb import ITEM_PRESENT, Item, Table, text
from evertrain.adapters.aws.item_keys import APPROVAL, model_partition, named_document
from evertrain.adapters.documents import dump, load, load_readable
from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.release.approvals import Approval

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_UNANSWERED = "attribute_not_exists(answer)"


class DynamoDBApprovals:
    """The token is an attribute beside the document, which commands print."""

    def __init__(self, *, table: Table) -> None:
        self._table = table

    def ask(self, approval: Approval, *, token: str) -> bool:
        return self._table.update(
            model_partition(approval.model),
            f"{APPROVAL}{approval.decision_id}",
            "SET document = :document, task_token = :token",
            _UNANSWERED,
            document=text(dump(approval)),
            token=text(token),
        )

    def find(self, model: str, decision_id: str) -> Approval | None:
        item = self._item(model, decision_id)
        return load(Approval, item["document"]["S"]) if item else None

    def approvals(self, model: str) -> Sequence[Approval]:
        items = self._table.query(model_partition(model), APPROVAL)
        found = load_readable(Approval, map(named_document, items))
        return sorted(found, key=lambda each: each.asked_at, reverse=True)

    def token(self, model: str, decision_id: str) -> str:
        item = self._item(model, decision_id)
        return item["task_token"]["S"] if item else ""

    def record_answer(self, answered: Approval) -> bool:
        return self._table.update(
            model_partition(answered.model),
            f"{APPROVAL}{answered.decision_id}",
            "SET document = :document, answer = :answer",
            f"{ITEM_PRESENT} AND {_UNANSWERED}",
            document=text(dump(answered)),
            answer=text(answered.answered.answer.value if answered.answered else ""),
        )

    def _item(self, model: str, decision_id: str) -> Item | None:
        return self._table.get(model_partition(model), f"{APPROVAL}{decision_id}")


class StepFunctionsWaiting:
    """Implements `ports.approvals.WaitingRetrainings`. Step Functions takes one answer to a token, while its state
    waits."""

    def __init__(self, *, client: "SFNClient") -> None:
        self._client = client

    def resume(self, token: str, *, answer: ApprovalAnswer, sentence: str) -> bool:
        errors = self._client.exceptions
        try:
            self._client.send_task_success(
                taskToken=token, output=json.dumps({"answer": answer.value, "sentence": sentence})
            )
        except (errors.TaskTimedOut, errors.TaskDoesNotExist, errors.InvalidToken):
            return False
        return True

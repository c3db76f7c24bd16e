"""Contenders that wait for a person's word, and the way by which the word reaches the retraining that waits."""

from collections.abc import Sequence
from typing import Protocol

from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.release.approvals import Approval


class Approvals(Protocol):
    """One question for each decision. A token is what its waiting retraining is resumed by."""

    def ask(self, approval: Approval, *, token: str) -> bool:
        """A repeat has a new token, and the earlier one is forgotten. False where it was answered already."""

    def find(self, model: str, decision_id: str) -> Approval | None: ...

    def approvals(self, model: str) -> Sequence[Approval]:
        """Every question there was, the newest first."""

    def token(self, model: str, decision_id: str) -> str: ...

    def record_answer(self, answered: Approval) -> bool:
        """False where it was answered already, or never asked."""


class WaitingRetrainings(Protocol):
    def resume(self, token: str, *, answer: ApprovalAnswer, sentence: str) -> bool:
        """False where nothing waits by this token any more: answered, over, or stopped. The first answer counts."""

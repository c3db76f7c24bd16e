"""Questions to people, and retrainings that wait for an answer, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.release.approvals import Approval


@dataclass
class InMemoryApprovals:
    _asked: dict[tuple[str, str], Approval] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def ask(self, approval: Approval, *, token: str) -> bool:
        key = (approval.model, approval.decision_id)
        if key in self._asked and self._asked[key].answered is not None:
            return False
        self._asked[key], self._tokens[key] = approval, token
        return True

    def find(self, model: str, decision_id: str) -> Approval | None:
        return self._asked.get((model, decision_id))

    def approvals(self, model: str) -> Sequence[Approval]:
        found = [approval for (of, _), approval in self._asked.items() if of == model]
        return sorted(found, key=lambda each: each.asked_at, reverse=True)

    def token(self, model: str, decision_id: str) -> str:
        return self._tokens.get((model, decision_id), "")

    def record_answer(self, answered: Approval) -> bool:
        asked = self.find(answered.model, answered.decision_id)
        if asked is None or asked.answered is not None:
            return False
        self._asked[answered.model, answered.decision_id] = answered
        return True


@dataclass
class InMemoryWaiting:
    """`tokens`: by which something waits."""

    tokens: set[str] = field(default_factory=set)
    resumed: list[tuple[str, ApprovalAnswer, str]] = field(default_factory=list)

    def resume(self, token: str, *, answer: ApprovalAnswer, sentence: str) -> bool:
        if token not in self.tokens:
            return False
        self.tokens.remove(token)
        self.resumed.append((token, answer, sentence))
        return True

"""A person approves or rejects a contender that waits for them. The first answer that arrives in time counts."""

from dataclasses import dataclass, replace

from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.errors import EvertrainError
from evertrain.domain.release.approvals import Approval, GivenAnswer
from evertrain.ports.approvals import Approvals, WaitingRetrainings
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog


class NothingWaits(EvertrainError):
    """No contender waits for this answer: another one does, it was answered, or its time is over."""


@dataclass(frozen=True, kw_only=True)
class AnswerApproval:
    approvals: Approvals
    waiting: WaitingRetrainings
    decisions: DecisionLog
    wall_clock: Clock

    def run(self, model: str, named: str, *, answer: ApprovalAnswer, by: str, because: str = "") -> Approval:
        """`named`: the beginning of a decision's id or of a version's name; empty for what waits.

        Raises NothingWaits, and then nothing has changed.
        """
        approval = self._find(model, named)
        if refusal := self._why_closed(approval):
            raise NothingWaits(refusal)
        answered = GivenAnswer(answer=answer, at=self.wall_clock.now(), by=by, because=because)
        token = self.approvals.token(model, approval.decision_id)
        # What waits decides which answer is the first. Written down after that: no answer is told that never arrived.
        if not self.waiting.resume(token, answer=answer, sentence=str(answered)):
            refusal = self._why_closed(self._find(model, approval.decision_id))
            raise NothingWaits(
                refusal or f"{_waits_no_longer(approval)}: another answer came first, or it was stopped"
            )
        closed = replace(approval, answered=answered)
        self.approvals.record_answer(closed)
        return closed

    def _find(self, model: str, named: str) -> Approval:
        """Raises NothingWaits where no such question was ever asked."""
        asked = self.approvals.approvals(model)
        waits = next((each for each in asked if not self._why_closed(each)), None)
        found = next((each for each in asked if _is_named(each, named)), None) if named else waits
        if found is not None:
            return found
        if waits is None:
            raise NothingWaits(f"nothing of {model} waits for approval")
        raise NothingWaits(
            f"no decision or version {named} of {model} was put to a person; what waits is {waits.version}, of "
            f"decision {waits.decision_id}"
        )

    def _why_closed(self, approval: Approval) -> str:
        """Empty where it waits."""
        if approval.answered is not None:
            return f"{approval.version} of {approval.model} was {approval.answered}"
        outcome = self.decisions.outcome_of(approval.model, approval.decision_id)
        if outcome is not None:
            return f"{_waits_no_longer(approval)}: its retraining ended as {outcome.name}, {outcome.sentence}"
        if not approval.is_open(self.wall_clock.now()):
            return f"{_waits_no_longer(approval)}: its time was over at {approval.expires_at:%Y-%m-%d %H:%M} UTC"
        return ""


def _is_named(approval: Approval, beginning: str) -> bool:
    return approval.decision_id.startswith(beginning) or approval.version.startswith(beginning)


def _waits_no_longer(approval: Approval) -> str:
    return f"{approval.version} of {approval.model} waits for nobody any more"

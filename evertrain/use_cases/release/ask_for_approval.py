"""Calls a person for a contender that passed the gate, and keeps the question until there is an answer."""

from dataclasses import dataclass

from evertrain.domain.release.approvals import Approval, proposal
from evertrain.ports.approvals import Approvals
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog
from evertrain.ports.messages import EscalationChannel
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore


@dataclass(frozen=True, kw_only=True)
class AskForApproval:
    """`wall_clock`: real time, also in a replay. `stage`: named in the commands that the person may use."""

    runs: RunStore
    registry: ModelRegistry
    decisions: DecisionLog
    approvals: Approvals
    escalations: EscalationChannel
    wall_clock: Clock
    stage: str

    def run(self, plan_uri: str, version: str, *, token: str) -> Approval:
        """`token`: what the retraining waits by. A repeat asks again, with its own."""
        plan, now = self.runs.plan(plan_uri), self.wall_clock.now()
        approval = Approval(
            model=plan.model,
            version=version,
            decision_id=plan.decision_id,
            asked_at=now,
            expires_at=now + plan.spec.gate.approval_timeout,
        )
        if self.approvals.ask(approval, token=token):
            # Kept first: who is called may answer at once. Where the call fails, the step is repeated.
            self._call(approval, plan_uri)
        return approval

    def _call(self, approval: Approval, plan_uri: str) -> None:
        recorded = self.decisions.find(approval.model, approval.decision_id)
        lines = proposal(
            approval,
            self.registry.version(approval.model, approval.version),
            self.runs.evaluation(self.runs.plan(plan_uri)),
            decided=recorded.decision.sentence if recorded else "not known",
            stage=self.stage,
        )
        self.escalations.call(
            subject=f"Evertrain: {approval.model} {approval.version} waits for approval", message="\n".join(lines)
        )

"""May the evaluated contender be registered for rollout? Reads the evaluation and asks the domain's gate."""

from dataclasses import dataclass

from evertrain.domain.training.gate import GateVerdict, judge_contender
from evertrain.ports.runs import RunStore


@dataclass(frozen=True, kw_only=True)
class GateContender:
    runs: RunStore

    def run(self, plan_uri: str) -> GateVerdict:
        plan = self.runs.plan(plan_uri)
        return judge_contender(self.runs.evaluation(plan), plan.spec.gate)

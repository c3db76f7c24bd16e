"""May the evaluated contender be registered for rollout? Reads the evaluation and asks the domain's gate."""

from dataclasses import dataclass

from evertrain.domain.training.gate import GateVerdict, judge
from evertrain.ports.runs import Runs


@dataclass(frozen=True, kw_only=True)
class GateContender:
    runs: Runs

    def run(self, plan_uri: str) -> GateVerdict:
        plan = self.runs.plan(plan_uri)
        return judge(self.runs.evaluation(plan), plan.spec.gate)

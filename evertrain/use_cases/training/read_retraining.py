"""What is to be told of one retraining, from the documents that its states left behind."""

from collections.abc import Iterator
from dataclasses import dataclass

from evertrain.domain.release.registry import UnknownVersion
from evertrain.domain.training.evaluation import Trial
from evertrain.domain.training.plan import TrainingPlan
from evertrain.ports.decisions import DecisionLog
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore
from evertrain.reports.retraining_page import RetrainingPage


@dataclass(frozen=True, kw_only=True)
class ReadRetraining:
    registry: ModelRegistry
    decisions: DecisionLog
    runs: RunStore

    def run(self, model: str, version: str = "") -> RetrainingPage:
        """Of a version, by default the newest one. Raises UnknownVersion."""
        versions = self.registry.versions(model)
        if not version and not versions:
            raise UnknownVersion(f"{model} has no version yet: nothing has been trained")
        registered = self.registry.version(model, version) if version else versions[0]
        plan = self.runs.plan(registered.plan_uri)
        return RetrainingPage(
            version=registered,
            plan=plan,
            evaluation=self.runs.evaluation(plan),
            early=tuple(self._early_trials(plan)),
            decision=self.decisions.find(model, registered.decision_id),
        )

    def _early_trials(self, plan: TrainingPlan) -> Iterator[Trial]:
        number = 1
        while not (current_round := self.runs.round(plan, number)).is_last:
            yield from self.runs.trials(plan, current_round)
            number += 1

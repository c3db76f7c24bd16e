"""What one retraining writes down between its states: the plan, the contenders, the evaluation, the smoke test."""

from collections.abc import Sequence
from typing import Protocol

from evertrain.domain.training.candidates import Round
from evertrain.domain.training.evaluation import Contender, Evaluation, SmokeTest, Trial
from evertrain.domain.training.plan import TrainingPlan


class RunStore(Protocol):
    """Every document has one place, made from the decision's id, so a repeated state finds or replaces its own."""

    def find_plan(self, model: str, decision_id: str) -> TrainingPlan | None: ...

    def put_plan(self, plan: TrainingPlan) -> None: ...

    def plan_uri(self, plan: TrainingPlan) -> str: ...

    def plan(self, uri: str) -> TrainingPlan:
        """Raises ArtifactNotFound."""

    def round(self, plan: TrainingPlan, number: int) -> Round:
        """The first follows from the plan. Raises ArtifactNotFound."""

    def put_round(self, plan: TrainingPlan, next_round: Round) -> None: ...

    def put_trial(self, plan: TrainingPlan, trial: Trial) -> None: ...

    def trials(self, plan: TrainingPlan, current_round: Round) -> Sequence[Trial]:
        """One for each candidate of the round. Raises ArtifactNotFound where one has not been tried."""

    def put_contender(self, plan: TrainingPlan, contender: Contender) -> None: ...

    def contenders(self, plan: TrainingPlan) -> Sequence[Contender]:
        """Those of the plan's candidates that are there."""

    def put_failure(self, plan: TrainingPlan, sentence: str) -> None:
        """Why a container failed. ECS itself reports only an exit code."""

    def failure(self, model: str, decision_id: str) -> str | None: ...

    def put_evaluation(self, plan: TrainingPlan, evaluation: Evaluation) -> None: ...

    def evaluation(self, plan: TrainingPlan) -> Evaluation:
        """Raises ArtifactNotFound."""

    def put_smoke_test(self, plan: TrainingPlan, smoke_test: SmokeTest) -> str:
        """Content-addressed; returns the URI."""

    def smoke_test(self, uri: str) -> SmokeTest:
        """Raises ArtifactNotFound."""

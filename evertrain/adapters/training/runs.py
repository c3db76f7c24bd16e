"""A retraining's documents as JSON objects below `runs/<model>/<decision_id>/`, and smoke tests by their content."""

from collections.abc import Sequence
from contextlib import suppress

from evertrain.adapters.documents import dump, load
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.training.candidates import Round
from evertrain.domain.training.evaluation import Contender, Evaluation, SmokeTest, Trial
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.rounds import first_round
from evertrain.ports.artifacts import ArtifactNotFound, ArtifactStore


class RunDocuments:
    """Implements `ports.runs.RunStore`. `root` is what the store's URIs begin with, such as `s3://artifacts-1`."""

    def __init__(self, *, artifacts: ArtifactStore, root: str) -> None:
        self._artifacts = artifacts
        self._root = root.rstrip("/")

    def find_plan(self, model: str, decision_id: str) -> TrainingPlan | None:
        try:
            return self.plan(self._uri(_folder(model, decision_id) + "plan.json"))
        except ArtifactNotFound:
            return None

    def put_plan(self, plan: TrainingPlan) -> None:
        self._artifacts.put_named(dump(plan), key=_folder_of(plan) + "plan.json")

    def plan_uri(self, plan: TrainingPlan) -> str:
        return self._uri(_folder_of(plan) + "plan.json")

    def plan(self, uri: str) -> TrainingPlan:
        return load(TrainingPlan, self._artifacts.get(uri))

    def round(self, plan: TrainingPlan, number: int) -> Round:
        if number == 1:
            return first_round(plan)
        return load(Round, self._artifacts.get(self._uri(_round_key(plan, number, "round"))))

    def put_round(self, plan: TrainingPlan, next_round: Round) -> None:
        self._artifacts.put_named(dump(next_round), key=_round_key(plan, next_round.number, "round"))

    def put_trial(self, plan: TrainingPlan, trial: Trial) -> None:
        self._artifacts.put_named(dump(trial), key=_round_key(plan, trial.round.number, trial.candidate.name))

    def trials(self, plan: TrainingPlan, current_round: Round) -> Sequence[Trial]:
        uris = [self._uri(_round_key(plan, current_round.number, name)) for name in current_round.candidates]
        return tuple(load(Trial, self._artifacts.get(uri)) for uri in uris)

    def put_contender(self, plan: TrainingPlan, contender: Contender) -> None:
        self._artifacts.put_named(dump(contender), key=_contender_key(plan, contender.candidate.name))

    def contenders(self, plan: TrainingPlan) -> Sequence[Contender]:
        found = []
        for candidate in plan.candidates:
            with suppress(ArtifactNotFound):
                found.append(load(Contender, self._artifacts.get(self._uri(_contender_key(plan, candidate.name)))))
        return found

    def put_failure(self, plan: TrainingPlan, sentence: str) -> None:
        self._artifacts.put_named(dump(sentence), key=_folder_of(plan) + "failure.json")

    def failure(self, model: str, decision_id: str) -> str | None:
        try:
            return load(str, self._artifacts.get(self._uri(_folder(model, decision_id) + "failure.json")))
        except ArtifactNotFound:
            return None

    def put_evaluation(self, plan: TrainingPlan, evaluation: Evaluation) -> None:
        self._artifacts.put_named(dump(evaluation), key=_folder_of(plan) + "evaluation.json")

    def evaluation(self, plan: TrainingPlan) -> Evaluation:
        return load(Evaluation, self._artifacts.get(self._uri(_folder_of(plan) + "evaluation.json")))

    def put_smoke_test(self, plan: TrainingPlan, smoke_test: SmokeTest) -> str:
        return self._artifacts.put(
            dump(smoke_test), prefix=f"{ArtifactPrefix.SMOKE_TESTS}/{plan.model}", suffix=".json"
        ).uri

    def smoke_test(self, uri: str) -> SmokeTest:
        return load(SmokeTest, self._artifacts.get(uri))

    def _uri(self, key: str) -> str:
        return f"{self._root}/{key}"


def _folder(model: str, decision_id: str) -> str:
    return f"{ArtifactPrefix.RUNS}/{model}/{decision_id}/"


def _folder_of(plan: TrainingPlan) -> str:
    return _folder(plan.model, plan.decision_id)


def _round_key(plan: TrainingPlan, number: int, name: str) -> str:
    return f"{_folder_of(plan)}rounds/{number}/{name}.json"


def _contender_key(plan: TrainingPlan, candidate: str) -> str:
    return f"{_folder_of(plan)}contenders/{candidate}.json"

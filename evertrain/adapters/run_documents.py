"""A retraining's documents as JSON objects below `runs/<model>/<decision_id>/`, and smoke tests by their content."""

from collections.abc import Sequence
from contextlib import suppress

from evertrain.adapters.documents import dump, load
from evertrain.domain.training import Contender, Evaluation, SmokeTest, TrainingPlan
from evertrain.ports.artifacts import ArtifactNotFound, Artifacts


class RunDocuments:
    """Implements `ports.runs.Runs`. `root` is what the store's URIs begin with, such as `s3://artifacts-1`."""

    def __init__(self, *, artifacts: Artifacts, root: str) -> None:
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

    def put_contender(self, plan: TrainingPlan, contender: Contender) -> None:
        self._artifacts.put_named(dump(contender), key=_contender_key(plan, contender.window.name))

    def contenders(self, plan: TrainingPlan) -> Sequence[Contender]:
        uris = [self._uri(_contender_key(plan, window.name)) for window in plan.windows]
        return tuple(load(Contender, self._artifacts.get(uri)) for uri in uris)

    def trained(self, plan: TrainingPlan) -> Sequence[Contender]:
        """Those of the plan's contenders that are there already."""
        found = []
        for window in plan.windows:
            with suppress(ArtifactNotFound):
                found.append(load(Contender, self._artifacts.get(self._uri(_contender_key(plan, window.name)))))
        return found

    def put_evaluation(self, plan: TrainingPlan, evaluation: Evaluation) -> None:
        self._artifacts.put_named(dump(evaluation), key=_folder_of(plan) + "evaluation.json")

    def evaluation(self, plan: TrainingPlan) -> Evaluation:
        return load(Evaluation, self._artifacts.get(self._uri(_folder_of(plan) + "evaluation.json")))

    def put_smoke_test(self, plan: TrainingPlan, smoke_test: SmokeTest) -> str:
        return self._artifacts.put(dump(smoke_test), prefix=f"smoke-tests/{plan.model}", suffix=".json").uri

    def smoke_test(self, uri: str) -> SmokeTest:
        return load(SmokeTest, self._artifacts.get(uri))

    def _uri(self, key: str) -> str:
        return f"{self._root}/{key}"


def _folder(model: str, decision_id: str) -> str:
    return f"runs/{model}/{decision_id}/"


def _folder_of(plan: TrainingPlan) -> str:
    return _folder(plan.model, plan.decision_id)


def _contender_key(plan: TrainingPlan, window: str) -> str:
    return f"{_folder_of(plan)}contenders/{window}.json"

"""A whole retraining in memory: real training on made-up trips, every port a fake, one method for each state."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evertrain.adapters.memory.answers import InMemoryAnswerLog
from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.memory.batches import InMemoryBatchLog, InMemoryLabelProgress, InMemoryTableStates
from evertrain.adapters.memory.decisions import InMemoryDecisionLog, InMemoryLeases
from evertrain.adapters.memory.endpoint import InMemoryEndpoint
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEventBus
from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deciding.decisions import Action, Decision, Reason, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.landing.batches import Feed, FeedKind, TableState
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.policies import GatePolicy, SliceSpec
from evertrain.domain.release.registry import UNPUBLISHED_VERSION
from evertrain.domain.release.rollout import RolloutPlan, StepUnderWay
from evertrain.domain.training.candidates import Candidate, Round
from evertrain.domain.training.evaluation import Contender, Evaluation, Trial
from evertrain.domain.training.gate import GateVerdict
from evertrain.domain.training.plan import TrainingPlan
from evertrain.sklearn_tier.reading import read_model
from evertrain.statistics.metrics import LoadedMetric, declared_metric
from evertrain.use_cases.release.register_version import RegisteredVersion, RegisterVersion
from evertrain.use_cases.release.roll_out import PublishedVersion, RollOut
from evertrain.use_cases.release.take_steps import TakeSteps
from evertrain.use_cases.training.evaluate_contenders import EvaluateContenders
from evertrain.use_cases.training.finish_retraining import FinishRetraining
from evertrain.use_cases.training.gate_contender import GateContender
from evertrain.use_cases.training.next_halving_round import NextHalvingRound
from evertrain.use_cases.training.plan_retraining import PlannedRetraining, PlanRetraining
from evertrain.use_cases.training.train_contender import TrainContender
from tests.builders.labelled_rows import InMemoryTrainingRows, labelled_trips
from tests.builders.models import NOW, a_model, days

MODEL = "trips"
READ = partial(read_model, root=Path())


def a_trainable_model(*, gate: GatePolicy | None = None, minimum_rows: int = 500) -> ModelSpec:
    """The model of `models.a_model()`, content with as few rows as a test trains in a blink."""
    spec = a_model(
        MODEL, gate=gate or GatePolicy(margin=0.02, floor=0.55, slices=(SliceSpec(column="carrier", margin=1),))
    )
    return replace(spec, training=replace(spec.training, minimum_rows=minimum_rows))


def an_estimator(plan: TrainingPlan, candidate: Candidate) -> Any:
    threadpool_limits(limits=1)  # tests run side by side, and OpenMP's threads would wait for each other
    parameters = {"max_iter": 10, "max_leaf_nodes": 7} | dict(candidate.parameters)
    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=plan.seed, **parameters)


def a_decision_to_retrain(decision_id: str, *, model: str = MODEL, decided_at: datetime = NOW) -> RecordedDecision:
    decision = Decision(action=Action.RETRAIN, reason=Reason.FEATURES_DRIFTED, sentence="5 of 5 batches drifted")
    return RecordedDecision(
        decision_id=decision_id, model=model, cause=f"drift:{decision_id}", decided_at=decided_at, decision=decision
    )


class Retraining:
    """`own_metric`: the function by which the model is judged, where it has one."""

    def __init__(
        self, spec: ModelSpec | None = None, *, with_labels: bool = True, own_metric: LoadedMetric | None = None
    ) -> None:
        self._load_metric = lambda spec: own_metric or declared_metric(spec.metric)
        self.artifacts = InMemoryArtifactStore()
        self.registry = InMemoryModelRegistry()
        self.decisions = InMemoryDecisionLog(wall_clock=lambda: 0.0)
        self.leases = InMemoryLeases(wall_clock=lambda: 0.0)
        self.bus = InMemoryEventBus()
        self.tables = InMemoryTableStates()
        self.batches = InMemoryBatchLog()
        self.label_progress = InMemoryLabelProgress()
        self.clock = InMemoryClock(NOW)
        self.wall_clock = InMemoryClock(NOW)
        self.answers = InMemoryAnswerLog()
        self.performance = InMemoryPerformanceLog()
        self.endpoint = InMemoryEndpoint(artifacts=self.artifacts, models=[MODEL], read_model=READ)
        self.runs = RunDocuments(artifacts=self.artifacts, root="s3://artifacts")
        self._rows = InMemoryTrainingRows(labelled_trips(day_count=67))
        self._commit(FeedKind.FEATURES, version=4)
        if with_labels:
            self.commit_labels(version=3)
        self.declare(spec or a_trainable_model())

    def declare(self, spec: ModelSpec) -> None:
        """From now on the project says this of the model."""
        project = Project(groups={spec.group.name: spec.group}, models={spec.name: spec})
        self.plan_retraining = PlanRetraining(
            project=project,
            tables=self.tables,
            batches=self.batches,
            registry=self.registry,
            decisions=self.decisions,
            label_progress=self.label_progress,
            runs=self.runs,
            clock=self.clock,
        )
        self.train_contender = TrainContender(
            rows=self._rows,
            runs=self.runs,
            artifacts=self.artifacts,
            make_estimator=an_estimator,
            library_versions={"scikit-learn": "1.7"},
            code=lambda model: {"estimator_sha256": "4" * 64},
            timer=count().__next__,
            load_metric=self._load_metric,
            read_model=READ,
        )
        self.evaluate_contenders = EvaluateContenders(
            rows=self._rows,
            runs=self.runs,
            artifacts=self.artifacts,
            registry=self.registry,
            refit=self.train_contender.refit,
            with_reference=self.train_contender.with_reference,
            load_metric=self._load_metric,
            read_model=READ,
        )
        self.gate_contender = GateContender(runs=self.runs)
        self.register_version = RegisterVersion(runs=self.runs, registry=self.registry, clock=self.clock)
        self.next_halving_round = NextHalvingRound(runs=self.runs)
        self.finish_retraining = FinishRetraining(
            decisions=self.decisions, leases=self.leases, registry=self.registry, bus=self.bus, clock=self.clock
        )
        self.roll_out = RollOut(registry=self.registry, endpoint=self.endpoint, runs=self.runs, clock=self.clock)
        self.take_steps = TakeSteps(
            registry=self.registry,
            endpoint=self.endpoint,
            runs=self.runs,
            answers=self.answers,
            performance=self.performance,
            roll_out=self.roll_out,
            wall_clock=self.wall_clock.now,
        )

    # --- the states, as the state machine runs them -------------------------------------------------

    def decide(self, decision_id: str) -> None:
        """As the trigger does before it asks for a retraining."""
        self.decisions.record(a_decision_to_retrain(decision_id, decided_at=self.clock.now()))

    def plan(self, decision_id: str) -> PlannedRetraining:
        self.decide(decision_id)
        return self.plan_retraining.run(MODEL, decision_id)

    def train(self, plan_uri: str, candidate: str, *, round_number: int = 1) -> Trial:
        return self.train_contender.run(plan_uri, candidate, round_number)

    def narrow(self, plan_uri: str, *, round_number: int = 1) -> Round:
        return self.next_halving_round.run(plan_uri, round_number)

    def evaluate(self, plan_uri: str, *, round_number: int = 1) -> Evaluation:
        return self.evaluate_contenders.run(plan_uri, round_number)

    def gate(self, plan_uri: str) -> GateVerdict:
        return self.gate_contender.run(plan_uri)

    def register(self, plan_uri: str) -> RegisteredVersion:
        return self.register_version.run(plan_uri)

    def finish(self, decision_id: str, name: EventName, *, version: str, sentence: str) -> None:
        self.decide(decision_id)
        self.finish_retraining.run(
            model=MODEL, decision_id=decision_id, name=name, version=version, sentence=sentence
        )

    def shares(self, version: str, published: PublishedVersion) -> tuple[float, ...]:
        is_alone = published.previous_function_version == UNPUBLISHED_VERSION
        plan = self.runs.plan(self.registry.version(MODEL, version).plan_uri)
        return RolloutPlan.of(plan.spec.rollout, is_alone=is_alone).shares

    def shift(self, version: str, published: PublishedVersion, *, step: int = 0) -> StepUnderWay:
        champion = self.registry.champion(MODEL)
        return self.take_steps.shift(
            MODEL,
            version,
            function_version=published.function_version,
            previous_function_version=published.previous_function_version,
            expected_champion=champion.version if champion else None,
            step=step,
        )

    def look(self, version: str, step: StepUnderWay) -> StepUnderWay:
        """After the wait before it."""
        self.wall_clock.moment += timedelta(seconds=step.wait_seconds)
        return self.take_steps.look(MODEL, version, step)

    # --- several states at once, for tests that begin later -----------------------------------------

    def evaluated(self, decision_id: str) -> str:
        planned = self.plan(decision_id)
        for candidate in planned.plan.candidates:
            self.train(planned.plan_uri, candidate.name)
        self.evaluate(planned.plan_uri)
        return planned.plan_uri

    def published(self, decision_id: str) -> tuple[str, PublishedVersion]:
        version = self.register(self.evaluated(decision_id)).version.version
        return version, self.roll_out.publish(MODEL, version)

    def promoted(self, decision_id: str) -> str:
        champion = self.registry.champion(MODEL)
        version, published = self.published(decision_id)
        for step in range(len(self.shares(version, published))):
            self.shift(version, published, step=step)
        self.roll_out.promote(
            MODEL,
            version,
            function_version=published.function_version,
            expected_champion=champion.version if champion else None,
        )
        return version

    # --- what happens outside -----------------------------------------------------------------------

    def commit_labels(self, *, version: int) -> None:
        self._commit(FeedKind.LABELS, version=version)

    def advance(self, duration: timedelta) -> None:
        self.clock.moment += duration

    def contender(self, plan_uri: str, candidate: str) -> Contender:
        return next(
            each for each in self.runs.contenders(self.runs.plan(plan_uri)) if each.candidate.name == candidate
        )

    def set_all_labels(self, label: float) -> None:
        table = self._rows.table
        at = table.column_names.index("late")
        self._rows.table = table.set_column(at, "late", pa.array([label] * table.num_rows))

    def told(self) -> list[tuple[EventName, object]]:
        return [(event.name, event.detail["version"]) for event in self.bus.published]

    def _commit(self, kind: FeedKind, *, version: int) -> None:
        first, now = NOW - days(60), self.clock.now()
        state = TableState(
            version=version, rows=3_600, event_time_min=first, event_time_max=now + days(30), ingested_at_max=now
        )
        self.tables.put(Feed(kind=kind, name=MODEL), state)

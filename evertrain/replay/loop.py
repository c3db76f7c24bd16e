"""The declared policy over a history: the loop's own use cases, on ports in memory and a clock that is set."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.memory.batches import (
    InMemoryBatchFiles,
    InMemoryBatchLog,
    InMemoryLabelProgress,
    InMemoryLandingZone,
    InMemoryQuarantineStore,
    InMemoryTableStates,
)
from evertrain.adapters.memory.decisions import InMemoryDecisionLog, InMemoryLeases, Lease
from evertrain.adapters.memory.drift_records import InMemoryDriftRecords
from evertrain.adapters.memory.endpoint import InMemoryEndpoint
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEscalationChannel, InMemoryEventBus
from evertrain.adapters.memory.performance import InMemoryPerformanceLog
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deciding.decisions import Action
from evertrain.domain.landing.batches import Batch, Feed, Quarantine, TableState
from evertrain.domain.landing.feeds import label_feed
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.release.registry import Champion
from evertrain.domain.training.candidates import Candidate
from evertrain.domain.training.plan import TrainingPlan
from evertrain.ports.artifacts import ArtifactNotFound
from evertrain.ports.models import ReadModel
from evertrain.replay.estimators import MakeEstimator
from evertrain.replay.history import History, Step
from evertrain.replay.result import BatchDecision, Recorder
from evertrain.replay.retraining import RunRetraining
from evertrain.replay.rows import HistoryReader, KnownRows, as_utc, landed_object
from evertrain.scoring import ServableModel
from evertrain.sklearn_tier.reading import read_model
from evertrain.statistics.reference import Reference
from evertrain.tables.labelled_rows import LabelledRows
from evertrain.use_cases.deciding.decide_retraining import Cause, DecideRetraining
from evertrain.use_cases.landing.check_batch import CheckBatch
from evertrain.use_cases.landing.record_batch import RecordBatch
from evertrain.use_cases.monitoring.compare_batch import CompareBatch
from evertrain.use_cases.monitoring.measure_performance import MeasurePerformance
from evertrain.use_cases.monitoring.watch_requests import WatchRequests
from evertrain.use_cases.release.register_version import RegisterVersion
from evertrain.use_cases.release.roll_out import RollOut
from evertrain.use_cases.training.evaluate_contenders import EvaluateContenders
from evertrain.use_cases.training.finish_retraining import FinishRetraining
from evertrain.use_cases.training.gate_contender import GateContender
from evertrain.use_cases.training.next_halving_round import NextHalvingRound
from evertrain.use_cases.training.plan_retraining import PlanRetraining
from evertrain.use_cases.training.train_contender import TrainContender

MODELS_KEPT = 8
"""A champion, who stands for it, and a plan's contenders."""


@dataclass(kw_only=True)
class ReplayedLoop:
    """A stage in memory. `step` is what happens when a batch's time has come, as `evertrain.demo.replay` does it with
    a real stage: labels land first, then the batch, and each is followed until nothing is left to do.

    `root`: of the project, which has the model's own code. `start`: the step until which rows and labels
    land, and nothing is decided.
    """

    history: History
    make_estimator: MakeEstimator
    recorder: Recorder
    seed: int
    root: Path = Path()
    start: int = 0
    clock: InMemoryClock = field(init=False)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    artifacts: InMemoryArtifactStore = field(default_factory=InMemoryArtifactStore)
    batches: InMemoryBatchLog = field(default_factory=InMemoryBatchLog)
    tables: InMemoryTableStates = field(default_factory=InMemoryTableStates)
    label_progress: InMemoryLabelProgress = field(default_factory=InMemoryLabelProgress)
    performance: InMemoryPerformanceLog = field(default_factory=InMemoryPerformanceLog)
    landing: InMemoryLandingZone = field(default_factory=InMemoryLandingZone)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    escalations: InMemoryEscalationChannel = field(default_factory=InMemoryEscalationChannel)
    leases: dict[str, Lease] = field(default_factory=dict)
    _labelled: int = 0
    _references: dict[str, Reference] = field(default_factory=dict)
    _champion: Champion | None = None
    _predicted: int = 0

    def __post_init__(self) -> None:
        self.clock = InMemoryClock(self.history.steps[0].start)

    # --- what happens -------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        self.clock.moment = step.now
        self._ask_champion(step)
        has_labels = self._land_labels(step)
        if has_labels:
            self.measure.run(self.spec.name)
            self._decide(step, f"labels:{step.number}")
        cause = self._land_batch(step)
        if cause or not has_labels:
            self._decide(step, cause or f"tick:{step.now.isoformat()}")

    def _ask_champion(self, step: Step) -> None:
        """Rows are predicted as they come, by who is champion then: here all that come to one champion together."""
        champion = self.registry.champion(self.spec.name)
        if champion != self._champion:
            self._predict_until(step.first)
            self._champion = champion
        if step is self.history.steps[-1]:
            self._predict_until(step.end)

    def _predict_until(self, end: int) -> None:
        rows, self._predicted = slice(self._predicted, end), end
        if self._champion is None or rows.start == end:
            return
        table = self.history.table.slice(rows.start, end - rows.start)
        model = self._artifact(self._champion)
        self.recorder.predicted(rows, LabelledRows("batches", table, self.spec).predict_with(model))

    def _land_labels(self, step: Step) -> bool:
        """Whether any became known since the step before."""
        known = self.rows.accepted & self.history.known_by(step.now)
        count = int(known.sum())
        if count == self._labelled:
            return False
        self._labelled = count
        times = self.history.event_times[known]
        self._commit(label_feed(self.spec), rows=count, first=times[0], last=times[-1], step=step)
        return True

    def _land_batch(self, step: Step) -> str:
        """What of it asks for a decision, if anything."""
        if step.is_empty:
            return ""
        landed = landed_object(self.history, step)
        self.landing.objects[landed] = landed.key.encode()
        found = self.check.run(landed)
        if isinstance(found, Quarantine):
            self.recorder.quarantined(step)
            return f"quarantine:{found.batch_id}"
        self._accept(step, found)
        (verdict,) = self.batches.batch_verdicts(found.feed, found.batch_id)
        self.recorder.judged(step, verdict)
        return f"drift:{found.batch_id}" if verdict.status is DriftStatus.DRIFTED else ""

    def _accept(self, step: Step, batch: Batch) -> None:
        self.rows.accept(step)
        times = self.history.event_times[self.rows.accepted]
        self._commit(batch.feed, rows=len(times), first=times[0], last=times[-1], step=step)

    def _decide(self, step: Step, cause: str) -> None:
        if step.number < self.start:
            return
        recorded = self.decide.run(Cause(model=self.spec.name, name=cause))
        outcome = None
        if recorded.decision.action is Action.RETRAIN:
            outcome = self.retrain.run(self.spec.name, recorded.decision_id)
            for seconds in self._fit_seconds(recorded.decision_id):
                self.recorder.fitted(seconds)
        self.recorder.decided(BatchDecision.of(step, recorded, outcome))

    def _fit_seconds(self, decision_id: str) -> Iterator[float]:
        """Of the contenders, and of the one that was fitted again on all rows."""
        plan = self.runs.find_plan(self.spec.name, decision_id)
        if plan is None:
            return
        yield from (each.training_seconds for each in self.runs.contenders(plan))
        with suppress(ArtifactNotFound):  # nothing could be chosen
            if refit := self.runs.evaluation(plan).refit:
                yield refit.training_seconds

    def _commit(self, feed: Feed, *, rows: int, first: Any, last: Any, step: Step) -> None:
        earlier = self.tables.get(feed)
        state = TableState(
            version=earlier.version + 1 if earlier else 0,
            rows=rows,
            event_time_min=as_utc(first),
            event_time_max=as_utc(last),
            ingested_at_max=step.now,
        )
        self.tables.put(feed, state)

    def _artifact(self, champion: Champion) -> ServableModel:
        return self.read_model(self.artifacts.get(champion.artifact_uri, expected_sha256=champion.artifact_sha256))

    # --- the parts ----------------------------------------------------------------------------------

    @property
    def spec(self) -> ModelSpec:
        return self.history.spec

    @cached_property
    def project(self) -> Project:
        return Project(groups={self.spec.group.name: self.spec.group}, models={self.spec.name: self.spec})

    @cached_property
    def rows(self) -> KnownRows:
        return KnownRows(history=self.history)

    @cached_property
    def decisions(self) -> InMemoryDecisionLog:
        return InMemoryDecisionLog(wall_clock=self._seconds, leases=self.leases)

    @cached_property
    def runs(self) -> RunDocuments:
        return RunDocuments(artifacts=self.artifacts, root="s3://artifacts")

    @cached_property
    def check(self) -> CheckBatch:
        records = InMemoryDriftRecords()
        compare = CompareBatch(
            project=self.project,
            registry=self.registry,
            load_reference=self._reference,
            batches=self.batches,
            records=records,
        )
        return CheckBatch(
            project=self.project,
            landing=self.landing,
            reader=HistoryReader(history=self.history),
            files=InMemoryBatchFiles(),
            quarantine=InMemoryQuarantineStore(),
            batches=self.batches,
            tables=self.tables,
            compare=compare,
            record=RecordBatch(batches=self.batches, compare=compare, bus=self.bus),
            requests=WatchRequests(
                batches=self.batches,
                registry=self.registry,
                load_reference=self._reference,
                records=records,
                bus=self.bus,
                clock=self.clock,
            ),
            clock=self.clock,
        )

    @cached_property
    def decide(self) -> DecideRetraining:
        return DecideRetraining(
            project=self.project,
            batches=self.batches,
            tables=self.tables,
            registry=self.registry,
            label_progress=self.label_progress,
            performance=self.performance,
            decisions=self.decisions,
            leases=InMemoryLeases(wall_clock=self._seconds, leases=self.leases),
            bus=self.bus,
            escalations=self.escalations,
            clock=self.clock,
        )

    @cached_property
    def measure(self) -> MeasurePerformance:
        return MeasurePerformance(
            project=self.project,
            tables=self.tables,
            label_progress=self.label_progress,
            registry=self.registry,
            runs=self.runs,
            artifacts=self.artifacts,
            rows=self.rows,
            log=self.performance,
            clock=self.clock,
            read_model=self.read_model,
        )

    @cached_property
    def train(self) -> TrainContender:
        return TrainContender(
            rows=self.rows,
            runs=self.runs,
            artifacts=self.artifacts,
            make_estimator=self._make_estimator,
            library_versions={"scikit-learn": version("scikit-learn")},
            code=lambda _: {},
            timer=perf_counter,
            load_metric=lambda _: self.history.metric,
            read_model=self.read_model,
        )

    @cached_property
    def retrain(self) -> RunRetraining:
        return RunRetraining(
            plan=PlanRetraining(
                project=self.project,
                tables=self.tables,
                batches=self.batches,
                registry=self.registry,
                decisions=self.decisions,
                label_progress=self.label_progress,
                runs=self.runs,
                clock=self.clock,
            ),
            train=self.train,
            narrow=NextHalvingRound(runs=self.runs),
            evaluate=EvaluateContenders(
                rows=self.rows,
                runs=self.runs,
                artifacts=self.artifacts,
                registry=self.registry,
                refit=self.train.refit,
                with_reference=self.train.with_reference,
                load_metric=lambda _: self.history.metric,
                read_model=self.read_model,
            ),
            gate=GateContender(runs=self.runs),
            register=RegisterVersion(runs=self.runs, registry=self.registry, clock=self.clock),
            roll_out=RollOut(
                registry=self.registry,
                endpoint=InMemoryEndpoint(
                    artifacts=self.artifacts, models=[self.spec.name], read_model=self.read_model
                ),
                runs=self.runs,
                clock=self.clock,
            ),
            finish=FinishRetraining(
                decisions=self.decisions,
                leases=InMemoryLeases(wall_clock=self._seconds, leases=self.leases),
                registry=self.registry,
                bus=self.bus,
                clock=self.clock,
            ),
        )

    def _make_estimator(self, plan: TrainingPlan, candidate: Candidate) -> Any:
        return self.make_estimator(plan.seed ^ self.seed, candidate.parameters)

    @cached_property
    def read_model(self) -> ReadModel:
        """The last ones are kept: they are asked for with every batch, or with every slice of a plan."""
        return lru_cache(MODELS_KEPT)(partial(read_model, root=self.root))

    def _reference(self, uri: str) -> Reference:
        if uri not in self._references:
            self._references = {uri: Reference.from_bytes(self.artifacts.get(uri))}
        return self._references[uri]

    def _seconds(self) -> float:
        return self.clock.now().timestamp()

"""A deployed stage as the command line and the demo see it: its state, its landing bucket, its endpoint."""

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import ReplayClock, ReplayClockNotSet, SystemClock
from evertrain.adapters.aws.dead_letters import SqsDeadLetters, sender
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.escalation_channel import SnsEscalationChannel
from evertrain.adapters.aws.event_bus import EventBridgeBus
from evertrain.adapters.aws.stack_outputs import stage_outputs
from evertrain.adapters.deciding.decision_log import DynamoDBDecisionLog, DynamoDBLeases
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.landing.file_scores import FileScores
from evertrain.adapters.landing.objects import LANDED_AT
from evertrain.adapters.monitoring.drift_records import S3DriftRecords
from evertrain.adapters.monitoring.performance_log import DynamoDBPerformanceLog
from evertrain.adapters.release.answer_log import DynamoDBAnswerLog
from evertrain.adapters.release.approvals import DynamoDBApprovals, StepFunctionsWaiting
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.adapters.release.prediction_client import PredictionClient
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.store.table_format import label_progress_reader, table_reader
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.adapters.training.runs import RunDocuments
from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.deployment.prefixes import tables_root
from evertrain.domain.deployment.stacks import DEAD_LETTERS, OPTIONAL_DEAD_LETTERS, Output, serving_function_prefix
from evertrain.domain.errors import EvertrainError
from evertrain.domain.event_details import RetrainAsked
from evertrain.domain.events import Event, EventName
from evertrain.domain.landing.batches import Batch, Feed, Quarantine
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.release.registry import ModelVersion, UnknownVersion
from evertrain.domain.store.labels import LabelProgress
from evertrain.domain.training.evaluation import Contender, Evaluation
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.artifacts import ArtifactNotFound
from evertrain.ports.feature_store import TableReader
from evertrain.reports.retraining_page import RetrainingPage
from evertrain.use_cases.deciding.decide_retraining import Cause, decision_id_of
from evertrain.use_cases.deciding.model_status import ReadModelStatus
from evertrain.use_cases.landing.check_batch import compute_batch_id
from evertrain.use_cases.release.answer_approval import AnswerApproval
from evertrain.use_cases.release.ask_rollout import AskRollout
from evertrain.use_cases.release.roll_out import RollOut
from evertrain.use_cases.release.take_back import TakeBack
from evertrain.use_cases.release.take_steps import TakeSteps
from evertrain.use_cases.store.measure_label_progress import measure_label_progress
from evertrain.use_cases.training.read_retraining import ReadRetraining

if TYPE_CHECKING:
    import pyarrow as pa


LandingResult = Batch | Quarantine


class StackNotDeployed(EvertrainError):
    """The stage is there, but not the stack that this needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one retraining has left behind so far."""

    contenders: tuple[Contender, ...]
    evaluation: Evaluation | None
    version: ModelVersion | None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`outputs`: of the stage's stacks, by key."""

    name: str
    session: boto3.Session
    outputs: Mapping[str, str]

    @classmethod
    def find(cls, name: str) -> "Stage":
        """By the ordinary credential chain, at AWS_ENDPOINT_URL where it is set. Raises StageNotDeployed."""
        session = boto3.Session()
        return cls(name=name, session=session, outputs=stage_outputs(session, name))

    # --- what is there --------------------------------------------------------------------------

    @cached_property
    def batches(self) -> DynamoDBBatchLog:
        return DynamoDBBatchLog(table=self._table(Output.BATCHES_TABLE))

    @cached_property
    def tables(self) -> DynamoDBTableStates:
        return DynamoDBTableStates(table=self._table(Output.BATCHES_TABLE))

    @cached_property
    def decisions(self) -> DynamoDBDecisionLog:
        return DynamoDBDecisionLog(table=self._table(Output.DECISIONS_TABLE), wall_clock=time.time)

    @cached_property
    def leases(self) -> DynamoDBLeases:
        return DynamoDBLeases(table=self._table(Output.DECISIONS_TABLE), wall_clock=time.time)

    @cached_property
    def registry(self) -> DynamoDBModelRegistry:
        return DynamoDBModelRegistry(table=self._table(Output.REGISTRY_TABLE))

    @cached_property
    def performance(self) -> DynamoDBPerformanceLog:
        return DynamoDBPerformanceLog(table=self._table(Output.BATCHES_TABLE))

    @cached_property
    def artifacts(self) -> S3ArtifactStore:
        return S3ArtifactStore(client=self._client("s3"), bucket=self.output(Output.ARTIFACT_BUCKET))

    @cached_property
    def endpoint(self) -> LambdaEndpoint:
        return LambdaEndpoint(client=self._client("lambda"), function_prefix=serving_function_prefix(self.name))

    @cached_property
    def escalations(self) -> SnsEscalationChannel:
        return SnsEscalationChannel(client=self._client("sns"), topic_arn=self.output(Output.ESCALATION_TOPIC_ARN))

    @cached_property
    def approvals(self) -> DynamoDBApprovals:
        return DynamoDBApprovals(table=self._table(Output.DECISIONS_TABLE))

    @property
    def answer_approval(self) -> AnswerApproval:
        return AnswerApproval(
            approvals=self.approvals,
            waiting=StepFunctionsWaiting(client=self._client("stepfunctions")),
            decisions=self.decisions,
            wall_clock=SystemClock(),
        )

    @cached_property
    def model_status(self) -> ReadModelStatus:
        return ReadModelStatus(
            batches=self.batches,
            tables=self.tables,
            registry=self.registry,
            decisions=self.decisions,
            leases=self.leases,
            endpoint=self.endpoint,
            approvals=self.approvals,
            wall_clock=SystemClock(),
        )

    @property
    def dead_letter_names(self) -> list[str]:
        return [*DEAD_LETTERS, *(name for name, (dead, _) in OPTIONAL_DEAD_LETTERS.items() if dead in self.outputs)]

    def dead_letters(self, name: str) -> SqsDeadLetters:
        """`name`: one of `dead_letter_names`."""
        dead, origin = {**DEAD_LETTERS, **OPTIONAL_DEAD_LETTERS}[name]
        sqs = self._client("sqs")
        hand_on = self._ask_again if origin is None else sender(sqs, self.output(origin))
        return SqsDeadLetters(client=sqs, queue_url=self.output(dead), hand_on=hand_on)

    def _ask_again(self, event: str) -> None:
        """An event, or its detail, that asked for a retraining and was not taken."""
        body = json.loads(event)
        self._bus.publish([Event(name=EventName.RETRAIN_REQUESTED, detail=body.get("detail", body))])

    @cached_property
    def _bus(self) -> EventBridgeBus:
        return EventBridgeBus(client=self._client("events"), bus_name=self.output(Output.EVENT_BUS_NAME))

    @cached_property
    def drift_records(self) -> S3DriftRecords:
        return S3DriftRecords(artifacts=self.artifacts, root=f"s3://{self.output(Output.ARTIFACT_BUCKET)}")

    def rows(self, feed: Feed, rows: Interval, *, known_at: datetime) -> "pa.Table":
        """As they were known then, corrected rows too. Raises UnknownTable."""
        (whole,) = self.rows_in_parts(feed, rows, known_at=known_at, max_rows=sys.maxsize)
        return whole

    def rows_in_parts(self, feed: Feed, rows: Interval, *, known_at: datetime, max_rows: int) -> "Iterator[pa.Table]":
        """The same in the order of time, about so many at once."""
        reader = self._reader()
        version = reader.version_as_of(feed, known_at, now=SystemClock().now())
        for part in reader.parts(feed, version=version, rows=rows, max_rows=max_rows):
            yield reader.read(feed, version=version, rows=part, known_at=known_at)

    def training_rows(self, model: str, version: str = "") -> "tuple[ModelVersion, pa.Table]":
        """A version, by default the champion, and the rows that it was trained on. Raises UnknownVersion."""
        from evertrain.use_cases.training.training_rows import StoredTrainingRows  # noqa: PLC0415  # brings pyarrow

        champion = self.registry.champion(model)
        if not version and champion is None:
            raise UnknownVersion(f"{model} has no champion yet; name a version")
        registered = self.registry.version(model, version or (champion.version if champion else ""))
        plan = self.runs.plan(registered.plan_uri)
        stored = StoredTrainingRows(tables=self._reader())
        return registered, stored.read_labelled(plan.spec, plan, registered.window)

    def retraining_page(self, model: str, version: str = "") -> RetrainingPage:
        """Of a version, by default the newest one. Raises UnknownVersion."""
        read = ReadRetraining(registry=self.registry, decisions=self.decisions, runs=self.runs)
        return read.run(model, version)

    @cached_property
    def runs(self) -> RunDocuments:
        return RunDocuments(artifacts=self.artifacts, root=f"s3://{self.output(Output.ARTIFACT_BUCKET)}")

    @property
    def roll_out(self) -> RollOut:
        return RollOut(registry=self.registry, endpoint=self.endpoint, runs=self.runs, clock=self)

    @property
    def take_steps(self) -> TakeSteps:
        """By hand: whoever takes them says how long each lasts."""
        return TakeSteps(
            registry=self.registry,
            endpoint=self.endpoint,
            runs=self.runs,
            answers=DynamoDBAnswerLog(table=self._table(Output.BATCHES_TABLE)),
            performance=self.performance,
            roll_out=self.roll_out,
            wall_clock=SystemClock().now,
            bake=timedelta(),
        )

    @property
    def take_back(self) -> TakeBack:
        return TakeBack(registry=self.registry, endpoint=self.endpoint, roll_out=self.roll_out, clock=self)

    @property
    def ask_rollout(self) -> AskRollout:
        return AskRollout(
            registry=self.registry,
            decisions=self.decisions,
            bus=self._bus,
            clock=self,
            new_id=lambda: uuid4().hex[:16],
        )

    def example_row(self, model: str, version: str) -> Mapping[str, object]:
        """One of those that the version was asked before it was promoted, as a caller would send it."""
        registered = self.registry.version(model, version)
        row = self.runs.smoke_test(registered.smoke_test_uri).rows[-1]
        ages = {
            each.name
            for each in self.runs.plan(registered.plan_uri).spec.features
            if each.kind is FeatureKind.TIMESTAMP
        }
        return {name: self.now().isoformat() if name in ages else value for name, value in row.items()}

    def measure_label_progress(self, spec: ModelSpec, *, now: datetime) -> LabelProgress | None:
        return measure_label_progress(label_progress_reader(self._tables_root), spec, now=now)

    @property
    def _tables_root(self) -> str:
        return tables_root(self.output(Output.FEATURE_STORE_BUCKET))

    def _reader(self) -> "TableReader[pa.Table]":
        return table_reader(self._tables_root)

    def now(self) -> datetime:
        """The replayed present, where this stage goes through history."""
        try:
            return ReplayClock(table=self._table(Output.DECISIONS_TABLE)).now()
        except ReplayClockNotSet:
            return SystemClock().now()

    @cached_property
    def api(self) -> PredictionClient:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        # An emulated API is reached by path: its own host name is in nobody's DNS.
        local = f"{endpoint}/_aws/execute-api/{self.output(Output.API_ID)}/$default" if endpoint else None
        return PredictionClient(url=local or self.output(Output.API_URL), session=self.session)

    @property
    def url_for_shells(self) -> str:
        """The HTTP API by its own host name, also of an emulated one: curl knows names below localhost, and signs a
        `$` in a path otherwise than AWS."""
        scheme, separator, host = os.environ.get("AWS_ENDPOINT_URL", "").partition("://")
        if not separator:
            return self.output(Output.API_URL)
        return f"{scheme}://{self.output(Output.API_ID)}.execute-api.{host}"

    def landing_result(self, feed: Feed, body: bytes) -> "LandingResult | None":
        """The batch or quarantine that landed bytes became. None until its events are published."""
        batch_id = compute_batch_id(feed, io.BytesIO(body))
        found = self.batches.find(feed, batch_id)
        return found if found is not None and self.batches.is_published(feed, batch_id) else None

    def is_committed(self, feed: Feed, body: bytes) -> bool:
        return self.batches.is_committed(feed, compute_batch_id(feed, io.BytesIO(body)))

    def decision_for(self, cause: Cause) -> RecordedDecision | None:
        return self.decisions.find(cause.model, decision_id_of(cause))

    def outcome_of(self, decision: RecordedDecision) -> Outcome | None:
        return self.decisions.outcome_of(decision.model, decision.decision_id)

    def run_of(self, decision: RecordedDecision) -> Run:
        """A retraining under way, read from the documents that its steps leave."""
        runs = self.runs
        plan = runs.find_plan(decision.model, decision.decision_id)
        if plan is None:
            return Run(contenders=(), evaluation=None, version=None)
        try:
            evaluation = runs.evaluation(plan)
        except ArtifactNotFound:
            evaluation = None
        registered = (v for v in self.registry.versions(decision.model) if v.decision_id == decision.decision_id)
        return Run(
            contenders=tuple(runs.contenders(plan)),
            evaluation=evaluation,
            version=next(registered, None) if evaluation else None,
        )

    # --- what can be asked of it ----------------------------------------------------------------

    def land(self, feed: Feed, name: str, body: bytes, *, landed_at: datetime | None = None) -> str:
        """Puts an object where batches land; returns its URI. `landed_at`: since when it counts as known, if that is
        in the past."""
        bucket, key = self.output(Output.LANDING_BUCKET), f"{feed}/{name}"
        metadata = {} if landed_at is None else {LANDED_AT: landed_at.isoformat()}
        self._client("s3").put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        return f"s3://{bucket}/{key}"

    @property
    def file_scores(self) -> FileScores:
        return FileScores(
            client=self._client("s3"),
            landing_bucket=self.output(Output.LANDING_BUCKET),
            scores_bucket=self.output(Output.SCORES_BUCKET),
        )

    def land_again(self, quarantine: Quarantine) -> None:
        """Copies a quarantined object to where it had landed. What was landed after it stays the later one."""
        bucket, _, key = quarantine.object_uri.removeprefix("s3://").partition("/")
        self._client("s3").copy_object(
            Bucket=self.output(Output.LANDING_BUCKET),
            Key=quarantine.source_key,
            CopySource={"Bucket": bucket, "Key": key},
            Metadata={LANDED_AT: quarantine.quarantined_at.isoformat()},
            MetadataDirective="REPLACE",
        )

    def ask_for_retraining(self, model: str, *, reason: str) -> Cause:
        request_id = uuid4().hex
        detail: RetrainAsked = {"model": model, "reason": reason, "request_id": request_id}
        self._bus.publish([Event(name=EventName.RETRAIN_ASKED, detail=detail)])
        return Cause(model=model, name=f"asked:{request_id}", requested_by=reason)

    def set_replay_clock(self, now: datetime) -> None:
        ReplayClock(table=self._table(Output.DECISIONS_TABLE)).set(now)

    def output(self, key: str) -> str:
        if key not in self.outputs:
            raise StackNotDeployed(f"stage {self.name!r} has no {key}: deploy all of its stacks")
        return self.outputs[key]

    def _table(self, key: str) -> Table:
        return Table(client=self._client("dynamodb"), name=self.output(key))

    def _client(self, service: str) -> Any:
        return client(service)

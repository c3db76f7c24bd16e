"""How does a model's loop stand? Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.landing.batches import TableState
from evertrain.domain.landing.feeds import label_feed, label_feeds, own_group_feed
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.release.approvals import Approval
from evertrain.domain.release.registry import Champion, VersionStatus, champion_function_version
from evertrain.domain.release.rollout import Rollout
from evertrain.domain.store.labels import LabelProgress, LabelTables, label_watermark
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.approvals import Approvals
from evertrain.ports.batches import BatchLog
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog, Leases
from evertrain.ports.endpoint import Endpoint, EndpointError, Live
from evertrain.ports.feature_store import TableStates
from evertrain.ports.registry import ModelRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """`live`: what answers, None where no endpoint is deployed. `rollout`: that is under way.
    `verdicts`: those that the trigger looks at, the newest first. `last_decision`: that had something to decide.
    `last_outcome_taken_back`: whether a version that it promoted was rolled back since then.
    `waits_for_approval`: the contender of the retraining that runs, where a person has to say whether callers get it.
    """

    model: str
    title: str
    champion: Champion | None
    live: Live | None
    rollout: Rollout | None
    features: TableState | None
    labels: TableState | None
    verdicts: Sequence[DriftVerdict]
    last_decision: RecordedDecision | None
    last_outcome: Outcome | None
    retraining_running: bool
    consecutive_quarantines: int
    waits_for_approval: Approval | None = None
    last_outcome_taken_back: bool = False

    @property
    def champion_answers(self) -> bool:
        """Whether the alias is where it belongs. During a rollout it may be ahead."""
        return self.live in (None, Live(function_version=champion_function_version(self.champion)))


@dataclass(frozen=True, kw_only=True)
class ReadModelStatus:
    batches: BatchLog
    tables: TableStates
    registry: ModelRegistry
    decisions: DecisionLog
    leases: Leases
    endpoint: Endpoint
    approvals: Approvals
    wall_clock: Clock

    def run(self, spec: ModelSpec) -> ModelStatus:
        features, labels = own_group_feed(spec), label_feed(spec)
        last_outcome = next(iter(self.decisions.outcomes(spec.name, limit=1)), None)
        return ModelStatus(
            model=spec.name,
            title=spec.title,
            champion=self.registry.champion(spec.name),
            live=self._live(spec.name),
            rollout=self.registry.rollout(spec.name),
            features=self.tables.get(features),
            labels=self.tables.get(labels),
            verdicts=self.batches.verdicts(spec.name, spec.group.name, limit=spec.triggers.drift.of_last),
            last_decision=next(iter(self.decisions.decisions(spec.name, limit=1)), None),
            last_outcome=last_outcome,
            retraining_running=self.leases.is_held(spec.name),
            consecutive_quarantines=max(
                self.batches.consecutive_quarantines(feed) for feed in (features, *label_feeds(spec))
            ),
            waits_for_approval=self._waits_for_approval(spec.name),
            last_outcome_taken_back=last_outcome is not None and self._is_taken_back(last_outcome),
        )

    def _is_taken_back(self, outcome: Outcome) -> bool:
        if outcome.name is not EventName.MODEL_PROMOTED or not outcome.version:
            return False
        return self.registry.version(outcome.model, outcome.version).status is VersionStatus.ROLLED_BACK

    def _waits_for_approval(self, model: str) -> Approval | None:
        holder = self.leases.holder(model)
        asked = None if holder is None else self.approvals.find(model, holder.decision_id)
        return asked if asked is not None and asked.is_open(self.wall_clock.now()) else None

    def _live(self, model: str) -> Live | None:
        try:
            return self.endpoint.live(model)
        except EndpointError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStatus:
    """How a model's labels come in. `complete_to`, `coverage`: None before there are any."""

    model: str
    declared_latency: timedelta
    complete_to: datetime | None
    coverage: float | None
    progress: LabelProgress | None


def label_status(
    spec: ModelSpec, labels: LabelTables | None, progress: LabelProgress | None, *, now: datetime
) -> LabelStatus:
    complete_to = None if labels is None else label_watermark(labels, spec=spec.label, now=now, progress=progress)
    covered = None if progress is None or complete_to is None else progress.coverage(before=complete_to)
    return LabelStatus(
        model=spec.name,
        declared_latency=spec.label.latency,
        complete_to=complete_to,
        coverage=covered,
        progress=progress,
    )

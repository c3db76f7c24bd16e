"""Should this model be retrained now? Reads the loop's state, asks the policy, records the decision and announces it.

Of an event's content only the decision's id matters: a lost or duplicate event changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice

from evertrain.domain.deciding.ageing import MAX_GAINS
from evertrain.domain.deciding.decisions import (
    BACKFILL,
    LEASE_DURATION,
    Action,
    Reason,
    RecordedDecision,
    decision_event,
)
from evertrain.domain.deciding.evidence import describe_pack
from evertrain.domain.deciding.loop_state import LoopState
from evertrain.domain.deciding.past_trainings import (
    answered_change,
    answers_in_vain,
    last_learnt_to,
    rows_when_trained,
)
from evertrain.domain.deciding.policy import decide
from evertrain.domain.events import EventName
from evertrain.domain.landing.feeds import group_feed, label_feeds, own_group_feed
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.release.registry import ModelVersion, UnknownVersion
from evertrain.domain.store.labels import label_tables
from evertrain.domain.training.gate import GateReason
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.batches import BatchLog
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog, LeaseHeld, Leases
from evertrain.ports.feature_store import LabelProgressLog, TableStates
from evertrain.ports.messages import EscalationChannel, EventBus
from evertrain.ports.performance import PerformanceLog
from evertrain.ports.registry import ModelRegistry

_MAX_VERDICTS = 60
"""More than the policy judges: it goes back to where a lasting drift began."""

_MAX_ACTS = 100
_MAX_OUTCOMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a model is looked at. `name` is unique for each cause and stays the same when its event is repeated."""

    model: str
    name: str
    requested_by: str = ""


def decision_id_of(cause: Cause) -> str:
    """The same for a repeated event: that is what makes a decision happen once."""
    return sha256(f"{cause.model}|{cause.name}".encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class DecideRetraining:
    project: Project
    batches: BatchLog
    tables: TableStates
    registry: ModelRegistry
    label_progress: LabelProgressLog
    performance: PerformanceLog
    decisions: DecisionLog
    leases: Leases
    bus: EventBus
    escalations: EscalationChannel
    clock: Clock

    def run(self, cause: Cause) -> RecordedDecision:
        """The decision for this cause: made once, announced at least once."""
        decision_id = decision_id_of(cause)
        recorded = self.decisions.find(cause.model, decision_id)
        if recorded is None:
            recorded = self._decide(cause, decision_id)
        self._announce(recorded)
        return recorded

    def is_premature(self, cause: Cause) -> bool:
        """Whether history is being landed: nothing is to be decided on half of it, unless a person asks."""
        holder = self.leases.holder(cause.model)
        return (
            not cause.requested_by
            and holder is not None
            and holder.decision_id == BACKFILL
            and holder.expires_in > timedelta()
        )

    def _decide(self, cause: Cause, decision_id: str) -> RecordedDecision:
        spec, now = self.project.models[cause.model], self.clock.now()
        state = self._state(spec, requested_by=cause.requested_by)
        recorded = RecordedDecision(
            decision_id=decision_id,
            model=cause.model,
            cause=cause.name,
            decided_at=now,
            decision=decide(state, spec, now=now),
        )
        try:
            return self._record(recorded)
        except LeaseHeld:
            # Another cause took the lease since the state was read.
            revised = decide(replace(state, retraining_running=True), spec, now=now)
            return self._record(replace(recorded, decision=revised))

    def _record(self, recorded: RecordedDecision) -> RecordedDecision:
        decision = recorded.decision
        if decision.action is Action.ESCALATE:
            # Before it is written down: a human told twice is better than one who was never told.
            self.escalations.call(
                subject=f"Evertrain: {recorded.model} needs a person",
                message=_message(recorded),
            )
        lease = LEASE_DURATION if decision.action is Action.RETRAIN else None
        if self.decisions.record(recorded, lease=lease):
            return recorded
        earlier = self.decisions.find(recorded.model, recorded.decision_id)
        return earlier or recorded

    def _announce(self, recorded: RecordedDecision) -> None:
        decision = recorded.decision
        if decision.reason is Reason.NOTHING_TO_DO:
            return
        self.bus.publish([decision_event(recorded)])

    def _state(self, spec: ModelSpec, *, requested_by: str) -> LoopState:
        groups = [group_feed(group.name) for group in spec.groups]
        tables = {feed: self.tables.get(feed) for feed in (*groups, *label_feeds(spec))}
        labels = label_tables(spec, tables)
        requests = self.batches.request_verdicts(spec.name, limit=_MAX_VERDICTS)
        quarantines = {feed: self.batches.consecutive_quarantines(feed) for feed in tables}
        acts = self.decisions.acts(spec.name, limit=_MAX_ACTS)
        # What a person let come to answer as it was has learnt nothing, and cost no training.
        rolled_out = {each.decision_id for each in acts if each.decision.action is Action.ROLL_OUT}
        acts = [each for each in acts if each.decision_id not in rolled_out]
        outcomes = [
            each
            for each in self.decisions.outcomes(spec.name, limit=_MAX_OUTCOMES)
            if each.decision_id not in rolled_out
        ]
        verdicts = [
            verdict
            for group in spec.groups
            for verdict in self.batches.verdicts(spec.name, group.name, limit=_MAX_VERDICTS)
        ]
        broken = [table for feed, table in tables.items() if quarantines[feed]]
        champion = self.registry.champion(spec.name)
        version = self.registry.version(spec.name, champion.version) if champion else None
        trained = self._trained(outcomes) if champion else []
        answered = answered_change(acts, outcomes, version)
        resolved_at = {
            Reason.FEED_BROKEN: min((table.ingested_at_max for table in broken if table), default=None),
            Reason.FEED_DOUBTFUL: max(
                (verdict.checked_at for verdict in verdicts if not verdict.doubts), default=None
            ),
            Reason.REQUESTS_DIFFER: max(
                (verdict.checked_at for verdict in requests if verdict.status is DriftStatus.STABLE), default=None
            ),
            Reason.FEED_STALE: min(
                (table.ingested_at_max for feed in groups if (table := tables[feed])), default=None
            ),
            Reason.LABELS_OVERDUE: labels.ingested_at_max if labels else None,
            Reason.BELOW_FLOOR: champion.since if champion else None,
            # Of an earlier change a person may have been told: this one is another matter.
            Reason.NOT_MENDED: answered.answered_at if answered else None,
            Reason.GROUP_NOT_MENDED: answered.answered_at if answered else None,
            Reason.CONTENDERS_REJECTED: max(
                (outcome.ended_at for outcome in outcomes if outcome.name is EventName.MODEL_PROMOTED), default=None
            ),
        }
        return LoopState(
            champion=champion,
            performance=self.performance.performance(spec.name, champion.version) if champion else None,
            gains=[each.gain for each in trained if each.gain is not None],
            container_seconds=trained[0].container_seconds if trained else 0.0,
            answered_change=answered,
            answers_in_vain=answers_in_vain(
                acts, outcomes, is_better=lambda version: self._is_better(spec.name, version, known=trained)
            ),
            undecided=frozenset(each.version for each in trained if each.gain and each.gain.may_be_positive),
            verdicts=verdicts,
            request_verdicts=requests,
            labels=labels,
            label_progress=self.label_progress.progress(spec.name),
            rows=table.rows if (table := tables[own_group_feed(spec)]) else 0,
            oldest_event_time=table.event_time_min if table else None,
            newest_event_times={feed.name: table.event_time_max for feed in groups if (table := tables[feed])},
            retraining_running=self.leases.is_held(spec.name),
            retrained_at=[entry.decided_at for entry in acts if entry.decision.action is Action.RETRAIN],
            last_learnt_to=last_learnt_to(acts),
            rows_when_champion_trained=rows_when_trained(version, acts),
            outcomes=outcomes,
            consecutive_quarantines=max(quarantines.values()),
            escalated_for=frozenset(
                reason for reason, passed in resolved_at.items() if _is_escalated(passed, reason, acts)
            ),
            requested_by=requested_by,
        )

    def _trained(self, outcomes: Sequence[Outcome]) -> list[ModelVersion]:
        """The versions of the last retrainings, as many as the policy learns from, the newest first."""
        versions = (self._version(each.model, each.version) for each in outcomes if each.version)
        return list(islice((version for version in versions if version is not None), MAX_GAINS))

    def _is_better(self, model: str, version: str, *, known: Sequence[ModelVersion]) -> bool:
        """Whether the gate has shown it to be better than what it replaced. `known`: versions that were read."""
        read = next((each for each in known if each.version == version), None)
        registered = read or self._version(model, version)
        return registered is not None and registered.gate.reason is GateReason.BETTER

    def _version(self, model: str, version: str) -> ModelVersion | None:
        try:
            return self.registry.version(model, version)
        except UnknownVersion:
            return None


def _message(recorded: RecordedDecision) -> str:
    decision = recorded.decision
    known = list(describe_pack(decision.pack)) if decision.pack else []
    of = (
        f"model {recorded.model}, decision {recorded.decision_id}, {decision.reason}, decided at "
        f"{recorded.decided_at:%Y-%m-%d %H:%M} UTC"
    )
    return "\n".join([f"{decision.sentence}.", "", *known, *([""] if known else []), of])


def _is_escalated(resolved_at: datetime | None, reason: Reason, acts: Sequence[RecordedDecision]) -> bool:
    """True where a human was told of an incident that has not passed since."""
    return any(
        resolved_at is None or entry.decided_at >= resolved_at
        for entry in acts
        if entry.decision.action is Action.ESCALATE and entry.decision.reason is reason
    )

"""Which rows does this retraining learn from, and on which is it judged? Answered once, before any row is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from statistics import median

from evertrain.domain.deciding.decisions import CHANGED_AT, METRIC_AFTER, METRIC_BEFORE
from evertrain.domain.landing.batches import Feed, TableState
from evertrain.domain.landing.feeds import (
    group_feed,
    label_feed,
    own_group_feed,
    prediction_label_feed,
    request_feeds,
    required_feeds,
)
from evertrain.domain.monitoring.doubts import undecided
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.policies import TaskSize
from evertrain.domain.store.labels import LabelTables, label_watermark
from evertrain.domain.training.candidates import Round, make_candidates
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.rounds import first_round
from evertrain.domain.training.task_sizes import estimate_task_size
from evertrain.domain.training.windows import NotEnoughHistory, TemporalSplit, temporal_split
from evertrain.ports.batches import BatchLog
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog
from evertrain.ports.feature_store import LabelProgressLog, TableStates
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore

RECENT_BATCHES, MIN_BATCHES = 20, 5
"""From how many batches it is known how large one usually is, at most and at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRetraining:
    """The plan, where it is kept, and its first round."""

    plan: TrainingPlan
    plan_uri: str
    round: Round


@dataclass(frozen=True, kw_only=True)
class PlanRetraining:
    project: Project
    tables: TableStates
    batches: BatchLog
    registry: ModelRegistry
    decisions: DecisionLog
    label_progress: LabelProgressLog
    runs: RunStore
    clock: Clock

    def run(self, model: str, decision_id: str) -> PlannedRetraining:
        """A repeat answers the stored plan, whatever has landed since. Raises NotEnoughHistory."""
        plan = self.runs.find_plan(model, decision_id)
        if plan is None:
            plan = self._plan(model, decision_id)
            self.runs.put_plan(plan)
        return PlannedRetraining(plan=plan, plan_uri=self.runs.plan_uri(plan), round=first_round(plan))

    def _plan(self, model: str, decision_id: str) -> TrainingPlan:
        spec, now = self.project.models[model], self.clock.now()
        states = {feed: self._state(feed) for feed in required_feeds(spec)}
        states |= {feed: state for feed in request_feeds(spec) if (state := self.tables.get(feed)) is not None}
        features = states[own_group_feed(spec)]
        labels = LabelTables(
            row_labels=states[label_feed(spec)], prediction_labels=states.get(prediction_label_feed(spec))
        )
        complete_to = label_watermark(labels, spec=spec.label, now=now, progress=self.label_progress.progress(model))
        champion = self.registry.champion(model)
        evidence = self._evidence(model, decision_id)
        # Cut as the policy did that decided on this retraining.
        split = temporal_split(
            spec.training,
            watermark=complete_to,
            oldest_event_time=features.event_time_min,
            comparable_from=champion.comparable_from if champion else None,
            changed_at=_changed_at(evidence),
        )
        return TrainingPlan(
            decision_id=decision_id,
            spec=spec,
            planned_at=now,
            known_at=now,
            watermark=complete_to,
            table_versions={str(feed): state.version for feed, state in states.items()},
            candidates=make_candidates(split.windows, spec.training.search),
            validation=split.validation,
            gate=split.gate,
            champion_version=champion.version if champion else None,
            seed=derive_seed(decision_id),
            task_size=spec.task_size or _task_size(spec, states, split),
            batch_lengths=self._batch_lengths(spec, states),
            lost=_lost(evidence),
            excluded=self._excluded(spec),
        )

    def _excluded(self, spec: ModelSpec) -> tuple[Interval, ...]:
        if not spec.triggers.drift.quarantine_faults:
            return ()
        by_group = (
            undecided(self.batches.flagged(spec.name, group.name), self.batches.acceptances(group_feed(group.name)))
            for group in spec.groups
        )
        return tuple(sorted((each for found in by_group for each in found), key=lambda each: each.start))

    def _batch_lengths(self, spec: ModelSpec, states: Mapping[Feed, TableState]) -> dict[str, timedelta]:
        """From how many rows a batch has, of how many there are in a time: some of them may be late. Not of a feed
        that has only few batches, such as one that was landed at once."""
        found = {}
        for group in spec.groups:
            # A verdict says how many rows its batch had, and all of them are one request.
            rows = [each.rows for each in self.batches.verdicts(spec.name, group.name, limit=RECENT_BATCHES)]
            if len(rows) >= MIN_BATCHES:
                found[group.name] = timedelta(seconds=median(rows) / _rows_per_second(states[group_feed(group.name)]))
        return found

    def _state(self, feed: Feed) -> TableState:
        """Raises NotEnoughHistory."""
        state = self.tables.get(feed)
        if state is None:
            raise NotEnoughHistory(f"nothing has been committed to {feed} yet")
        return state

    def _evidence(self, model: str, decision_id: str) -> Mapping[str, str | int | float]:
        recorded = self.decisions.find(model, decision_id)
        return {} if recorded is None else recorded.decision.evidence


def _changed_at(evidence: Mapping[str, str | int | float]) -> datetime | None:
    """When the world changed, as far as this decision knows."""
    changed_at = evidence.get(CHANGED_AT)
    return None if changed_at is None else datetime.fromisoformat(str(changed_at))


def _lost(evidence: Mapping[str, str | int | float]) -> float | None:
    if METRIC_BEFORE not in evidence or METRIC_AFTER not in evidence:
        return None
    return abs(float(evidence[METRIC_BEFORE]) - float(evidence[METRIC_AFTER]))


def _task_size(spec: ModelSpec, states: Mapping[Feed, TableState], split: TemporalSplit) -> TaskSize:
    rows = (own_group_feed(spec), prediction_label_feed(spec))
    rows_per_second = sum(_rows_per_second(states[feed]) for feed in rows if feed in states)
    trained = max((window.rows.end - window.rows.start).total_seconds() for window in split.windows)
    judged = max((each.end - each.start).total_seconds() for each in (split.validation, split.gate))
    return estimate_task_size(
        training_rows=rows_per_second * trained,
        evaluation_rows=rows_per_second * judged,
        columns=len(spec.feature_names) + 2,
    )


def _rows_per_second(table: TableState) -> float:
    length = max(table.event_time_max - table.event_time_min, timedelta(hours=1))
    return table.rows / length.total_seconds()


def derive_seed(decision_id: str) -> int:
    """Another retraining gets other randomness, a repeated one gets the same. Fits 32 bits, as scikit-learn asks.

    >>> derive_seed("d-1") == derive_seed("d-1"), derive_seed("d-1") == derive_seed("d-2")
    (True, False)
    """
    return int(sha256(decision_id.encode()).hexdigest()[:8], 16)

"""Which rows does this retraining learn from, and on which is it judged? Answered once, before any row is read."""

from dataclasses import dataclass
from hashlib import sha256

from evertrain.domain.batches import Feed, TableState
from evertrain.domain.feeds import feeds_of, label_feed, own_feed
from evertrain.domain.labels import watermark
from evertrain.domain.model_spec import Project, TaskSize
from evertrain.domain.training import NotEnoughHistory, TrainingPlan, cut_slices
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import TableStates
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan, where it is kept, and what each training container gets."""

    plan: TrainingPlan
    plan_uri: str
    task_size: TaskSize


@dataclass(frozen=True, kw_only=True)
class PlanRetraining:
    project: Project
    tables: TableStates
    registry: ModelRegistry
    runs: Runs
    clock: Clock

    def run(self, model: str, decision_id: str) -> Planned:
        """A repeat answers the stored plan, whatever has landed since. Raises NotEnoughHistory."""
        plan = self.runs.find_plan(model, decision_id)
        if plan is None:
            plan = self._plan(model, decision_id)
            self.runs.put_plan(plan)
        task_size = self.project.models[model].task_size
        return Planned(plan=plan, plan_uri=self.runs.plan_uri(plan), task_size=task_size)

    def _plan(self, model: str, decision_id: str) -> TrainingPlan:
        spec, now = self.project.models[model], self.clock.now()
        states = {feed: self._state(feed) for feed in feeds_of(spec)}
        features, labels = states[own_feed(spec)], states[label_feed(spec)]
        complete_to = watermark(labels, latency=spec.label.latency, now=now)
        # Cut exactly as the policy did that decided on this retraining.
        windows, validation, gate = cut_slices(
            spec.training, watermark=complete_to, oldest_event_time=features.event_time_min
        )
        champion = self.registry.champion(model)
        return TrainingPlan(
            decision_id=decision_id,
            model=model,
            planned_at=now,
            known_at=now,
            watermark=complete_to,
            table_versions={str(feed): state.version for feed, state in states.items()},
            windows=windows,
            validation=validation,
            gate=gate,
            champion_version=champion.version if champion else None,
            seed=seed_of(decision_id),
        )

    def _state(self, feed: Feed) -> TableState:
        """Raises NotEnoughHistory."""
        state = self.tables.get(feed)
        if state is None:
            raise NotEnoughHistory(f"nothing has been committed to {feed} yet")
        return state


def seed_of(decision_id: str) -> int:
    """Another retraining gets other randomness, a repeated one gets the same. Fits 32 bits, as scikit-learn asks.

    >>> seed_of("d-1") == seed_of("d-1"), seed_of("d-1") == seed_of("d-2")
    (True, False)
    """
    return int(sha256(decision_id.encode()).hexdigest()[:8], 16)

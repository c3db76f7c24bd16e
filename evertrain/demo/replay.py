"""Replays days against a deployed stage: lands a day's objects, waits for the loop, and reports what it did.

Nothing is decided here. The stage has a replay clock, which moves with the days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

from evertrain.adapters.stage import LandingResult, Stage
from evertrain.demo.flights import Flights, reported_at
from evertrain.domain.deciding.decisions import Action, Reason, RecordedDecision
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Batch, Feed, Quarantine
from evertrain.domain.landing.feeds import label_feed, own_group_feed
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.model import ModelSpec
from evertrain.terminal.retraining_progress import RetrainingProgress, Step
from evertrain.terminal.waiting import wait_until
from evertrain.use_cases.deciding.decide_retraining import Cause

LABEL_DELAY = timedelta(days=3)
"""How long the airlines take to report arrivals, in this replay."""


class UnexpectedResult(EvertrainError):
    """The loop accepted a broken file, or refused a good one."""


_BATCH_SECONDS, _RETRAINING_SECONDS = 60.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _LandedObject:
    """An object that was landed."""

    feed: Feed
    name: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Replay:
    """`cut_off`: days whose first upload ends half-way, as when a connection breaks; the whole file follows."""

    stage: Stage
    flights: Flights
    models: Sequence[ModelSpec]
    on_step: Callable[[Step], None]
    cut_off: frozenset[date] = frozenset()
    _last_reasons: dict[str, Reason] = field(default_factory=dict)

    def run(self, days: Sequence[date]) -> None:
        for day in days:
            self.stage.set_replay_clock(reported_at(day))
            # One after the other, each until nothing is left to do: else it would be chance whether a retraining that
            # drift calls for still gets the labels of the day.
            if day - LABEL_DELAY >= days[0]:
                self._follow_retrainings(day, self._land_labels(day))
            self._follow_retrainings(day, self._land_features(day))

    def _follow_retrainings(self, day: date, decisions: Sequence[RecordedDecision]) -> None:
        for decision in decisions:
            if decision.decision.action is Action.RETRAIN:
                progress = RetrainingProgress(stage=self.stage, on_step=self.on_step, day=day)
                progress.follow(decision, seconds=_RETRAINING_SECONDS)

    def _land_labels(self, day: date) -> list[RecordedDecision]:
        """Lands every model's labels that are reported on a day, and waits for the decisions that they caused."""
        flown = day - LABEL_DELAY
        landed = [
            self._land_object(label_feed(spec), f"{flown}.parquet", self.flights.labels(flown, label=spec.label.name))
            for spec in self.models
        ]
        batches = [self._await_batch(each) for each in landed]
        return [
            self._await_decision(spec, f"labels:{batch.batch_id}", day)
            for spec, batch in zip(self.models, batches, strict=True)
        ]

    def _land_features(self, day: date) -> list[RecordedDecision]:
        """Lands the features of a day, and waits for the decisions that they caused."""
        if day in self.cut_off:
            self._land_cut_off(day)
        landed = self._land_object(self._features, f"{day}.parquet", self.flights.features(day))
        return self._report_verdicts(day, self._await_batch(landed))

    def _report_verdicts(self, day: date, batch: Batch) -> list[RecordedDecision]:
        """Reports the verdicts on the day's features; returns the decisions that drift caused."""
        decisions = []
        for verdict in self.stage.batches.batch_verdicts(batch.feed, batch.batch_id):
            spec = next(spec for spec in self.models if spec.name == verdict.model)
            if verdict.status is DriftStatus.DRIFTED:
                names = ", ".join(verdict.drifted_features or verdict.drifted)
                self.on_step(Step(day=day, model=verdict.model, name="drift found", text=f"in {names}"))
                decisions.append(self._await_decision(spec, f"drift:{batch.batch_id}", day))
            else:
                text = f"{batch.rows:,} rows, {verdict.status.value.replace('_', ' ')}"
                self.on_step(Step(day=day, model=verdict.model, name="batch checked", text=text))
        return decisions

    def _land_cut_off(self, day: date) -> None:
        body = self.flights.features(day)
        quarantine = self._await_landing_result(
            self._land_object(self._features, f"{day}-cut-off.parquet", body[: len(body) // 2])
        )
        if not isinstance(quarantine, Quarantine):
            raise UnexpectedResult(f"half a file was accepted as batch {quarantine.batch_id}")
        self.on_step(Step(day=day, model=self._features.name, name="quarantined", text=quarantine.faults[0].message))
        for spec in self.models:
            self._await_decision(spec, f"quarantine:{quarantine.batch_id}", day)

    @property
    def _features(self) -> Feed:
        return own_group_feed(self.models[0])

    def _land_object(self, feed: Feed, name: str, body: bytes) -> _LandedObject:
        self.stage.land(feed, name, body)
        return _LandedObject(feed=feed, name=name, body=body)

    def _await_batch(self, landed: _LandedObject) -> Batch:
        landing_result = self._await_landing_result(landed)
        if isinstance(landing_result, Quarantine):
            raise UnexpectedResult(f"{landed.feed}/{landed.name} was quarantined: {landing_result.faults[0].message}")
        return landing_result

    def _await_landing_result(self, landed: _LandedObject) -> LandingResult:
        found: object = wait_until(
            lambda: self.stage.landing_result(landed.feed, landed.body),
            seconds=_BATCH_SECONDS,
            awaited=f"the check of {landed.feed}/{landed.name}",
        )
        return cast("LandingResult", found)  # mypy joins the union to object

    def _await_decision(self, spec: ModelSpec, cause: str, day: date) -> RecordedDecision:
        recorded = wait_until(
            lambda: self.stage.decision_for(Cause(model=spec.name, name=cause)),
            seconds=_BATCH_SECONDS,
            awaited=f"the decision on {cause[:24]} for {spec.name}",
        )
        decision = recorded.decision
        last_reason, self._last_reasons[spec.name] = self._last_reasons.get(spec.name), decision.reason
        # A hold is reported when its reason changes, not every day.
        if decision.action is not Action.HOLD or decision.reason not in (last_reason, Reason.NOTHING_TO_DO):
            self.on_step(Step(day=day, model=spec.name, name=decision.action.value, text=decision.sentence))
        return recorded

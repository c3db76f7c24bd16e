"""Replays days against a deployed stage: lands what a day lands, waits until the loop has dealt with it, tells it.

Nothing is decided here. The stage's clock is a replayed one, so the present moves with the days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

from evertrain.adapters.stage import LandingResult, Stage
from evertrain.demo.flights import Flights, after
from evertrain.demo.progress import RetrainingProgress, Step
from evertrain.domain.deciding.decisions import Action, Reason, RecordedDecision
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Batch, Feed, Quarantine
from evertrain.domain.landing.feeds import label_feed, own_group_feed
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.model import ModelSpec
from evertrain.terminal.waiting import wait_until
from evertrain.use_cases.deciding.decide_retraining import Cause

LABEL_DELAY = timedelta(days=3)
"""How long the airlines take to report arrivals, in this replay."""


class Unexpected(EvertrainError):
    """The loop judged a file of the replay other than it must."""


_BATCH_SECONDS, _RETRAINING_SECONDS = 60.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Put:
    """An object that was landed."""

    feed: Feed
    name: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Replay:
    """`cut_off`: days whose first upload ends half-way, as broken connections leave them; the whole one follows."""

    stage: Stage
    flights: Flights
    models: Sequence[ModelSpec]
    tell: Callable[[Step], None]
    cut_off: frozenset[date] = frozenset()
    _held: dict[str, Reason] = field(default_factory=dict)

    def run(self, days: Sequence[date]) -> None:
        for day in days:
            self.stage.set_replay_clock(after(day))
            for decision in self._land(day, with_labels=day - LABEL_DELAY >= days[0]):
                if decision.decision.action is Action.RETRAIN:
                    progress = RetrainingProgress(stage=self.stage, tell=self.tell, day=day)
                    progress.follow(decision, seconds=_RETRAINING_SECONDS)

    def _land(self, day: date, *, with_labels: bool) -> list[RecordedDecision]:
        """What lands on a day lands together; returns the decisions that it called for, once they are made."""
        if day in self.cut_off:
            self._land_cut_off(day)
        features = self._put(self._features, f"{day}.parquet", self.flights.features(day))
        labels = [
            self._put(
                label_feed(spec),
                f"{day - LABEL_DELAY}.parquet",
                self.flights.labels(day - LABEL_DELAY, label=spec.label.name),
            )
            for spec in (self.models if with_labels else ())
        ]
        decisions = self._judged(day, self._accepted(features))
        for spec, put in zip(self.models, labels, strict=False):
            batch = self._accepted(put)
            decisions.append(self._decision(spec, f"labels:{batch.batch_id}", day))
        return decisions

    def _judged(self, day: date, batch: Batch) -> list[RecordedDecision]:
        """Tells what the monitor found in the day's features; returns the decisions that drift called for."""
        decisions = []
        for verdict in self.stage.batches.batch_verdicts(batch.feed, batch.batch_id):
            spec = next(spec for spec in self.models if spec.name == verdict.model)
            if verdict.status is DriftStatus.DRIFTED:
                names = ", ".join(verdict.drifted_features or verdict.drifted)
                self.tell(Step(day=day, model=verdict.model, name="drift found", text=f"in {names}"))
                decisions.append(self._decision(spec, f"drift:{batch.batch_id}", day))
            else:
                text = f"{batch.rows:,} rows, {verdict.status.value.replace('_', ' ')}"
                self.tell(Step(day=day, model=verdict.model, name="batch checked", text=text))
        return decisions

    def _land_cut_off(self, day: date) -> None:
        body = self.flights.features(day)
        quarantine = self._landing_result(self._put(self._features, f"{day}-cut-off.parquet", body[: len(body) // 2]))
        if not isinstance(quarantine, Quarantine):
            raise Unexpected(f"half a file was accepted as batch {quarantine.batch_id}")
        self.tell(Step(day=day, model=self._features.name, name="quarantined", text=quarantine.faults[0].message))
        for spec in self.models:
            self._decision(spec, f"quarantine:{quarantine.batch_id}", day)

    @property
    def _features(self) -> Feed:
        return own_group_feed(self.models[0])

    def _put(self, feed: Feed, name: str, body: bytes) -> _Put:
        self.stage.land(feed, name, body)
        return _Put(feed=feed, name=name, body=body)

    def _accepted(self, put: _Put) -> Batch:
        landing_result = self._landing_result(put)
        if isinstance(landing_result, Quarantine):
            raise Unexpected(f"{put.feed}/{put.name} was quarantined: {landing_result.faults[0].message}")
        return landing_result

    def _landing_result(self, put: _Put) -> LandingResult:
        found: object = wait_until(
            lambda: self.stage.landing_result(put.feed, put.body),
            seconds=_BATCH_SECONDS,
            for_what=f"the check of {put.feed}/{put.name}",
        )
        return cast("LandingResult", found)  # mypy joins the union to object

    def _decision(self, spec: ModelSpec, cause: str, day: date) -> RecordedDecision:
        recorded = wait_until(
            lambda: self.stage.decision_for(Cause(model=spec.name, name=cause)),
            seconds=_BATCH_SECONDS,
            for_what=f"the decision on {cause[:24]} for {spec.name}",
        )
        decision = recorded.decision
        last_reason, self._held[spec.name] = self._held.get(spec.name), decision.reason
        # A hold is told when its reason changes, not each day anew.
        if decision.action is not Action.HOLD or decision.reason not in (last_reason, Reason.NOTHING_TO_DO):
            self.tell(Step(day=day, model=spec.name, name=decision.action.value, text=decision.sentence))
        return recorded

"""Replays days against a deployed stage: lands what a day lands, waits until the loop has dealt with it, tells it.

Nothing is decided here. The stage's clock is a replayed one, so the present moves with the days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from evertrain.adapters.stage import Fate, Stage
from evertrain.cli.waiting import wait_until
from evertrain.demo.flights import Flights, after
from evertrain.demo.progress import RetrainingProgress, Step
from evertrain.domain.batches import Batch, Feed, FeedKind, Quarantine
from evertrain.domain.decisions import Action, Reason, RecordedDecision
from evertrain.domain.drift import DriftStatus
from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import ModelSpec
from evertrain.use_cases.decide_retraining import Cause

LABEL_DELAY = timedelta(days=3)
"""How long the airlines take to report arrivals, in this replay."""


class Unexpected(EvertrainError):
    """The loop judged a file of the replay other than it must."""


_BATCH_SECONDS, _RETRAINING_SECONDS = 60.0, 300.0


@dataclass(frozen=True, kw_only=True)
class Replay:
    """`cut_off`: days whose first upload ends half-way, as broken connections leave them; the whole one follows."""

    stage: Stage
    flights: Flights
    models: Sequence[ModelSpec]
    tell: Callable[[Step], None]
    cut_off: frozenset[date] = frozenset()

    def run(self, days: Sequence[date]) -> None:
        for day in days:
            self.stage.set_replayed_now(after(day))
            decisions = self._land_features(day)
            if (reported := day - LABEL_DELAY) >= days[0]:
                decisions += [self._land_labels(reported, spec, today=day) for spec in self.models]
            for decision in decisions:
                if decision.decision.action is Action.RETRAIN:
                    progress = RetrainingProgress(stage=self.stage, tell=self.tell, day=day)
                    progress.follow(decision, seconds=_RETRAINING_SECONDS)

    def _land_features(self, day: date) -> list[RecordedDecision]:
        """Lands the day; returns the decisions that drift called for."""
        group = self.models[0].group.name
        feed, body = Feed(kind=FeedKind.FEATURES, name=group), self.flights.features(day)
        if day in self.cut_off:
            self._land_cut_off(feed, day, body[: len(body) // 2])
        batch = self._land(feed, f"{day}.parquet", body)
        decisions = []
        for verdict in self.stage.batches.verdicts_of(feed, batch.batch_id):
            spec = next(spec for spec in self.models if spec.name == verdict.model)
            if verdict.status is DriftStatus.DRIFTED:
                names = ", ".join(verdict.drifted_features)
                self.tell(Step(day=day, model=verdict.model, name="drift found", text=f"in {names}"))
                decisions.append(self._decision(spec, f"drift:{batch.batch_id}", day))
            else:
                text = f"{batch.rows:,} rows, {verdict.status.value.replace('_', ' ')}"
                self.tell(Step(day=day, model=verdict.model, name="batch checked", text=text))
        return decisions

    def _land_cut_off(self, feed: Feed, day: date, body: bytes) -> None:
        quarantine = self._fate(feed, f"{day}-cut-off.parquet", body)
        if not isinstance(quarantine, Quarantine):
            raise Unexpected(f"half a file was accepted as batch {quarantine.batch_id}")
        self.tell(Step(day=day, model=feed.name, name="quarantined", text=quarantine.faults[0].message))
        for spec in self.models:
            self._decision(spec, f"quarantine:{quarantine.batch_id}", day)

    def _land_labels(self, reported: date, spec: ModelSpec, *, today: date) -> RecordedDecision:
        """Lands the labels of an earlier day; returns the decision that they called for."""
        feed, body = Feed(kind=FeedKind.LABELS, name=spec.name), self.flights.labels(reported, label=spec.label.name)
        batch = self._land(feed, f"{reported}.parquet", body)
        return self._decision(spec, f"labels:{batch.batch_id}", today)

    def _land(self, feed: Feed, name: str, body: bytes) -> Batch:
        fate = self._fate(feed, name, body)
        if isinstance(fate, Quarantine):
            raise Unexpected(f"{feed}/{name} was quarantined: {fate.faults[0].message}")
        return fate

    def _fate(self, feed: Feed, name: str, body: bytes) -> Fate:
        self.stage.land(feed, name, body)
        found: object = wait_until(
            lambda: self.stage.fate(feed, body), seconds=_BATCH_SECONDS, for_what=f"the check of {feed}/{name}"
        )
        return cast("Fate", found)  # mypy joins the union to object

    def _decision(self, spec: ModelSpec, cause: str, day: date) -> RecordedDecision:
        recorded = wait_until(
            lambda: self.stage.decision_for(Cause(model=spec.name, name=cause)),
            seconds=_BATCH_SECONDS,
            for_what=f"the decision on {cause[:24]} for {spec.name}",
        )
        decision = recorded.decision
        if decision.reason is not Reason.NOTHING_TO_DO:
            self.tell(Step(day=day, model=spec.name, name=decision.action.value, text=decision.sentence))
        return recorded

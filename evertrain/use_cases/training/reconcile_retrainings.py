"""After a retraining that ended without its last state, the model is as after any other: mended, and told.

An execution may be stopped, fail in its last state, or never start. Then its outcome is wanting, its lease keeps the
model from the next retraining, and the alias may serve a version that was never promoted. Every step may be repeated,
and may meet a step of the execution that is still under way: the registry lets only one of them decide.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from evertrain.domain.deciding.decisions import (
    BESIDE,
    LEASE_DURATION,
    ROLLS_OUT,
    STARTS_EXECUTION,
    RecordedDecision,
    decision_event,
)
from evertrain.domain.events import EventName
from evertrain.domain.release.registry import ModelVersion, VersionStatus, champion_function_version
from evertrain.ports.decisions import DecisionLog, Leases
from evertrain.ports.endpoint import Endpoint, EndpointError, Live
from evertrain.ports.executions import Executions
from evertrain.ports.messages import EscalationChannel, EventBus
from evertrain.ports.registry import ModelRegistry
from evertrain.use_cases.training.finish_retraining import FinishRetraining, shorten_sentence

START_TIMEOUT = timedelta(minutes=15)
"""After the decision: a retraining that has not begun by then is asked for again, while its lease lasts."""

_MAX_ACTS = 20


@dataclass(frozen=True, kw_only=True)
class ReconcileRetrainings:
    decisions: DecisionLog
    leases: Leases
    executions: Executions
    registry: ModelRegistry
    endpoint: Endpoint
    finish_retraining: FinishRetraining
    bus: EventBus
    escalations: EscalationChannel

    def run(self, model: str) -> tuple[str, ...]:
        """What was mended, in sentences; nothing while a retraining of the model runs as it should."""
        mended: list[str] = []
        for decision in self._open_decisions(model):
            end = self._end_of(decision)
            if end is None:
                return tuple(mended)
            if self._is_open(decision):  # it may have come to its own end just now
                mended.append(f"decision {decision.decision_id} was cut off: {end}")
                self._tell(model, mended[-1])
                self._finish(decision, end)
        self._withdraw_unpromoted(model)
        mended.extend(self._mend_alias(model))
        if (rollout := self.registry.rollout(model)) is not None:
            self.registry.end_rollout(model, rollout.version)
        return tuple(mended)

    def _tell(self, model: str, sentence: str) -> None:
        # Before anything is mended: a human told twice is better than one who was never told.
        self.escalations.call(
            subject=f"Evertrain: a retraining of {model} was cut off",
            message=f"{sentence}.\n\nThe model is made ready for the next retraining; look at why this happened.",
        )

    def _is_open(self, decision: RecordedDecision) -> bool:
        return self.decisions.outcome_of(decision.model, decision.decision_id) is None

    def _open_decisions(self, model: str) -> list[RecordedDecision]:
        """Decisions to retrain or to roll out without an outcome, the oldest first."""
        recent = self.decisions.acts(model, limit=_MAX_ACTS)
        return [each for each in reversed(recent) if each.decision.action in STARTS_EXECUTION and self._is_open(each)]

    def _end_of(self, decision: RecordedDecision) -> str | None:
        """How the retraining ended; None while it may go on."""
        holder = self.leases.holder(decision.model)
        if holder is None or holder.decision_id != decision.decision_id:
            return "its lease is no longer its own"
        if holder.execution:
            state = self.executions.state(holder.execution)
            return None if state.is_running else state.description
        if holder.expires_in <= timedelta():
            return "it was never started"
        if LEASE_DURATION - holder.expires_in > START_TIMEOUT:
            self.bus.publish([decision_event(decision)])
        return None

    def _finish(self, decision: RecordedDecision, end: str) -> None:
        version = self._take_back(decision)
        name = self._outcome(decision, version) if version else EventName.RETRAIN_FAILED
        sentence = shorten_sentence(end if name in _CUT_OFF or version is None else version.gate.sentence)
        self.finish_retraining.run(
            model=decision.model,
            decision_id=decision.decision_id,
            name=name,
            version=version.version if version else "",
            sentence=sentence,
        )

    def _take_back(self, decision: RecordedDecision) -> ModelVersion | None:
        """The version that the retraining registered or rolled out, if any; where it is not promoted yet, it can't be
        any more. Of a champion's own new code it is not known whether it came to its end."""
        evidence = decision.decision.evidence
        rolled_out = evidence.get(ROLLS_OUT)
        if rolled_out and rolled_out == evidence.get(BESIDE):
            return None
        for version in self.registry.versions(decision.model):
            if version.version == rolled_out or version.decision_id == decision.decision_id:
                self.registry.withdraw(version.model, version.version)
                return self.registry.version(version.model, version.version)
        return None

    def _outcome(self, decision: RecordedDecision, version: ModelVersion) -> EventName:
        """One that answered before is retired whether this rollout came to its end or not: its history tells."""
        if version.status is VersionStatus.RETIRED and not any(
            each.version == version.version and each.since >= decision.decided_at
            for each in self.registry.history(version.model)
        ):
            return EventName.ROLLED_BACK
        return _OUTCOMES[version.status]

    def _withdraw_unpromoted(self, model: str) -> None:
        """No retraining runs: what a step registered that came too late will not be promoted any more."""
        for version in self.registry.versions(model):
            if version.status is VersionStatus.REGISTERED:
                self.registry.withdraw(model, version.version)

    def _mend_alias(self, model: str) -> Iterator[str]:
        expected = champion_function_version(self.registry.champion(model))
        try:
            live = self.endpoint.live(model)
        except EndpointError:
            return  # it is not deployed: there is nothing to point anywhere
        if live != Live(function_version=expected):
            sentence = f"the endpoint answers by function version {live}, and not by the champion's alone, {expected}"
            self._tell(model, sentence)
            self.endpoint.point_alias(model, Live(function_version=expected))
            yield sentence


_OUTCOMES = {
    VersionStatus.ROLLED_BACK: EventName.ROLLED_BACK,
    VersionStatus.REJECTED: EventName.CONTENDER_REJECTED,
    VersionStatus.HELD: EventName.CONTENDER_HELD,
    VersionStatus.CHAMPION: EventName.MODEL_PROMOTED,
    VersionStatus.RETIRED: EventName.MODEL_PROMOTED,
}
_CUT_OFF = (EventName.RETRAIN_FAILED, EventName.ROLLED_BACK)

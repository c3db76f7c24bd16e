"""However a retraining ends: its outcome is recorded once, the model is free for the next one, and all are told."""

import json
from dataclasses import dataclass

from evertrain.domain.deciding.decisions import STARTS_EXECUTION, Decision
from evertrain.domain.errors import EvertrainError, shorten
from evertrain.domain.event_details import RetrainingEnded
from evertrain.domain.events import OUTCOME_EVENTS, Event, EventName
from evertrain.domain.release.registry import VersionStatus
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.clock import Clock
from evertrain.ports.decisions import DecisionLog, Leases, UnknownDecision
from evertrain.ports.messages import EventBus
from evertrain.ports.registry import ModelRegistry

MAX_SENTENCE_LENGTH = 500
"""Characters. A cause may be a whole stack trace; the log group has it."""


SIGKILL_EXIT_CODE = 137
"""The exit code of what was ended by the kernel."""


_LEAVES_AS = {
    EventName.CONTENDER_REJECTED: VersionStatus.REJECTED,
    EventName.CONTENDER_HELD: VersionStatus.HELD,
}
"""Of a version that passed the gate, and then a person said no or nothing."""


class UnknownOutcome(EvertrainError):
    """Not one of the ways in which a retraining ends."""


@dataclass(frozen=True, kw_only=True)
class FinishRetraining:
    decisions: DecisionLog
    leases: Leases
    registry: ModelRegistry
    bus: EventBus
    clock: Clock

    def run(self, *, model: str, decision_id: str, name: str, version: str, sentence: str) -> Outcome:
        """A repeat records nothing new, and tells it again. Raises UnknownOutcome, UnknownDecision."""
        if name not in OUTCOME_EVENTS:
            raise UnknownOutcome(f"outcome {name!r} is none of {', '.join(OUTCOME_EVENTS)}")
        require_decision_to_retrain(self.decisions, model, decision_id)
        outcome = Outcome(
            decision_id=decision_id,
            model=model,
            name=EventName(name),
            ended_at=self.clock.now(),
            sentence=sentence,
            version=version,
        )
        if version and outcome.name in _LEAVES_AS:
            self.registry.withdraw(model, version, leaves_as=_LEAVES_AS[outcome.name])
        self.decisions.record_outcome(outcome)
        # Before the event: whoever is woken by it finds the model free.
        self.leases.release(model, decision_id=decision_id)
        detail: RetrainingEnded = {
            "model": model,
            "decision_id": decision_id,
            "version": version,
            "sentence": sentence,
        }
        self.bus.publish([Event(name=outcome.name, detail=detail)])
        return outcome


def require_decision_to_retrain(decisions: DecisionLog, model: str, decision_id: str) -> Decision:
    """To retrain, or to roll out a version as it is. Raises UnknownDecision."""
    recorded = decisions.find(model, decision_id)
    if recorded is None or recorded.decision.action not in STARTS_EXECUTION:
        raise UnknownDecision(f"nobody decided to retrain {shorten(model)} by {shorten(decision_id)}")
    return recorded.decision


def describe_failure(error: str, cause: str) -> str:
    """What a person should read of a failed state: Step Functions gives an error's name and a cause, often JSON.

    A Lambda's cause carries `errorMessage`; an ECS task's is the whole task description.

    >>> describe_failure("NotEnoughHistory", '{"errorMessage": "no labels of trips yet", "errorType": "…"}')
    'NotEnoughHistory: no labels of trips yet'
    >>> describe_failure("States.TaskFailed", '{"Containers": [{"Name": "train", "ExitCode": 1}]}')
    'States.TaskFailed: container train ended with exit code 1'
    >>> describe_failure("States.TaskFailed", '{"Containers": [{"Name": "train", "ExitCode": 137}]}')
    'States.TaskFailed: container train ended with exit code 137; declare a larger [task_size], where memory was full'
    >>> describe_failure("States.Timeout", "")
    'States.Timeout'
    """
    description = " ".join(_describe(cause).split())
    return shorten_sentence(": ".join(part for part in (error, description) if part) or "failed without a cause")


def shorten_sentence(sentence: str) -> str:
    return shorten(sentence, limit=MAX_SENTENCE_LENGTH - 1)


def _describe(cause: str) -> str:
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    if not isinstance(document, dict):
        return cause
    if "errorMessage" in document:
        return str(document["errorMessage"])
    return _describe_task(document) or cause


def _describe_task(task: dict[str, object]) -> str:
    """Of the containers that failed; where none has run, why the task was stopped."""
    containers = task.get("Containers")
    for container in containers if isinstance(containers, list) else ():
        code = container.get("ExitCode")
        if code:
            reason = f" ({container['Reason']})" if container.get("Reason") else ""
            remedy = "; declare a larger [task_size], where memory was full" if code == SIGKILL_EXIT_CODE else ""
            return f"container {container.get('Name', '')} ended with exit code {code}{reason}{remedy}"
    return str(task.get("StoppedReason") or "")

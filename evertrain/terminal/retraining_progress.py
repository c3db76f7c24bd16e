"""Follows one retraining by the documents that it writes, and reports each step once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from evertrain.adapters.stage import Stage
from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.training.evaluation import Evaluation
from evertrain.domain.training.outcomes import Outcome
from evertrain.terminal.waiting import wait_until

OUTCOME_NAMES = {
    EventName.MODEL_PROMOTED: "promoted",
    EventName.CONTENDER_REJECTED: "rejected",
    EventName.CONTENDER_HELD: "held",
    EventName.RETRAIN_POSTPONED: "postponed",
    EventName.RETRAIN_FAILED: "failed",
    EventName.ROLLED_BACK: "rolled back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line of progress. `day`: of the replay. `model`: or a feature group. `name`: a step of the loop."""

    day: date
    model: str
    name: str
    text: str


@dataclass(kw_only=True)
class RetrainingProgress:
    stage: Stage
    on_step: Callable[[Step], None]
    day: date
    _shown: set[str] = field(default_factory=set)

    def follow(self, decision: RecordedDecision, *, seconds: float) -> Outcome:
        """Waits for the outcome of the retraining. Raises WaitedTooLong."""

        def ask() -> Outcome | None:
            outcome = self.stage.outcome_of(decision)
            self._report_documents(decision)
            return outcome

        outcome = wait_until(ask, seconds=seconds, awaited=f"the retraining of {decision.model}")
        self._report_once(decision.model, OUTCOME_NAMES[outcome.name], outcome.sentence)
        return outcome

    def _report_documents(self, decision: RecordedDecision) -> None:
        run = self.stage.run_of(decision)
        for contender in run.contenders:
            score = contender.validation
            self._report_once(
                decision.model,
                "contender trained",
                f"on {contender.candidate}: {contender.rows:,} rows, validation {score.metric} {score.value:.4f}, "
                f"{contender.training_seconds:.1f} s",
            )
        if run.evaluation is not None:
            self._report_once(decision.model, "evaluated", _evaluated(run.evaluation))
        if run.version is not None:
            version = run.version
            tables = ", ".join(f"{feed} v{number}" for feed, number in version.table_versions.items())
            text = f"{version.version} ({tables}); gate: {version.gate.sentence}"
            self._report_once(decision.model, "registered", text)
            self._report_approval(decision)

    def _report_approval(self, decision: RecordedDecision) -> None:
        """Whoever follows would wait in vain otherwise."""
        asked = self.stage.approvals.find(decision.model, decision.decision_id)
        if asked is not None:
            text = f"{asked.version}, until {asked.expires_at:%Y-%m-%d %H:%M} UTC; `evertrain approve {asked.model}`"
            self._report_once(decision.model, "waits for approval", text)

    def _report_once(self, model: str, name: str, text: str) -> None:
        if (line := f"{name}: {text}") not in self._shown:
            self._shown.add(line)
            self.on_step(Step(day=self.day, model=model, name=name, text=text))


def _evaluated(evaluation: Evaluation) -> str:
    score = evaluation.contender_score
    chosen = f"{evaluation.chosen.candidate} contender {score.metric} {score.value:.4f}"
    if evaluation.champion_score is None:
        return f"{chosen} on {score.rows:,} later rows; there is no champion yet"
    return f"{chosen} against champion {evaluation.champion_score.value:.4f} on {score.rows:,} later rows"

"""A person's word on a contender that passed the gate, where its model asks for one: the question, and its answer.

All times are real ones, also where history is replayed: it is people who are waited for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.project.metric import ModelMetric
from evertrain.domain.release.registry import ModelVersion
from evertrain.domain.training.evaluation import Difference, Evaluation, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """`by`: who, as AWS knows them. `because`: their own words, or empty."""

    answer: ApprovalAnswer
    at: datetime
    by: str
    because: str = ""

    def __str__(self) -> str:
        why = f": {self.because}" if self.because else ""
        return f"{self.answer} by {self.by} on {self.at:%Y-%m-%d %H:%M} UTC{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One question to a person. `answered`: None until there is an answer that arrived in time."""

    model: str
    version: str
    decision_id: str
    asked_at: datetime
    expires_at: datetime
    answered: GivenAnswer | None = None

    def is_open(self, now: datetime) -> bool:
        return self.answered is None and now < self.expires_at


def proposal(
    approval: Approval, version: ModelVersion, evaluation: Evaluation, *, decided: str, stage: str
) -> Iterator[str]:
    """What a person is told of a contender that waits for them, line by line. `decided`: why it was trained."""
    model, command = approval.model, f"{approval.model} {approval.decision_id} --stage {stage}"
    until = f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"
    yield f"{model} {version.version} passed the gate and waits for you until {until}."
    yield ""
    yield f"contender: {_score(evaluation.contender_score)}"
    if evaluation.champion_score is None:
        yield "champion: none yet, this is the first model"
    else:
        yield f"champion {evaluation.champion_version}: {_score(evaluation.champion_score)}"
    if evaluation.difference is not None:
        yield _difference(evaluation.difference, evaluation.contender_score.metric)
    yield f"the gate: {version.gate.sentence}"
    yield f"why it was trained: {decided}"
    yield ""
    yield f"its page: `evertrain report {model} {version.version} --stage {stage}`"
    yield f"to let it answer callers: `evertrain approve {command}`"
    yield f"not to: `evertrain reject {command} --because …`"
    yield "Without an answer it is held: the champion stays, and the loop goes on."


def _score(score: Score) -> str:
    return f"{score.metric} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] on {score.rows:,} rows"


def _difference(difference: Difference, metric: ModelMetric) -> str:
    better = "more" if metric.higher_is_better else "less"
    return f"difference: {difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]; {better} is better"

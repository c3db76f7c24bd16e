"""Is a deployed stage as it should be, and would anybody hear of it if it were not?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evertrain.ports.messages import Subscribers
from evertrain.use_cases.deciding.model_status import ModelStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCheck:
    """`dead_letters`: by queue, how many messages wait there. `problems`: each in a sentence with its remedy."""

    stage: str
    subscribers: Subscribers
    dead_letters: Mapping[str, int]
    models: tuple[str, ...]
    problems: tuple[str, ...] = field(default=())


def check_stage(
    stage: str, *, subscribers: Subscribers, dead_letters: Mapping[str, int], statuses: Sequence[ModelStatus]
) -> StageCheck:
    problems = [
        *_about_subscribers(subscribers),
        *(_about_dead_letters(queue, count) for queue, count in dead_letters.items() if count),
        *(problem for status in statuses for problem in _about_model(status)),
    ]
    return StageCheck(
        stage=stage,
        subscribers=subscribers,
        dead_letters=dead_letters,
        models=tuple(status.model for status in statuses),
        problems=tuple(problems),
    )


def _about_subscribers(found: Subscribers) -> list[str]:
    addresses = "1 address has" if found.pending == 1 else f"{found.pending} addresses have"
    unconfirmed = f"{addresses} not confirmed yet: follow the link that was sent there"
    if found.confirmed:
        return [unconfirmed] if found.pending else []
    remedy = unconfirmed if found.pending else "deploy with -c notify=you@example.com"
    return [f"nobody is told when a person is needed; {remedy}"]


def _about_dead_letters(queue: str, count: int) -> str:
    messages = f"{count} {'message' if count == 1 else 'messages'}"
    remedy = f"its function's log says why; once that is mended, `evertrain redrive {queue}`"
    return f"{queue}: {messages} could not be worked off; {remedy}"


def _about_model(status: ModelStatus) -> list[str]:
    problems = []
    if status.live is None:
        problems.append(f"{status.model}: it has no endpoint; deploy the project as it is now")
    elif not status.champion_answers and not status.retraining_running:
        problems.append(f"{status.model}: the endpoint does not answer with the champion; it is mended in minutes")
    if status.verdicts and status.verdicts[0].trouble:
        problems.append(f"{status.model}: not watched for drift, {status.verdicts[0].trouble}")
    return problems

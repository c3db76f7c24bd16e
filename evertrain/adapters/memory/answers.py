"""What function versions answered, in memory."""

from collections.abc import Sequence
from datetime import datetime

from evertrain.domain.release.answers import Answers


class InMemoryAnswerLog:
    def __init__(self) -> None:
        self._kept: dict[tuple[str, datetime, str, str], Answers] = {}

    def put(self, model: str, answers: Answers) -> None:
        self._kept[model, answers.first_at, answers.function_version, answers.name] = answers

    def answers(self, model: str, *, since: datetime) -> Sequence[Answers]:
        return [each for (of_model, at, _, _), each in self._kept.items() if of_model == model and at >= since]

"""What function versions answered while a rollout is under way."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from evertrain.domain.release.answers import Answers


class AnswerLog(Protocol):
    def put(self, model: str, answers: Answers) -> None:
        """Keeping the same again is harmless."""

    def answers(self, model: str, *, since: datetime) -> Sequence[Answers]:
        """Those that began at `since` or later."""

"""Waits for what the deployed loop does on its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

from evertrain.domain.errors import EvertrainError

T = TypeVar("T")

_FIRST_PAUSE, _MAX_PAUSE = 0.03, 0.2


class WaitedTooLong(EvertrainError):
    """What was waited for did not happen in time."""


def wait_until(ask: Callable[[], T | None], *, seconds: float, for_what: str) -> T:
    """Asks again, at growing intervals, until the answer is not None. Raises WaitedTooLong."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise WaitedTooLong(
                f"waited {seconds:g} s for {for_what}: look at the functions' logs and at the dead-letter queues"
            )
        time.sleep(pause)
        pause = min(pause * 1.3, _MAX_PAUSE)
    return answer

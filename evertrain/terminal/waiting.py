"""Waits for the deployed loop, which works in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

from evertrain.domain.errors import EvertrainError

T = TypeVar("T")

_FIRST_PAUSE, _MAX_PAUSE = 0.03, 0.2


class WaitedTooLong(EvertrainError):
    """It did not happen in time."""


def wait_until(ask: Callable[[], T | None], *, seconds: float, awaited: str) -> T:
    """Asks at growing intervals until there is an answer. `awaited`: its name in the error. Raises WaitedTooLong."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise WaitedTooLong(
                f"waited {seconds:g} s for {awaited}: look at the functions' logs and at the dead-letter queues"
            )
        time.sleep(pause)
        pause = min(pause * 1.3, _MAX_PAUSE)
    return answer
